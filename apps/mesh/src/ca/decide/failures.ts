const FIRST_MS = 1_000
const LAST_MS = 300_000
const SAY_AGAIN_MS = 86_400_000

/** Renewals in a row that failed. */
export interface RenewalFailures {
  readonly count: number
  /** How long to wait with the next one. */
  readonly waitMs: number
  /** What was said last, and when (milliseconds since the epoch). */
  readonly reason: string
  readonly saidAt: number
}

/** None failed. */
export const NO_FAILURES: RenewalFailures = { count: 0, waitMs: 0, reason: '', saidAt: 0 }

/** After one more: the wait doubles from a second to five minutes, and the same reason is said once a day. */
export function afterFailure(before: RenewalFailures, reason: string, now: number): { readonly failures: RenewalFailures; readonly said: boolean } {
  const said = before.reason !== reason || now - before.saidAt >= SAY_AGAIN_MS
  const waitMs = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(before.count, 20))
  return { failures: { count: before.count + 1, waitMs, reason, saidAt: said ? now : before.saidAt }, said }
}
