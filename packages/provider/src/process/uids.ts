/** The first and last user id that replicas get when the platform runs as root; see docs/guide/isolation.md. */
export const DEFAULT_UIDS = { first: 60_000, last: 64_999 } as const

/** Hands out user ids, each to one replica at a time; a freed one comes round again as late as possible. */
export class UidPool {
  readonly #first: number
  readonly #count: number
  readonly #used = new Set<number>()
  #next: number

  /** @param offset where to start, so that two instances on one machine rarely meet */
  constructor(range: { readonly first: number; readonly last: number }, offset: number) {
    this.#first = range.first
    this.#count = range.last - range.first + 1
    this.#next = offset % this.#count
  }

  /** @returns a free user id; `undefined` when all are taken */
  take(): number | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const uid = this.#first + this.#next
      this.#next = (this.#next + 1) % this.#count
      if (this.#used.has(uid)) continue
      this.#used.add(uid)
      return uid
    }
    return undefined
  }

  free(uid: number): void {
    this.#used.delete(uid)
  }
}
