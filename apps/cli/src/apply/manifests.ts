import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isMap, LineCounter, parseAllDocuments } from 'yaml'
import type { Resource } from '@weft/core'
import { WeftError } from '@weft/core'

/** What a path holds: stack files, and resources in the order in which they are to be applied. */
export interface Found {
  readonly stacks: readonly string[]
  readonly resources: readonly { readonly resource: Resource; readonly from: string }[]
}

/** What others refer to comes first. */
const ORDER = ['Namespace', 'ServiceAccount', 'Secret', 'Function', 'Service', 'DestinationRule']
const EXTENSIONS = /\.(ya?ml|json)$/i
const MAX_BYTES = 3 * 1024 * 1024

/** Reads a file, or all `*.yaml`, `*.yml` and `*.json` of a directory and those below it; handler directories of a stack are no manifests and are left out. */
export async function findManifests(path: string): Promise<Found> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: path, reason: 'it does not exist' })
  const files = found.isDirectory() ? await filesBelow(path) : [path]
  const stacks: string[] = []
  const resources: { resource: Resource; from: string }[] = []
  for (const file of files) {
    const documents = readDocuments(file, await readText(file))
    if (documents.some(isStack)) stacks.push(file)
    else for (const resource of documents) if (!found.isDirectory() || isResource(resource)) resources.push({ resource: asResource(resource, file), from: file })
  }
  return { stacks, resources: resources.toSorted((a, b) => rank(a.resource) - rank(b.resource)) }
}

/** Resources of a text, for `-f -`. @throws WeftError `INVALID_VALUE` with line and column */
export function readManifest(text: string, name: string): readonly Resource[] {
  return readDocuments(name, text).map((document) => asResource(document, name))
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name) && entry.name !== 'package.json' && entry.name !== 'package-lock.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(directory, file).includes('node_modules'))
    .toSorted()
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_BYTES) throw new WeftError('INVALID_VALUE', { field: file, reason: `it has ${size} bytes, the most is ${MAX_BYTES}` })
  return readFile(file, 'utf8')
}

function readDocuments(name: string, text: string): unknown[] {
  const lineCounter = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: true })
  return [...documents].flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) {
      const { line, col } = lineCounter.linePos(error.pos[0])
      throw new WeftError('INVALID_VALUE', { field: `${name}:${line}:${col}`, reason: error.message.split('\n')[0] ?? 'not YAML' })
    }
    if (document.contents === null) return []
    if (!isMap(document.contents)) return [undefined]
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return isList(value) ? value.items : [value]
  })
}

function isList(value: unknown): value is { readonly kind: string; readonly items: unknown[] } {
  return typeof value === 'object' && value !== null && 'kind' in value && String(value.kind).endsWith('List') && 'items' in value && Array.isArray(value.items)
}

function isStack(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'functions' in value && !('apiVersion' in value)
}

function isResource(value: unknown): value is Resource {
  if (typeof value !== 'object' || value === null || !('apiVersion' in value) || !('kind' in value) || !('metadata' in value)) return false
  const { metadata } = value
  return typeof value.apiVersion === 'string' && typeof value.kind === 'string' && typeof metadata === 'object' && metadata !== null && 'name' in metadata
}

function asResource(value: unknown, name: string): Resource {
  if (isResource(value)) return value
  throw new WeftError('INVALID_VALUE', { field: name, reason: 'a document in it has no apiVersion, kind and metadata.name' })
}

function rank({ kind }: Resource): number {
  const index = ORDER.indexOf(kind)
  return index < 0 ? ORDER.length : index
}
