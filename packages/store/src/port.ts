import type { Resource, ResourceRef } from '@weft/core'

/** Which resources a list or a watch is about. */
export interface Selection {
  /** Group of the kind, `''` for core. */
  readonly group: string
  readonly kind: string
  /** Absent: all namespaces. */
  readonly namespace?: string
  /** Labels that must all be there with these values. */
  readonly labels?: Readonly<Record<string, string>>
}

/** What a list gives: the items, and the version from which a watch continues without a gap. */
export interface ListResult<R extends Resource = Resource> {
  readonly items: readonly R[]
  readonly resourceVersion: string
}

/** One change, in the order of resource versions. `BOOKMARK` carries only a version. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly resource: Resource; readonly resourceVersion: string }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

/** How a watch starts and ends. */
export interface WatchOptions {
  /** Continue after this version; absent: only what changes from now on. */
  readonly since?: string
  /** Ends the watch; the iteration then finishes without an error. */
  readonly signal?: AbortSignal
}

/** How a write says what it expects to find. */
export interface UpdateOptions {
  /** `status` writes only the status and keeps `generation`; `spec` (default) writes all but the status. */
  readonly part?: 'spec' | 'status'
}

/**
 * Keeps resources. Every verb may fail with `STORE_UNAVAILABLE`, which is transient: the caller tries again.
 * What a verb has acknowledged survives a crash of the process (memory adapter excepted).
 * Values are copied in and out: changing what you passed or got changes nothing in the store.
 */
export interface Store {
  /** @returns the resource, or `undefined` */
  get(ref: ResourceRef): Promise<Resource | undefined>
  list(selection: Selection): Promise<ListResult>
  /**
   * @throws WeftError `ALREADY_EXISTS`; `NOT_FOUND` when an owner that is named by uid is gone (its child would stay for ever)
   */
  create(resource: Resource): Promise<Resource>
  /**
   * Replaces a resource. With `metadata.resourceVersion` it must be the current one; without, the last write wins.
   * A write that changes nothing keeps the version and tells no watcher.
   * @throws WeftError `NOT_FOUND`, `CONFLICT`
   */
  update(resource: Resource, options?: UpdateOptions): Promise<Resource>
  /**
   * Removes a resource and, in the same transaction, everything that has it as owner.
   * @throws WeftError `NOT_FOUND`, `CONFLICT` (when `resourceVersion` is given and is not the current one)
   */
  remove(ref: ResourceRef, resourceVersion?: string): Promise<Resource>
  /**
   * Follows changes, in order and without a gap. A consumer that falls behind what is kept (10,000 events) gets `WATCH_TOO_OLD`
   * and lists again.
   * @throws WeftError `WATCH_TOO_OLD` while iterating
   */
  watch(selection: Selection, options?: WatchOptions): AsyncIterable<WatchEvent>
  /** Ends all watches and frees what is held. Idempotent. */
  close(): Promise<void>
}

/** Encrypts what must not lie open on disk; the SQLite adapter seals the `data` of Secrets with it. */
export interface Sealer {
  seal(plain: Uint8Array): Uint8Array
  /** @throws WeftError `SECRETS_UNREADABLE` when the key is not the one that sealed, or the bytes were changed */
  open(sealed: Uint8Array): Uint8Array
}
