import { parseDocument } from 'yaml'
import { WeftError } from '@weft/core'
import { canonicalReference } from '@weft/artifacts/reference'
import type { ArtifactRun } from '@weft/artifacts'

/** A program that images stand for. */
export interface CatalogueEntry {
  readonly images: readonly string[]
  readonly process: string
  readonly mode?: NonNullable<ArtifactRun['mode']>
  /** Must be on PATH. */
  readonly program: string
  readonly env: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
}

const MODES = ['classic', 'http', 'streaming', 'serializing', 'static'] as const
const KEYS = new Set(['image', 'process', 'mode', 'program', 'env', 'files', 'note'])

type Fail = (reason: string) => WeftError
type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads a catalogue file.
 * @param file its name, for messages
 * @throws WeftError `INVALID_CATALOGUE` naming the entry and the field
 */
export function parseCatalogue(text: string, file: string): readonly CatalogueEntry[] {
  const fail: Fail = (reason) => new WeftError('INVALID_CATALOGUE', { file, reason })
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw fail(problem.message)
  const content: unknown = document.toJS({ maxAliasCount: 100 })
  if (content === null) return []
  if (!isFields(content) || content['version'] !== 1 || !Array.isArray(content['images'])) throw fail('it must have "version: 1" and a list "images"')
  return content['images'].map((entry: unknown, index) => readEntry(entry, (reason) => fail(`images[${index}]: ${reason}`)))
}

function readEntry(entry: unknown, fail: Fail): CatalogueEntry {
  if (!isFields(entry)) throw fail('it is not a mapping')
  const unknown = Object.keys(entry).find((key) => !KEYS.has(key))
  if (unknown !== undefined) throw fail(`the field ${unknown} is not known (known: ${[...KEYS].join(', ')})`)
  const images = [entry['image']].flat()
  if (images.length === 0 || !images.every((image): image is string => typeof image === 'string' && image !== ''))
    throw fail('image must be a reference or a list of them')
  const process = textOf(entry['process'], 'process', fail)
  const mode = MODES.find((known) => known === entry['mode'])
  if (entry['mode'] !== undefined && mode === undefined) throw fail(`mode must be one of ${MODES.join(', ')}`)
  const program = entry['program'] === undefined ? (process.split(/\s+/)[0] ?? '') : textOf(entry['program'], 'program', fail)
  return {
    images,
    process,
    program,
    env: mapOf(entry['env'], 'env', fail),
    files: mapOf(entry['files'], 'files', fail),
    ...(mode === undefined ? {} : { mode }),
  }
}

function textOf(value: unknown, field: string, fail: Fail): string {
  if (typeof value !== 'string' || value.trim() === '') throw fail(`${field} must be a text`)
  return value.trim()
}

function mapOf(value: unknown, field: string, fail: Fail): Readonly<Record<string, string>> {
  if (value === undefined) return {}
  if (!isFields(value)) throw fail(`${field} must be a mapping`)
  return Object.fromEntries(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== 'string' && typeof text !== 'number' && typeof text !== 'boolean') throw fail(`${field}.${key} must be a text`)
      return [key, String(text)]
    }),
  )
}

/** The first entry that a reference matches. */
export function findInCatalogue(catalogue: readonly CatalogueEntry[], reference: string): CatalogueEntry | undefined {
  return catalogue.find((entry) => entry.images.some((pattern) => matches(pattern, reference)))
}

/** Whether a reference matches a pattern: `*` is anything but a slash, a pattern without a tag matches every tag and digest. */
export function matches(pattern: string, reference: string): boolean {
  const name = canonicalReference(reference)
  const hasTag = /[:@]/.test(pattern.slice(pattern.lastIndexOf('/') + 1))
  const subject = hasTag ? name : name.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
  const wanted = hasTag ? canonicalReference(pattern) : canonicalReference(pattern).replace(/:latest$/, '')
  const parts = wanted.split('*')
  return parts.length === 1 ? subject === wanted : globMatches(parts, subject)
}

/** Greedy matching without a regular expression: patterns come from users and must not be able to take long. */
function globMatches(parts: readonly string[], subject: string): boolean {
  const [first = '', ...rest] = parts
  const last = rest.pop() ?? ''
  if (!subject.startsWith(first) || !subject.endsWith(last) || subject.length < first.length + last.length) return false
  let at = first.length
  const end = subject.length - last.length
  for (const part of rest) {
    const found = subject.indexOf(part, at)
    if (found < 0 || found + part.length > end || subject.slice(at, found).includes('/')) return false
    at = found + part.length
  }
  return !subject.slice(at, end).includes('/')
}
