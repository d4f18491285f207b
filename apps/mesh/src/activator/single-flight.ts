/** One piece of work per key at a time: whoever asks while it runs gets the same answer. */
export class SingleFlight<T> {
  readonly #running = new Map<string, { readonly promise: Promise<T>; waiting: number }>()

  /** Joins the work under way for `key`, or starts it. */
  async run(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) ?? this.#start(key, work)
    running.waiting += 1
    try {
      return await running.promise
    } finally {
      running.waiting -= 1
    }
  }

  #start(key: string, work: () => Promise<T>): { readonly promise: Promise<T>; waiting: number } {
    const promise = work().finally(() => this.#running.delete(key))
    const started = { promise, waiting: 0 }
    this.#running.set(key, started)
    return started
  }

  /** How many wait, by key. */
  waiting(): ReadonlyMap<string, number> {
    return new Map([...this.#running].map(([key, { waiting }]) => [key, waiting]))
  }
}
