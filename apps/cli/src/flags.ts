import type { OptionSpec } from './command.ts'

/**
 * Flags in the words of Go programs, which users of faas-cli and kubeless have in their scripts: `--readonly=true` is `--readonly`, `--envsubst=false` is
 * `--no-envsubst`, and `--envsubst`, which is so anyway, is left out. Arguments after `--` stay as they are.
 */
export function normaliseFlags(argv: readonly string[], options: readonly OptionSpec[]): string[] {
  const end = argv.indexOf('--')
  const flags = end < 0 ? argv : argv.slice(0, end)
  const names = options.map(({ flags: text }) => ({ name: /--([a-zA-Z][-a-zA-Z]*)/.exec(text)?.[1] ?? '', valued: /[<[]/.test(text) }))
  const valued = new Set(names.filter((option) => option.valued).map(({ name }) => name))
  const switches = new Set(names.filter(({ name }) => !valued.has(name)).map(({ name }) => name))
  return [...flags.flatMap((argument) => normalised(argument, switches)), ...(end < 0 ? [] : argv.slice(end))]
}

function normalised(argument: string, switches: ReadonlySet<string>): string[] {
  const [, name, value] = /^--([a-zA-Z][-a-zA-Z]*?)(?:=(true|false))?$/.exec(argument) ?? []
  if (name === undefined) return [argument]
  if (switches.has(`no-${name}`) && !switches.has(name)) return value === 'false' ? [`--no-${name}`] : []
  if (value === undefined || !switches.has(name)) return [argument]
  return value === 'true' ? [`--${name}`] : []
}
