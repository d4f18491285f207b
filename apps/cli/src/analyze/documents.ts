import { ALIAS_PROBLEM, documentValue, keysOfField, positionInDocument } from '@weft/api'
import { WeftError } from '@weft/core'
import { LineCounter, parseAllDocuments, type Document } from 'yaml'
import { isList, isStack, looksLikeResource, readResourceFile, resourceFiles } from '../files/resource-files.ts'

/** A document of a file, as it is written. */
export interface WrittenDocument {
  readonly value: unknown
  readonly file: string
  /** Line of a field such as `spec.http[0].route`, or of the deepest part of it that is there; from 1. */
  lineOf(field: string): number
}

/**
 * Reads the documents of a file, or of all YAML and JSON files below a directory; unlike for `apply` they need not be valid. The functions of a stack.yaml are
 * given as Functions.
 * @throws WeftError `INVALID_VALUE` for what is not there, `INVALID_MANIFEST` for what is no YAML
 */
export async function readDocuments(path: string): Promise<readonly WrittenDocument[]> {
  const { isDirectory, files } = await resourceFiles(path)
  const lists = await Promise.all(files.map(async (file) => parseDocuments(await readResourceFile(file), file)))
  return lists.flat().filter(({ value }) => !isDirectory || looksLikeResource(value))
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
    value = documentValue(document)
  } catch {
    throw new WeftError('INVALID_MANIFEST', { file, problems: ALIAS_PROBLEM })
  }
  if (value === null || value === undefined) return []
  const written = (one: unknown, path: readonly (string | number)[]): WrittenDocument => ({
    value: one,
    file,
    lineOf: (field) => positionInDocument(document, lines, [...path, ...keysOfField(field)]).line,
  })
  if (isList(value)) return value.items.map((item, index) => written(item, ['items', index]))
  if (isStack(value) && typeof value.functions === 'object' && value.functions !== null)
    return Object.entries(value.functions).map(([name, fn]) => written(functionOf(name, fn), ['functions', name]))
  return [written(value, [])]
}

/** What the analyzer needs of a function of a stack file. */
function functionOf(name: string, fn: unknown): unknown {
  const { namespace, labels } = (typeof fn === 'object' && fn !== null ? fn : {}) as { readonly namespace?: unknown; readonly labels?: object }
  const template = { image: `${name}:latest`, ...(labels === undefined ? {} : { labels }) }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name, ...(typeof namespace === 'string' ? { namespace } : {}) }, spec: { template } }
}
