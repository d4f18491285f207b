import { copyFile, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buildFailed } from '../failures.ts'
import { listFiles } from '../source/tree.ts'
import { isInside } from './packages.ts'

/** Never part of an artifact: credentials, and what is installed only for the build. */
const LEFT_OUT = new Set(['node_modules', '.npmrc', '.git'])

/** Copies the handler's own files, code too: what is read, required or listed by a computed name must be where it was. */
export async function shipOwnFiles(root: string, output: string): Promise<void> {
  for (const path of await listFiles(root, (name) => LEFT_OUT.has(name.slice(name.lastIndexOf('/') + 1)))) await copy(root, path, output)
}

/** Copies packages to where they are in the source, without what is below their own `node_modules` (those packages are named themselves). */
export async function shipPackages(root: string, output: string, packages: ReadonlySet<string>): Promise<void> {
  for (const directory of [...packages].toSorted()) {
    if (!(await isInside(root, join(root, directory)))) throw buildFailed('dependencies', `${directory} leads out of the source`)
    const real = await realpath(join(root, directory))
    const target = join(output, directory)
    await mkdir(target, { recursive: true })
    for (const path of await listFiles(real, (name) => name === 'node_modules' || LEFT_OUT.has(name))) await copy(real, path, target)
  }
}

async function copy(from: string, path: string, to: string): Promise<void> {
  await mkdir(dirname(join(to, path)), { recursive: true })
  await copyFile(join(from, path), join(to, path))
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`

/** @throws WeftError `BUILD_FAILED` when the artifact is larger than it may be */
export async function checkSize(output: string, limitBytes: number): Promise<void> {
  let total = 0
  for (const path of await listFiles(output)) total += (await stat(join(output, path))).size
  if (total <= limitBytes) return
  const [largest] = await largestDirectories(output)
  throw buildFailed(
    'size',
    `the artifact has ${megabytes(total)}, more than ${megabytes(limitBytes)} (limit artifactBytes); the largest part is ${largest}`,
    'leave out what the function does not need, or raise the limit',
  )
}

async function largestDirectories(output: string): Promise<string[]> {
  const names = await readdir(output)
  const sizes = await Promise.all(names.map(async (name) => ({ name, size: await sizeOf(join(output, name)) })))
  return sizes.toSorted((a, b) => b.size - a.size).map((entry) => entry.name)
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path)
  if (!info.isDirectory()) return info.size
  const files = await listFiles(path)
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(path, file))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
