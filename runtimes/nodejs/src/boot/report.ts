import { write, writeSync } from 'node:fs'

/** What a replica tells the provider on descriptor 4, one JSON object a line. */
export type Report = { readonly type: 'listening' } | { readonly type: 'failed'; readonly message: string; readonly stack: string }

const CONTROL_FD = 4

/** A part of a traced call: ids in hexadecimal, times in microseconds since the epoch. */
export interface ReportedSpan {
  readonly trace: string
  readonly span: string
  readonly parent: string
  readonly name: string
  readonly start: number
  readonly end: number
  readonly status?: number
  /** The response was not sent to its end. */
  readonly cut?: boolean
}

const SPANS_EVERY_MS = 100
const SPANS_A_LINE = 100
/** Spans that wait to be written; what comes above that is dropped, as calls do not wait for their spans. */
const SPANS_WAITING = 2000
const waiting: ReportedSpan[] = []
let writing = false

/** Reports spans soon, several a line, without ever waiting for the provider to read them. */
export function reportLater(spans: readonly ReportedSpan[]): void {
  if (waiting.length + spans.length > SPANS_WAITING) return
  waiting.push(...spans)
  if (writing) return
  writing = true
  setTimeout(writeSpans, SPANS_EVERY_MS).unref()
}

function spansLine(): string {
  return `${JSON.stringify({ type: 'spans', spans: waiting.splice(0, SPANS_A_LINE) })}\n`
}

function writeSpans(): void {
  if (waiting.length === 0) {
    writing = false
    return
  }
  write(CONTROL_FD, spansLine(), (error) => {
    if (error !== null) waiting.length = 0
    writeSpans()
  })
}

/** Writes what waits, before the process ends. */
export function reportLastSpans(): void {
  try {
    while (waiting.length > 0) writeSync(CONTROL_FD, spansLine())
  } catch {
    // as in report
  }
}

/** Writes one report. A missing or closed pipe is no reason to fail: the provider sees the exit code as well. */
export function report(message: Report): void {
  try {
    writeSync(CONTROL_FD, `${JSON.stringify(message)}\n`)
  } catch {
    // nobody listens: started by hand, or the provider is gone
  }
}

/** A line of the runtime itself among the function's own, on stderr, marked by its prefix. */
export function logLine(text: string): void {
  process.stderr.write(`weft: ${text}\n`)
}

/** As {@link logLine}, written before it returns: for the last words of a process. */
export function lastWords(text: string): void {
  try {
    writeSync(2, `weft: ${text}\n`)
  } catch {
    // stderr is closed or full; the exit code has to tell
  }
}

/** Stack, or text, of anything that was thrown. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`
  return String(error)
}
