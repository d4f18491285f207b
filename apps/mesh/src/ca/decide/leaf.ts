/** How far a certificate's beginning is set back, against clocks that differ. */
export const BACKDATE_MS = 5 * 60_000
/** Longest life of a leaf. */
export const MAX_LEAF_MS = 24 * 3_600_000
/** Part of half the life by which the renewal is early or late at most, so that not all are renewed at once. */
const JITTER = 0.1

/** When a leaf is valid and when it is renewed; milliseconds since the epoch. */
export interface LeafTimes {
  readonly notBefore: number
  readonly notAfter: number
  readonly rotatesAt: number
}

/**
 * Decides the times of a leaf that is issued now: backdated, at most as long as its root, renewed at half its life and somewhat earlier or later.
 * @param random from 0 to 1
 */
export function planLeaf(now: number, lifetimeMs: number, rootNotAfter: number, random: number): LeafTimes {
  const notAfter = wholeSecond(Math.min(now + lifetimeMs, rootNotAfter))
  const half = (notAfter - now) / 2
  return { notBefore: wholeSecond(now - BACKDATE_MS), notAfter, rotatesAt: Math.round(now + half * (1 + JITTER * (2 * random - 1))) }
}

/** Certificates tell times in whole seconds. */
function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}
