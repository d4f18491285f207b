import { isWeftError, messageOf, WeftError } from '@weft/core'

/** One transaction's frame. */
export interface Transaction {
  begin(): void
  /** Makes it durable. */
  commit(): void
  rollback(): void
}

interface Job<T> {
  readonly work: () => T
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

const LARGEST_BATCH = 256

/**
 * Runs writes that wait at the same time in one transaction, so that they share one flush to disk; each is acknowledged after the commit. A write that
 * throws a WeftError has not changed anything yet and fails alone; any other failure takes the whole batch back.
 */
export class GroupCommit<T> {
  readonly #transaction: Transaction
  #waiting: Job<T>[] = []
  #scheduled = false

  constructor(transaction: Transaction) {
    this.#transaction = transaction
  }

  /** @throws WeftError what `work` throws, or `STORE_UNAVAILABLE` */
  run(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits everything that waits. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, LARGEST_BATCH))
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#waiting.length === 0) return
      this.#commit(this.#waiting.splice(0, LARGEST_BATCH))
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  #commit(batch: readonly Job<T>[]): void {
    const answers: (() => void)[] = []
    try {
      this.#transaction.begin()
      for (const job of batch) answers.push(answerOf(job))
      this.#transaction.commit()
    } catch (error) {
      this.#transaction.rollback()
      const failure = unavailable(error)
      for (const job of batch) job.reject(failure)
      return
    }
    for (const answer of answers) answer()
  }
}

function answerOf<T>(job: Job<T>): () => void {
  try {
    const value = job.work()
    return () => job.resolve(value)
  } catch (error) {
    if (!isWeftError(error)) throw error
    return () => job.reject(error)
  }
}

/** What a failure of SQLite is to the caller. */
export function unavailable(error: unknown): WeftError {
  return isWeftError(error) ? error : new WeftError('STORE_UNAVAILABLE', { reason: messageOf(error) }, { cause: error })
}
