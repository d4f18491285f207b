import { isWeftError, WeftError } from '@weft/core'
import { LineCounter, parseAllDocuments, type Document } from 'yaml'
import { checkResource, type ParsedResource } from './parse-resource.ts'
import { MAX_VIOLATIONS, type Violation } from './violation.ts'
import { ALIAS_PROBLEM, documentValue, keysOfField, positionAt, positionInDocument } from './yaml-document.ts'

/** Largest manifest in bytes, as kubectl and the API server have it. */
export const MAX_MANIFEST_BYTES = 3_145_728
const MAX_RESOURCES = 5_000

/** A resource of a manifest, and where it begins (both from 1). */
export interface ManifestResource extends ParsedResource {
  readonly line: number
  readonly column: number
}

interface Source {
  readonly lines: LineCounter
  readonly document: Document.Parsed
}

interface Found {
  readonly value: unknown
  /** Keys from the document to it. */
  readonly path: readonly (string | number)[]
  readonly source: Source
}

/**
 * Reads YAML with one or several documents, or JSON; `List` kinds are taken apart. All problems of all documents are told at once, each with line and
 * column.
 * @param file name for messages
 * @throws WeftError `INVALID_MANIFEST`
 */
export function parseManifest(text: string, file = 'the manifest'): readonly ManifestResource[] {
  if (new TextEncoder().encode(text).length > MAX_MANIFEST_BYTES) throw failed(file, [`it has more than ${MAX_MANIFEST_BYTES} bytes`])
  const problems: string[] = []
  const found = readDocuments(text, problems).flatMap((source) => itemsOf(source, problems))
  if (found.length > MAX_RESOURCES) throw failed(file, [`it has more than ${MAX_RESOURCES} resources`])
  const resources = found.flatMap((item) => readItem(item, problems))
  if (problems.length > 0) throw failed(file, problems)
  if (resources.length === 0) throw failed(file, ['there is no resource in it'])
  return resources
}

function readDocuments(text: string, problems: string[]): readonly Source[] {
  const lines = new LineCounter()
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false, merge: true, version: '1.2' })
    const list = Array.isArray(documents) ? documents : []
    if (list.some(({ errors }) => errors.some(({ message }) => message.includes('call stack')))) throw new RangeError('nested too deep')
    for (const { errors, warnings } of list) {
      for (const { pos, message } of [...errors, ...warnings]) problems.push(`${place(lines, pos[0])}: ${message.split('\n')[0]}`)
    }
    return list.filter(({ errors, warnings }) => errors.length + warnings.length === 0).map((document) => ({ lines, document }))
  } catch (error) {
    problems.push(error instanceof RangeError ? 'it is nested too deep' : 'it is not YAML')
    return []
  }
}

function itemsOf(source: Source, problems: string[]): readonly Found[] {
  let value: unknown
  try {
    value = documentValue(source.document)
  } catch {
    problems.push(`${positionText(source, [])}: ${ALIAS_PROBLEM}`)
    return []
  }
  if (value === null || value === undefined) return []
  return expanded({ value, path: [], source }, problems)
}

/** A `List` (or `FunctionList` and so on) becomes its items; a list in a list is refused. */
function expanded(found: Found, problems: string[]): readonly Found[] {
  if (!isList(found.value)) return [found]
  const { items } = found.value
  if (!Array.isArray(items)) {
    problems.push(`${positionText(found.source, found.path)}: a list needs items`)
    return []
  }
  return items.map((value: unknown, index) => ({ value, path: ['items', index], source: found.source }))
}

function isList(value: unknown): value is { readonly items: unknown } {
  if (typeof value !== 'object' || value === null || !('kind' in value) || typeof value.kind !== 'string') return false
  return value.kind === 'List' || (value.kind.endsWith('List') && 'items' in value)
}

function readItem({ value, path, source }: Found, problems: string[]): readonly ManifestResource[] {
  try {
    const verdict = checkResource(value)
    if (verdict.violations === undefined) return [{ ...verdict, ...positionInDocument(source.document, source.lines, path) }]
    for (const violation of verdict.violations) problems.push(violationAt(violation, path, source, `${verdict.kind} ${verdict.name}`))
  } catch (error) {
    if (!isWeftError(error)) throw error
    problems.push(`${positionText(source, path)}: ${error.message} (${error.help})`)
  }
  return []
}

function violationAt({ field, reason }: Violation, path: readonly (string | number)[], source: Source, who: string): string {
  return `${positionText(source, [...path, ...keysOfField(field)])}: ${who}: ${field === '' ? '' : `${field}: `}${reason}`
}

function positionText(source: Source, path: readonly (string | number)[]): string {
  const { line, column } = positionInDocument(source.document, source.lines, path)
  return `${line}:${column}`
}

function place(lines: LineCounter, offset: number): string {
  const { line, column } = positionAt(lines, offset)
  return `${line}:${column}`
}

function failed(file: string, problems: readonly string[]): WeftError {
  const more = problems.length - MAX_VIOLATIONS
  const told = [...problems.slice(0, MAX_VIOLATIONS), ...(more > 0 ? [`and ${more} more`] : [])]
  return new WeftError('INVALID_MANIFEST', { file, problems: told.join('; ') })
}
