import type { Log } from './log.ts'
import { messageOf } from '@weft/core'

/** How a {@link KeyedQueue} works. */
export interface KeyedQueueOptions {
  /** Converges one key; throwing puts the key back with exponential backoff. */
  readonly work: (key: string) => Promise<void>
  readonly log: Log
  /** Keys worked on at a time; one key never twice at once. */
  readonly concurrency: number
  /** First wait after a failure; doubles up to 60 times that. Default 250. */
  readonly firstBackoffMs?: number
}

/**
 * A level-based work queue, as controller-runtime has it: adding a key that waits already changes nothing, adding one that is being worked on
 * has it worked on once more.
 */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #closed = false
  #idle: (() => void)[] = []

  constructor(options: KeyedQueueOptions) {
    this.#options = options
  }

  /** Enqueues a key, after a delay when one is given (the earliest wins). */
  add(key: string, delayMs = 0): void {
    if (this.#closed) return
    if (delayMs > 0) {
      if (this.#timers.has(key)) return
      const timer = setTimeout(() => {
        this.#timers.delete(key)
        this.add(key)
      }, delayMs)
      this.#timers.set(key, timer)
      return
    }
    this.#waiting.add(key)
    this.#pump()
  }

  /** Takes no more and resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return
      if (this.#running.has(key)) continue
      this.#waiting.delete(key)
      this.#running.add(key)
      void this.#run(key)
    }
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#options.work(key)
      this.#failures.delete(key)
    } catch (error) {
      this.#retry(key, error)
    }
    this.#running.delete(key)
    if (this.#running.size === 0 && this.#closed) for (const resolve of this.#idle.splice(0)) resolve()
    this.#pump()
  }

  #retry(key: string, error: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    const first = this.#options.firstBackoffMs ?? 250
    const delayMs = Math.min(first * 2 ** (failures - 1), first * 60)
    this.#options.log.warn({ key, failures, delayMs, reason: messageOf(error) }, 'reconcile failed, will try again')
    this.add(key, delayMs)
  }
}
