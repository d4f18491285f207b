import { refKey, refOf, type ResourceRef } from '@weft/core'
import type { Log } from '@weft/kit'
import { MESH_KINDS, type Change } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { follow } from '@weft/store/follow'

/** Follows everything in a store that the mesh reads, and hands on the changes. */
export class StoreFeed {
  readonly #store: Store
  readonly #log: Log
  readonly #apply: (changes: readonly Change[]) => void
  #abort = new AbortController()
  #seen = 0n
  #waiters: (() => void)[] = []

  constructor(store: Store, apply: (changes: readonly Change[]) => void, log: Log) {
    this.#store = store
    this.#apply = apply
    this.#log = log
  }

  /** Resolves when everything that is there has been handed on. Starting again hands on everything anew. */
  async start(): Promise<void> {
    this.#abort.abort()
    const abort = new AbortController()
    this.#abort = abort
    await Promise.all(MESH_KINDS.map((kind) => this.#followKind(kind, abort.signal)))
  }

  async #followKind(selection: { readonly group: string; readonly kind: string }, signal: AbortSignal): Promise<void> {
    const known = new Map<string, ResourceRef>()
    await follow(
      this.#store,
      selection,
      {
        listed: (items, resourceVersion) => {
          const before = new Map(known)
          known.clear()
          for (const item of items) known.set(refKey(refOf(item)), refOf(item))
          const gone = [...before].filter(([key]) => !known.has(key)).map(([, ref]): Change => ({ type: 'removed', ref }))
          this.#hand([...gone, ...items.map((resource): Change => ({ type: 'set', resource }))], resourceVersion)
        },
        changed: (type, resource, resourceVersion) => {
          const ref = refOf(resource)
          if (type === 'DELETED') known.delete(refKey(ref))
          else known.set(refKey(ref), ref)
          this.#hand([type === 'DELETED' ? { type: 'removed', ref } : { type: 'set', resource }], resourceVersion)
        },
      },
      { signal, onError: (reason) => this.#log.warn({ kind: selection.kind, reason }, 'the store cannot be followed; trying again') },
    )
  }

  #hand(changes: readonly Change[], resourceVersion: string): void {
    if (changes.length > 0) this.#apply(changes)
    const version = versionOf(resourceVersion)
    if (version > this.#seen) this.#seen = version
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves when the change of that version was handed on, or at the deadline: it may be of a kind that the mesh does not read. */
  async reached(resourceVersion: string, signal: AbortSignal): Promise<boolean> {
    const wanted = versionOf(resourceVersion)
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (this.#seen < wanted && !signal.aborted) {
      await Promise.race([new Promise<void>((resolve) => this.#waiters.push(resolve)), aborted])
    }
    return this.#seen >= wanted
  }

  stop(): void {
    this.#abort.abort()
  }
}

/** Versions of our stores are decimal numbers that grow; anything else counts as reached. */
function versionOf(resourceVersion: string): bigint {
  return /^\d{1,30}$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n
}
