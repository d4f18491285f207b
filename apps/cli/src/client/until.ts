import { setTimeout as pause } from 'node:timers/promises'

const EVERY_MS = 100

/** Asks until there is an answer, at least once. @returns `undefined` when the time is over; rejects when the signal ends it */
export async function until<Answer>(
  timeoutMs: number,
  signal: AbortSignal,
  ask: () => Promise<Answer | undefined>,
  everyMs = EVERY_MS,
): Promise<Answer | undefined> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() + everyMs > end) return undefined
    await pause(everyMs, undefined, { signal })
  }
}
