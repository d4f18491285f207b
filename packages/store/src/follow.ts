import { isWeftError, messageOf, type Resource } from '@weft/core'
import type { Selection, Store } from './port.ts'

/** What a follower is told. */
export interface FollowHandler {
  /** Everything that is there; called first, and again whenever the watch fell behind. What is not in it is gone. */
  listed(items: readonly Resource[], resourceVersion: string): void
  /** One change after the last list. */
  changed(type: 'ADDED' | 'MODIFIED' | 'DELETED', resource: Resource, resourceVersion: string): void
}

/** How following goes on and ends. */
export interface FollowOptions {
  readonly signal: AbortSignal
  /** Told when the store did not answer; following goes on after a pause. */
  readonly onError: (reason: string) => void
}

const PAUSE_MS = 250

/**
 * Lists and then watches one kind for as long as the signal lets it: without a gap, listing again after `WATCH_TOO_OLD`, and trying again while the
 * store does not answer. Resolves when the first list was delivered.
 */
export async function follow(store: Store, selection: Selection, handler: FollowHandler, options: FollowOptions): Promise<void> {
  const first = await store.list(selection)
  handler.listed(first.items, first.resourceVersion)
  void keepFollowing(store, selection, handler, options, first.resourceVersion)
}

async function keepFollowing(store: Store, selection: Selection, handler: FollowHandler, options: FollowOptions, from: string): Promise<void> {
  let since: string | undefined = from
  while (!options.signal.aborted) {
    try {
      if (since === undefined) {
        const list = await store.list(selection)
        handler.listed(list.items, list.resourceVersion)
        since = list.resourceVersion
      }
      for await (const event of store.watch(selection, { since, signal: options.signal })) {
        since = event.resourceVersion
        if (event.type !== 'BOOKMARK') handler.changed(event.type, event.resource, event.resourceVersion)
      }
    } catch (error) {
      if (options.signal.aborted) return
      if (isWeftError(error, 'WATCH_TOO_OLD')) since = undefined
      else {
        options.onError(messageOf(error))
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref())
      }
    }
  }
}
