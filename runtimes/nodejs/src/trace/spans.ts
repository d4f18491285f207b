import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { reportLater, type ReportedSpan } from '../boot/report.ts'
import type { Call } from '../server/call.ts'
import { readTraceparent, type TraceContext } from './context.ts'

/** By which the callee's proxy says that a call is traced, and since when (microseconds since the epoch) it has it. */
const MARK = 'x-weft-trace'
/** Waiting of less than this is not worth a span. */
const WAIT_US = 1000
const TIME_ORIGIN_US = performance.timeOrigin * 1000

/** The span of a call that is being handled. */
export interface CallSpan extends TraceContext {
  readonly parentId: string
  /** When the callee's proxy took the call, microseconds since the epoch. */
  readonly takenUs: number
}

/** Begins the span of a call; `undefined` for one that is not traced. The mark is not the function's business. */
export function beginSpan({ headers, rawHeaders }: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): CallSpan | undefined {
  const mark = headers[MARK]
  if (mark === undefined) return undefined
  delete headers[MARK]
  const at = rawHeaders.indexOf(MARK)
  if (at >= 0) rawHeaders.splice(at, 2)
  const parent = readTraceparent(headers['traceparent'])
  if (parent === undefined || !parent.sampled) return undefined
  return { traceId: parent.traceId, parentId: parent.spanId, spanId: newId(), sampled: true, takenUs: Number(mark) }
}

const newId = (): string => randomBytes(8).toString('hex')

/** Reports the span of a call that has ended, and the time that it waited before. */
export function endSpan(call: Call, span: CallSpan): void {
  const startUs = Math.round(TIME_ORIGIN_US + call.startedAt * 1000)
  const endUs = Math.round(TIME_ORIGIN_US + performance.now() * 1000)
  const { statusCode, writableFinished } = call.response
  const { traceId, spanId, parentId, takenUs } = span
  const spans: ReportedSpan[] = [
    { trace: traceId, span: spanId, parent: parentId, name: 'handler', start: startUs, end: endUs, status: statusCode, cut: !writableFinished },
  ]
  if (startUs - takenUs >= WAIT_US) spans.push({ trace: traceId, span: newId(), parent: parentId, name: 'wait', start: takenUs, end: startUs })
  reportLater(spans)
}

/** Reports a call that was refused because the replica has as many as it takes. */
export function refusedSpan(request: IncomingMessage): void {
  const span = beginSpan(request)
  if (span === undefined) return
  const now = Math.round(TIME_ORIGIN_US + performance.now() * 1000)
  reportLater([{ trace: span.traceId, span: span.spanId, parent: span.parentId, name: 'concurrency limit', start: now, end: now, status: 429 }])
}
