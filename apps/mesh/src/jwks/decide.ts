const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 60_000

/**
 * When keys are fetched again: regularly after a success, after failures in a row with a wait that doubles from 1 s to 60 s (never longer than the regular one). A
 * part of the wait is left to chance (`random` from 0 to 1), so that many issuers are not asked at once.
 */
export function nextFetchMs({ failures, refreshMs, random }: { readonly failures: number; readonly refreshMs: number; readonly random: number }): number {
  const wait = failures === 0 ? refreshMs : Math.min(refreshMs, LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1))
  return Math.round(wait * (0.9 + 0.1 * random))
}
