import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { MAX_MANIFEST_BYTES } from '@weft/api'
import { WeftError } from '@weft/core'

/** A file that was named, or the files of a directory that was. */
export interface ResourceFiles {
  readonly isDirectory: boolean
  readonly files: readonly string[]
}

const EXTENSIONS = /\.(ya?ml|json)$/i
const NO_RESOURCES = new Set(['package.json', 'package-lock.json', 'tsconfig.json', 'weft.yaml', 'weft.yml', 'template.yml'])

/** The file itself, or all `*.yaml`, `*.yml` and `*.json` of a directory and those below it, in order. @throws WeftError `INVALID_VALUE` when it is not there */
export async function resourceFiles(path: string): Promise<ResourceFiles> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: path, reason: 'it does not exist' })
  return { isDirectory: found.isDirectory(), files: found.isDirectory() ? await filesBelow(path) : [path] }
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name) && !NO_RESOURCES.has(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(directory, file).split(sep).includes('node_modules'))
    .toSorted()
}

/** The text of a file. @throws WeftError `INVALID_VALUE` when it is too large */
export async function readResourceFile(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_MANIFEST_BYTES) throw new WeftError('INVALID_VALUE', { field: file, reason: `it has ${size} bytes, the most is ${MAX_MANIFEST_BYTES}` })
  return readFile(file, 'utf8')
}

/** Whether a document of a directory's file is meant as a resource. */
export function looksLikeResource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('apiVersion' in value || 'kind' in value)
}

/** A `List` (or `FunctionList` and so on) with its items. */
export function isList(value: unknown): value is { readonly kind: string; readonly items: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'kind' in value && String(value.kind).endsWith('List') && 'items' in value && Array.isArray(value.items)
}

/** A stack.yaml. */
export function isStack(value: unknown): value is { readonly functions: unknown } {
  return typeof value === 'object' && value !== null && 'functions' in value && !('apiVersion' in value)
}
