import { Agent } from 'node:http'
import { ask, type Answer, type AskOptions } from './http.ts'

/** One call that did not end as it should. */
export interface Failure {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number
  readonly what: string
}

/** What a load did. */
export interface LoadResult {
  readonly calls: number
  readonly failures: readonly Failure[]
}

/** A steady load that runs until it is stopped. */
export interface RunningLoad {
  readonly calls: () => number
  stop(): Promise<LoadResult>
}

/** Calls one URL over and over with so many connections at a time; an answer that `isGood` refuses, or none, is a failure. */
export function startLoad(
  url: string,
  connections: number,
  isGood: (answer: Answer) => boolean = (answer) => answer.status === 200,
  options: AskOptions = {},
): RunningLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const failures: Failure[] = []
  let calls = 0
  let running = true
  const worker = async () => {
    while (running) {
      const startedAt = Date.now()
      const outcome = await ask(url, { ...options, agent }).then(
        (answer) => (isGood(answer) ? undefined : `${answer.status} ${answer.text.slice(0, 200)}`),
        (error: Error) => error.message,
      )
      calls += 1
      if (outcome !== undefined) failures.push({ startedAt, endedAt: Date.now(), what: outcome })
      if (outcome !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const workers = Array.from({ length: connections }, worker)
  return {
    calls: () => calls,
    async stop() {
      running = false
      await Promise.all(workers)
      agent.destroy()
      return { calls, failures }
    },
  }
}
