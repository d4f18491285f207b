import type { IncomingMessage, ServerResponse } from 'node:http'

/** One call under way. */
export class Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly startedAt = performance.now()
  readonly #over = new AbortController()
  /** Aborted when nobody waits for the program any more: time-out, caller gone. */
  readonly signal = this.#over.signal

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
  }

  /** Seconds since its start. */
  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000
  }

  /** Whether nobody waits for an answer any more. */
  get over(): boolean {
    return this.#over.signal.aborted
  }

  /** Gives it up: its processes are ended. */
  abandon(): void {
    this.#over.abort()
  }
}
