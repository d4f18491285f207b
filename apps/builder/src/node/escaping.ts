import { readFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { sourceRefused } from '../failures.ts'
import { listFiles } from '../source/tree.ts'

const GROUPS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'overrides'] as const

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})

/**
 * Refuses dependencies that stand for files outside the source (`file:../lib`, `link:/opt/x`, and the same in a lock file): they are not part of what was
 * sent, and must not bring files of this machine into an artifact.
 * @throws WeftError `SOURCE_REFUSED`
 */
export async function refuseEscapingDependencies(root: string): Promise<void> {
  const manifests = await listFiles(root, (path) => path.split('/').includes('node_modules'))
  for (const path of manifests.filter((name) => /(?:^|\/)(?:package|package-lock|npm-shrinkwrap)\.json$/.test(name))) {
    const content = await readJson(join(root, path))
    for (const [name, spec] of localSpecs(content)) {
      if (!leavesSource(dirname(path), spec)) continue
      throw sourceRefused(
        `${path}: the dependency ${name} is ${spec}, outside the source`,
        'put the dependency into the source directory, or publish it to a registry',
      )
    }
  }
}

async function readJson(path: string): Promise<Fields> {
  try {
    return fieldsOf(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    // npm says better what is wrong with it.
    return {}
  }
}

/** All paths that a package.json or a lock file names. */
function localSpecs(content: Fields): [string, string][] {
  const declared = GROUPS.flatMap((group) => Object.entries(fieldsOf(content[group])))
  const locked = Object.entries(fieldsOf(content['packages'])).flatMap(([key, entry]) => {
    const { resolved, link } = fieldsOf(entry)
    const target = typeof resolved === 'string' && link === true && !resolved.includes(':') ? [[key, `file:${resolved}`] as const] : []
    return [[key, `file:./${key}`] as const, [key, resolved] as const, ...target]
  })
  return [...declared, ...locked].flatMap(([name, spec]) => (typeof spec === 'string' ? [[name, spec] as [string, string]] : []))
}

function leavesSource(base: string, spec: string): boolean {
  const path = /^(?:file|link|portal):(?:\/\/(?=\/))?(.*)$/s.exec(spec)?.[1] ?? (/^(?:\.{1,2}\/|\/|~\/)/.test(spec) ? spec : undefined)
  if (path === undefined) return false
  return path.startsWith('/') || path.startsWith('~') || posix.normalize(posix.join(base, path)).startsWith('..')
}
