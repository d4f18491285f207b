import { readdir, stat } from 'node:fs/promises'
import { extname, join, posix } from 'node:path'
import { buildFailed } from '../failures.ts'
import type { StagedSource } from '../source/stage.ts'
import { readHandlerName } from './handler-name.ts'
import type { PackageJson } from './package-json.ts'

/** Endings of code that the bundler reads. */
export const CODE_ENDINGS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.jsx', '.tsx'] as const
const USUAL_NAMES = ['handler', 'index', 'function', 'main', 'app', 'server'] as const

/** Where the user's code starts. */
export interface Entry {
  /** Below the source's root, with `/`. */
  readonly file: string
  readonly exportName?: string
}

/**
 * Finds the entry: what `--handler` names, else the single file, `handler.*`, the `main` of package.json, `index.*`, the other usual names, or the only code
 * file there is.
 * @throws WeftError `BUILD_FAILED` saying what was looked for
 */
export async function findEntry(source: StagedSource, handler: string | undefined, manifest: PackageJson): Promise<Entry> {
  const name = readHandlerName(handler, source.singleFile !== undefined)
  const withExport = (file: string): Entry => ({ file, ...(name.exportName === undefined ? {} : { exportName: name.exportName }) })
  if (source.singleFile !== undefined) return withExport(source.singleFile)
  if (name.module !== undefined) return withExport(await namedModule(source.root, name.module, handler ?? ''))
  const found = await guess(source.root, manifest)
  if (found !== undefined) return withExport(found)
  throw buildFailed(
    'entry',
    `no handler was found: there is no ${USUAL_NAMES[0]}.*, no "main" in package.json and no ${USUAL_NAMES[1]}.*`,
    'name it with --handler FILE.EXPORT',
  )
}

async function namedModule(root: string, module: string, handler: string): Promise<string> {
  const path = posix.normalize(module)
  if (path.startsWith('../') || path.startsWith('/'))
    throw buildFailed('entry', `the handler ${handler} is outside the source`, 'name a file of the source with --handler FILE.EXPORT')
  const file = await resolveFile(root, path)
  if (file !== undefined) return file
  throw buildFailed(
    'entry',
    `the handler ${handler} names the file ${module}, which is not in the source (${await overview(root)})`,
    'correct --handler FILE.EXPORT',
  )
}

async function guess(root: string, manifest: PackageJson): Promise<string | undefined> {
  const candidates = ['handler', ...(manifest.main === undefined ? [] : [posix.normalize(manifest.main)]), ...USUAL_NAMES, 'src/handler', 'src/index']
  for (const candidate of candidates) {
    const file = candidate.startsWith('../') ? undefined : await resolveFile(root, candidate)
    if (file !== undefined) return file
  }
  const code = (await readdir(root)).filter((file) => isCode(file) && !/\.(?:test|spec|config)\./.test(file))
  return code.length === 1 ? code[0] : undefined
}

const isCode = (file: string) => CODE_ENDINGS.some((ending) => ending === extname(file)) && !file.endsWith('.d.ts')

async function resolveFile(root: string, path: string): Promise<string | undefined> {
  const candidates = [path, ...CODE_ENDINGS.map((ending) => path + ending), ...CODE_ENDINGS.map((ending) => `${path}/index${ending}`)]
  for (const candidate of candidates) if (isCode(candidate) && (await isFile(join(root, candidate)))) return candidate
  return undefined
}

const isFile = (path: string) =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  )

async function overview(root: string): Promise<string> {
  const names = (await readdir(root)).toSorted()
  return names.length > 8 ? `it has ${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : `it has ${names.join(', ')}`
}
