import { writeSync } from 'node:fs'

/** What a replica tells the provider on descriptor 4, one JSON object a line. */
export type Report = { readonly type: 'listening' } | { readonly type: 'failed'; readonly message: string; readonly stack: string }

const CONTROL_FD = 4

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
