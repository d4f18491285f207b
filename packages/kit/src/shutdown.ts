import { messageOf } from '@weft/core'
import type { Log } from './log.ts'

/** One step of the way down. */
export interface ShutdownStep {
  readonly name: string
  /** Ends what it names; gets the milliseconds that are left until the deadline. */
  run(remainingMs: number): Promise<void>
}

/**
 * Runs shutdown steps strictly in their order, each bounded by what is left of the deadline; a step that fails or hangs is logged and does not keep the
 * next from running.
 */
export async function runShutdown(steps: readonly ShutdownStep[], deadlineMs: number, log: Log, now: () => number = Date.now): Promise<void> {
  const end = now() + deadlineMs
  for (const step of steps) {
    const remainingMs = Math.max(100, end - now())
    const outcome = await settleWithin(step.run(remainingMs), remainingMs)
    if (outcome !== 'done') log.warn({ step: step.name, outcome }, 'a shutdown step did not finish')
  }
}

async function settleWithin(work: Promise<void>, ms: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('timed out'), ms)
  })
  const outcome = await Promise.race([work.then(() => 'done', messageOf), late])
  clearTimeout(timer)
  return outcome
}
