import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** One call under way. What happens asynchronously in a handler finds its call here. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** `performance.now()` at the start. */
  readonly startedAt: number
  /** `performance.now()` at which the call is given up; Infinity for none. */
  deadline: number
  timer: NodeJS.Timeout | undefined
  /** Called when the response is closed, however it ended. */
  readonly onEnd: (() => void)[]
  ended: boolean
  timedOut: boolean
}

/** Carries the {@link Call} through everything that a handler starts. Costs one context switch a call. */
export const calls = new AsyncLocalStorage<Call>()
