import type { NamespacedName } from '@weft/core'

/** What a runtime measured of a traced call. The other end is user code: every field was checked, none is believed. */
export interface MeasuredSpan {
  /** Hexadecimal. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  /** Microseconds since the epoch. */
  readonly startUs: number
  readonly endUs: number
  /** HTTP status of the answer. */
  readonly status?: number
  /** The answer was not sent to its end. */
  readonly cut: boolean
}

/** {@link MeasuredSpan} with what the provider itself knows. */
export interface ReplicaSpan extends MeasuredSpan {
  readonly workload: NamespacedName
  /** Name of the function. */
  readonly function: string
  readonly revision: string
  readonly replica: string
}

const NAMES: ReadonlySet<unknown> = new Set(['handler', 'wait', 'concurrency limit'])
const MOST_A_LINE = 200
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0
const isId = (value: unknown, digits: number): value is string => typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)

function readSpan(value: unknown): readonly MeasuredSpan[] {
  if (typeof value !== 'object' || value === null) return []
  const { trace, span, parent, name, start, end, status, cut } = value as Readonly<Record<string, unknown>>
  if (!isId(trace, 32) || !isId(span, 16) || !isId(parent, 16) || typeof name !== 'string' || !NAMES.has(name)) return []
  if (!isTime(start) || !isTime(end) || end < start) return []
  const answered = typeof status === 'number' && Number.isInteger(status) && status >= 100 && status <= 999
  return [{ traceId: trace, spanId: span, parentId: parent, name, startUs: start, endUs: end, ...(answered ? { status } : {}), cut: cut === true }]
}

/** Reads the spans of one line; what is none is passed over. */
export function readSpans(value: unknown): readonly MeasuredSpan[] {
  return Array.isArray(value) ? value.slice(0, MOST_A_LINE).flatMap(readSpan) : []
}

const SPANS_PER_SECOND = 2000

/** How many spans of one replica are taken: a function that makes up more costs the platform no more. */
export class SpanBudget {
  readonly #now: () => number
  #second = 0
  #taken = 0

  constructor(now: () => number) {
    this.#now = now
  }

  take(spans: readonly MeasuredSpan[]): readonly MeasuredSpan[] {
    const second = Math.floor(this.#now() / 1000)
    if (second !== this.#second) this.#taken = 0
    this.#second = second
    const taken = spans.slice(0, SPANS_PER_SECOND - this.#taken)
    this.#taken += taken.length
    return taken
  }
}
