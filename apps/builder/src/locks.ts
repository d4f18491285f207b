/** Lets a limited number in at a time, in the order of arrival. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a place; disposing what it gives returns the place. @throws the signal's reason */
  async acquire(signal: AbortSignal): Promise<AsyncDisposable> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#wait(signal)
    return { [Symbol.asyncDispose]: async () => this.#release() }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(signal.reason as Error)
      }
      this.#waiting.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}

/** A lock per key. */
export class KeyedLock {
  readonly #locks = new Map<string, { readonly lock: Semaphore; users: number }>()

  /** Waits until nobody else holds the key. @throws the signal's reason */
  async acquire(key: string, signal: AbortSignal): Promise<AsyncDisposable> {
    const entry = this.#locks.get(key) ?? { lock: new Semaphore(1), users: 0 }
    this.#locks.set(key, entry)
    entry.users += 1
    const leave = () => {
      entry.users -= 1
      if (entry.users === 0) this.#locks.delete(key)
    }
    try {
      const held = await entry.lock.acquire(signal)
      return {
        [Symbol.asyncDispose]: async () => {
          await held[Symbol.asyncDispose]()
          leave()
        },
      }
    } catch (error) {
      leave()
      throw error
    }
  }
}
