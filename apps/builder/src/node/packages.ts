import { readFile, realpath, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { parsePackageJson, type PackageJson } from './package-json.ts'

const MODULES = 'node_modules/'

/**
 * The package that a file belongs to, as its directory below the root (`node_modules/a/node_modules/@s/b`); `undefined` for the handler's own files.
 */
export function packageOf(path: string): string | undefined {
  const at = path.lastIndexOf(MODULES)
  if (at < 0 || (at > 0 && path[at - 1] !== '/')) return undefined
  const [first = '', second = ''] = path.slice(at + MODULES.length).split('/')
  const name = first.startsWith('@') ? `${first}/${second}` : first
  return path.slice(0, at + MODULES.length) + name
}

/** Finds a package as Node.js does: in the `node_modules` of the directory and of those above it, down to the root. */
export async function findPackage(root: string, from: string, name: string): Promise<string | undefined> {
  for (let directory = from; ; directory = posix.dirname(directory)) {
    const candidate = directory === '.' ? MODULES + name : `${directory}/${MODULES}${name}`
    if (!directory.endsWith('node_modules') && (await isDirectory(join(root, candidate)))) return candidate
    if (directory === '.') return undefined
  }
}

const isDirectory = (path: string) =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  )

/** The package.json of a package, an empty one when it has none that can be read. */
export async function manifestOf(root: string, directory: string): Promise<PackageJson> {
  try {
    return parsePackageJson(await readFile(join(root, directory, 'package.json'), 'utf8'))
  } catch {
    return parsePackageJson('{}')
  }
}

/** The given packages and everything that they declare, as far as it is installed. */
export async function dependencyClosure(root: string, packages: Iterable<string>): Promise<Set<string>> {
  const closure = new Set<string>()
  const open = [...packages]
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    if (closure.has(directory)) continue
    closure.add(directory)
    for (const name of productionNames(await manifestOf(root, directory))) {
      const found = await findPackage(root, directory, name)
      if (found !== undefined) open.push(found)
    }
  }
  return closure
}

/** Names of what a package needs at run time. */
export function productionNames(manifest: PackageJson): readonly string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies })
}

/** Whether a path is inside a directory once all links are followed. */
export async function isInside(root: string, path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined)
  return real !== undefined && (real === root || real.startsWith(`${root}/`))
}
