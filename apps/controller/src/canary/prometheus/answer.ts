import type { QUERY_WORDS } from '@weft/api'

/** One number, or why there is none. */
export type Value = { readonly value: number } | { readonly value?: undefined; readonly problem: string }

/** A query with the words between its braces filled in; they are names of resources and a time, in which nothing of PromQL can be. */
export function filledIn(query: string, words: Readonly<Record<(typeof QUERY_WORDS)[number], string>>): string {
  const known: Readonly<Record<string, string>> = words
  return query.replace(/\{\{(.*?)\}\}/g, (_all, word: string) => known[word.trim()] ?? '')
}

/** Reads the answer of `/api/v1/query` (https://prometheus.io/docs/prometheus/latest/querying/api/). Nothing, several numbers and NaN are no data, never zero. */
export function readAnswer(text: string): Value {
  const parsed = parse(text)
  if (parsed?.status !== 'success') return { problem: parsed?.error ?? 'the answer is not one of Prometheus' }
  const { resultType, result } = parsed.data ?? {}
  if (resultType === 'scalar' && Array.isArray(result)) return readNumber(result[1])
  if (resultType !== 'vector' || !Array.isArray(result)) return { problem: `the query gives a ${resultType ?? 'nothing'}, and not one number` }
  if (result.length !== 1) return { problem: result.length === 0 ? 'the query found nothing' : `the query gives ${result.length} numbers, and not one` }
  const [only] = result as readonly { readonly value?: readonly unknown[] }[]
  return readNumber(only?.value?.[1])
}

interface Answer {
  readonly status?: string
  readonly error?: string
  readonly data?: { readonly resultType?: string; readonly result?: readonly unknown[] }
}

function parse(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function readNumber(text: unknown): Value {
  if (text === '+Inf' || text === '-Inf') return { value: text === '+Inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY }
  const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN
  return Number.isNaN(value) ? { problem: 'the query gives no number (NaN)' } : { value }
}
