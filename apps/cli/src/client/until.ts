import { setTimeout as pause } from 'node:timers/promises'

const EVERY_MS = 100

/** Asks until there is an answer. @returns `undefined` when the time is over; rejects when the signal ends it */
export async function until<Answer>(timeoutMs: number, signal: AbortSignal, ask: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
  const end = performance.now() + timeoutMs
  while (performance.now() < end) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await pause(EVERY_MS, undefined, { signal })
  }
  return undefined
}
