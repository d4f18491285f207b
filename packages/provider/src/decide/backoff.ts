/** Wait before the first restart of a replica that had been well: a single crash should hardly be noticed. */
const FIRST_RESTART_MS = 100
/** Wait before the second restart in a row; doubles from there. */
const BACKOFF_BASE_MS = 1000
/** Longest wait between two restarts. */
const BACKOFF_LIMIT_MS = 300_000
/** A replica that was ready for this long is well again: its next crash counts as the first. */
export const HEALTHY_AFTER_MS = 600_000

/**
 * How many crashes in a row there are, counting the one that has just happened.
 * @param before crashes in a row before this one
 * @param readyForMs how long the incarnation that crashed had been ready; 0 when it never was
 */
export function crashesInARow(before: number, readyForMs: number): number {
  return readyForMs >= HEALTHY_AFTER_MS ? 1 : before + 1
}

/** Milliseconds to wait before the restart after so many crashes in a row: 0.1 s, then 1 s doubling to 5 minutes. */
export function restartDelayMs(crashes: number): number {
  if (crashes <= 1) return FIRST_RESTART_MS
  return Math.min(BACKOFF_BASE_MS * 2 ** (crashes - 2), BACKOFF_LIMIT_MS)
}
