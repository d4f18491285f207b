import { setTimeout as pause } from 'node:timers/promises'

/** Asks again and again until the answer is there. @throws Error naming `what` and the last problem, at the deadline */
export async function until<Answer>(what: string, ask: () => Promise<Answer | undefined | false>, deadlineMs = 30_000, everyMs = 50): Promise<Answer> {
  const end = Date.now() + deadlineMs
  let problem = 'nothing yet'
  while (Date.now() < end) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      problem = (error as Error).message
    }
    await pause(everyMs)
  }
  throw new Error(`${what}: not within ${deadlineMs} ms (${problem})`)
}
