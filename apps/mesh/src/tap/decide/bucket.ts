/** A token bucket: `perSecond` tokens a second, and as many at once. The time is given. */
export class Bucket {
  readonly #perSecond: number
  #tokens: number
  #at: number

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#at = now
  }

  /** Takes up to `count` tokens. @returns how many it had */
  take(count: number, now: number): number {
    // A clock that is set back gives nothing and takes nothing.
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (Math.max(0, now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    const taken = Math.min(count, Math.floor(this.#tokens))
    this.#tokens -= taken
    return taken
  }
}
