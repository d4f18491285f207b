interface SourceState {
  failures: number
  lastFailureAt: number
  waiting: number
}

const FREE_FAILURES = 3
const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 5_000
const FORGET_AFTER_MS = 300_000
const MOST_WAITING = 8
const MOST_SOURCES = 10_000

/**
 * Slows down who guesses passwords, per source address: after three failures each wrong answer waits twice as long as the last, up to 5 s, and at
 * most eight may wait at a time. Correct credentials clear nothing but their own request: an attacker who shares the address keeps its delay.
 */
export class Throttle {
  readonly #sources = new Map<string, SourceState>()

  /** Whether a source has so many attempts waiting that the next is refused unread. */
  isFull(source: string): boolean {
    return (this.#sources.get(source)?.waiting ?? 0) >= MOST_WAITING
  }

  /** Notes a failure. The caller calls {@link Throttle.answered} when it has waited. */
  failed(source: string, now: number): number {
    this.#forget(now)
    const state = this.#sources.get(source) ?? { failures: 0, lastFailureAt: now, waiting: 0 }
    state.failures += 1
    state.lastFailureAt = now
    state.waiting += 1
    this.#sources.delete(source)
    this.#sources.set(source, state) // last in the order of insertion: the longest quiet is first
    return state.failures <= FREE_FAILURES ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (state.failures - FREE_FAILURES - 1))
  }

  /** A failed attempt has got its answer. */
  answered(source: string): void {
    const state = this.#sources.get(source)
    if (state !== undefined) state.waiting = Math.max(0, state.waiting - 1)
  }

  #forget(now: number): void {
    for (const [source, state] of this.#sources) {
      const isOld = now - state.lastFailureAt > FORGET_AFTER_MS && state.waiting === 0
      if (!isOld && this.#sources.size < MOST_SOURCES) return
      this.#sources.delete(source)
    }
  }
}
