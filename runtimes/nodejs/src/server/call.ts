import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallSpan } from '../trace/spans.ts'

/** One call under way. What happens asynchronously in a handler finds its call here. */
export class Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** `performance.now()` at the start. */
  readonly startedAt = performance.now()
  /** Time that it may take in milliseconds; 0 is no limit. */
  limitMs = 0
  /** `performance.now()` at which the call is given up; Infinity for none. */
  deadline = Infinity
  /** Its span, when it is traced. */
  span: CallSpan | undefined = undefined
  /** What the contract remembers of the call. */
  state: unknown = undefined
  ended = false
  timedOut = false
  #onEnd: (() => void)[] | undefined

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
  }

  /** Runs `listener` when the response is closed, however it ended. */
  onEnd(listener: () => void): void {
    ;(this.#onEnd ??= []).push(listener)
  }

  /** Marks the end and tells the listeners. */
  end(): void {
    this.ended = true
    if (this.#onEnd !== undefined) for (const listener of this.#onEnd) listener()
  }
}

/** Carries the {@link Call} through everything that a handler starts. Costs one context switch a call. */
export const calls = new AsyncLocalStorage<Call>()
