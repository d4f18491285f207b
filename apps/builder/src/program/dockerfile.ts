/** Variables that say how a watchdog runs its program; others of a Dockerfile's build are of no meaning without its image. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The `ENV` lines of a Dockerfile (both forms: `ENV key=value …` and `ENV key value`), of its last stage.
 * Values that use build arguments or other variables are left out: only an engine could know them.
 */
export function dockerfileEnv(text: string): Record<string, string> {
  let env: Record<string, string> = {}
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    if (/^\s*FROM\s/i.test(line)) env = {}
    const rest = /^\s*ENV\s+(.*)$/i.exec(line)?.[1]?.trim()
    if (rest !== undefined) for (const [key, value] of pairs(rest)) if (PLAIN.test(key) && !value.includes('$')) env[key] = value
  }
  return env
}

function pairs(rest: string): [string, string][] {
  if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(rest)) {
    const space = rest.search(/\s/)
    return space < 0 ? [] : [[rest.slice(0, space), rest.slice(space).trim()]]
  }
  return [...rest.matchAll(/([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)/g)].map(([, key = '', value = '']) => [key, unquote(value)])
}

function unquote(value: string): string {
  if (/^".*"$/s.test(value)) return value.slice(1, -1).replaceAll(/\\(["\\$])/g, '$1')
  return /^'.*'$/s.test(value) ? value.slice(1, -1) : value
}
