import { isWeftError, refKey, type ResourceRef } from '@weft/core'
import { KeyedQueue, type Log } from '@weft/kit'
import type { ResourceStatus } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { nextStatus } from './decide.ts'

/** What the status of resources is to say from now on; nothing of those in `removed`. */
export interface StatusChange {
  readonly set: readonly ResourceStatus[]
  readonly removed: readonly ResourceRef[]
}

const CONCURRENCY = 4

/** What {@link StatusWriter} is connected with. */
export interface StatusWriterOptions {
  readonly store: Store
  readonly log: Log
  readonly now: () => number
}

/** Writes what the mesh found out into the status of resources: of each the last word, and only what is different. */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #wanted = new Map<string, { readonly resource: ResourceRef; readonly status: ResourceStatus | undefined }>()
  readonly #queue: KeyedQueue

  constructor(options: StatusWriterOptions) {
    this.#options = options
    this.#queue = new KeyedQueue({ work: (key) => this.#write(key), log: options.log, concurrency: CONCURRENCY })
  }

  take({ set, removed }: StatusChange): void {
    for (const status of set) this.#want(status.resource, status)
    for (const resource of removed) this.#want(resource, undefined)
  }

  #want(resource: ResourceRef, status: ResourceStatus | undefined): void {
    const key = refKey(resource)
    this.#wanted.set(key, { resource, status })
    this.#queue.add(key)
  }

  async #write(key: string): Promise<void> {
    const wanted = this.#wanted.get(key)
    if (wanted === undefined) return
    const { store, now } = this.#options
    const current = await store.get(wanted.resource)
    const status = current === undefined ? undefined : nextStatus(current, wanted.status, new Date(now()).toISOString())
    if (current !== undefined && status !== undefined) await this.#update({ ...current, status })
    if (this.#wanted.get(key) === wanted) this.#wanted.delete(key)
  }

  /** A resource that is gone meanwhile needs no status; any other failure is tried again by the queue. */
  async #update(resource: Parameters<Store['update']>[0]): Promise<void> {
    try {
      await this.#options.store.update(resource, { part: 'status' })
    } catch (error) {
      if (!isWeftError(error) || error.code !== 'NOT_FOUND') throw error
    }
  }

  /** Writes no more; resolves when what is being written is. */
  close(): Promise<void> {
    return this.#queue.close()
  }
}
