import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { MAX_MANIFEST_BYTES } from '@weft/api'
import { WeftError } from '@weft/core'
import { isNode, LineCounter, parseAllDocuments, type Document } from 'yaml'

/** A document of a file, as it is written. */
export interface WrittenDocument {
  readonly value: unknown
  readonly file: string
  /** Line of a field such as `spec.http[0].route`, or of the deepest part of it that is there; from 1. */
  lineOf(field: string): number
}

const EXTENSIONS = /\.(ya?ml|json)$/i
const NO_MANIFESTS = new Set(['package.json', 'package-lock.json', 'tsconfig.json', 'weft.yaml', 'weft.yml', 'template.yml'])
const MAX_ALIASES = 100

/**
 * Reads the documents of a file, or of all YAML and JSON files below a directory; unlike for `apply` they need not be valid. The functions of a stack.yaml are
 * given as Functions.
 * @throws WeftError `INVALID_VALUE` for what is not there, `INVALID_MANIFEST` for what is no YAML
 */
export async function readDocuments(path: string): Promise<readonly WrittenDocument[]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: path, reason: 'it does not exist' })
  const files = found.isDirectory() ? await filesBelow(path) : [path]
  const lists = await Promise.all(files.map((file) => readFileDocuments(file)))
  return lists.flat().filter(({ value }) => !found.isDirectory() || looksLikeResource(value))
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name) && !NO_MANIFESTS.has(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(directory, file).split(sep).includes('node_modules'))
    .toSorted()
}

async function readFileDocuments(file: string): Promise<readonly WrittenDocument[]> {
  const { size } = await stat(file)
  if (size > MAX_MANIFEST_BYTES) throw new WeftError('INVALID_VALUE', { field: file, reason: `it has ${size} bytes, the most is ${MAX_MANIFEST_BYTES}` })
  return parseDocuments(await readFile(file, 'utf8'), file)
}

/** The documents of a text, lists taken apart. @throws WeftError `INVALID_MANIFEST` */
export function parseDocuments(text: string, file: string): readonly WrittenDocument[] {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, merge: true, prettyErrors: false })
  const documents: readonly Document.Parsed[] = Array.isArray(parsed) ? parsed : []
  const problems = documents.flatMap(({ errors }) => errors.map(({ pos, message }) => `${lines.linePos(pos[0]).line}: ${message.split('\n')[0] ?? ''}`))
  if (problems.length > 0) throw new WeftError('INVALID_MANIFEST', { file, problems: problems.join('; ') })
  return documents.flatMap((document) => itemsOf(document, lines, file))
}

function itemsOf(document: Document.Parsed, lines: LineCounter, file: string): readonly WrittenDocument[] {
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch {
    throw new WeftError('INVALID_MANIFEST', { file, problems: 'its aliases stand for too much, or for nothing' })
  }
  if (value === null || value === undefined) return []
  const written = (one: unknown, path: readonly (string | number)[]): WrittenDocument => ({
    value: one,
    file,
    lineOf: (field) => lineAt(document, lines, [...path, ...keysOf(field)]),
  })
  if (isList(value)) return value.items.map((item, index) => written(item, ['items', index]))
  if (isStack(value)) return Object.entries(value.functions).map(([name, fn]) => written(functionOf(name, fn), ['functions', name]))
  return [written(value, [])]
}

/** The keys of a path such as `spec.http[0].headers["x-a"]`. */
function keysOf(field: string): readonly (string | number)[] {
  const parts = field.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)
  return [...parts].map(([, index, quoted, name]) => (index === undefined ? (quoted ?? name ?? '') : Number(index)))
}

function lineAt(document: Document.Parsed, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const offset = isNode(node) ? node.range?.[0] : undefined
    if (offset !== undefined) return Math.max(1, lines.linePos(offset).line)
  }
  return 1
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'kind' in value && String(value.kind).endsWith('List') && 'items' in value && Array.isArray(value.items)
}

function isStack(value: unknown): value is { readonly functions: object } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'functions' in value &&
    !('apiVersion' in value) &&
    typeof value.functions === 'object' &&
    value.functions !== null
  )
}

/** What the analyzer needs of a function of a stack file. */
function functionOf(name: string, fn: unknown): unknown {
  const { namespace, labels } = (typeof fn === 'object' && fn !== null ? fn : {}) as { readonly namespace?: unknown; readonly labels?: object }
  const template = { image: `${name}:latest`, ...(labels === undefined ? {} : { labels }) }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name, ...(typeof namespace === 'string' ? { namespace } : {}) }, spec: { template } }
}

function looksLikeResource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('apiVersion' in value || 'kind' in value)
}
