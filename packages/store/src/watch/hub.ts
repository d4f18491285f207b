import { WeftError } from '@weft/core'
import { eventFor, type LoggedChange } from '../decide/select.ts'
import type { Selection, WatchEvent, WatchOptions } from '../port.ts'

/** Where watchers read what happened. Versions have no holes: each write is one change. */
export interface ChangeLog {
  /** Version of the last change; 0 when nothing ever happened. */
  latest(): number
  /** The first version that is still kept. */
  oldest(): number
  /** At most `limit` changes of one kind after a version, in order, as fresh copies. */
  read(kind: { readonly group: string; readonly kind: string }, after: number, limit: number): readonly LoggedChange[]
}

/** Changes that the log keeps. */
export const KEPT_CHANGES = 10_000
/** A watcher that saw nothing for so many versions is told where it is. */
const BOOKMARK_EVERY = 1_000
/** Changes that a watcher holds at a time. */
const PAGE = 64

interface Watcher {
  readonly group: string
  readonly kind: string
  /** What it has read up to. */
  cursor: number
  wake: (() => void) | undefined
}

/**
 * Lets watchers pull from a log: a slow one costs its cursor and one page, never a queue. It is woken when something of its kind was written, or when
 * it must be told where it is.
 */
export class WatchHub {
  readonly #log: ChangeLog
  readonly #watchers = new Set<Watcher>()
  #closed = false

  constructor(log: ChangeLog) {
    this.#log = log
  }

  /** Tells the watchers that these kinds (`group/kind`) were written. */
  changed(kinds: ReadonlySet<string>): void {
    const latest = this.#log.latest()
    for (const watcher of this.#watchers) {
      if (kinds.has(`${watcher.group}/${watcher.kind}`) || latest - watcher.cursor >= BOOKMARK_EVERY) watcher.wake?.()
    }
  }

  /** Ends all watches without an error. */
  close(): void {
    this.#closed = true
    for (const watcher of this.#watchers) watcher.wake?.()
  }

  /**
   * See `Store.watch`. "Now" is the moment of this call.
   * @throws WeftError `INVALID_VALUE` when `since` is not a version
   */
  watch(selection: Selection, options: WatchOptions = {}): AsyncIterable<WatchEvent> {
    const since = options.since === undefined ? this.#log.latest() : parseVersion(options.since)
    return { [Symbol.asyncIterator]: () => this.#follow(selection, since, options.signal) }
  }

  async *#follow(selection: Selection, since: number, signal: AbortSignal | undefined): AsyncGenerator<WatchEvent, void, undefined> {
    const watcher: Watcher = { group: selection.group, kind: selection.kind, cursor: since, wake: undefined }
    const ended = () => this.#closed || signal?.aborted === true
    const onAbort = () => watcher.wake?.()
    signal?.addEventListener('abort', onAbort)
    this.#watchers.add(watcher)
    let told = since
    try {
      while (!ended()) {
        for (const change of this.#page(watcher)) {
          watcher.cursor = change.version
          const event = eventFor(selection, change)
          if (event === undefined) continue
          told = change.version
          yield event
          if (ended()) return
        }
        if (watcher.cursor - told >= BOOKMARK_EVERY) yield { type: 'BOOKMARK', resourceVersion: String((told = watcher.cursor)) }
        if (!this.#pending(watcher) && !ended()) await sleep(watcher)
      }
    } finally {
      this.#watchers.delete(watcher)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** The next changes of the watcher's kind. Having found less than a page, it stands at the end of the log. */
  #page(watcher: Watcher): readonly LoggedChange[] {
    const latest = this.#log.latest()
    const oldest = this.#log.oldest()
    if (watcher.cursor < oldest - 1 || watcher.cursor > latest) throw new WeftError('WATCH_TOO_OLD', { since: watcher.cursor, oldest })
    const page = this.#log.read(watcher, watcher.cursor, PAGE)
    if (page.length === 0) watcher.cursor = latest
    return page
  }

  #pending(watcher: Watcher): boolean {
    return watcher.cursor < this.#log.latest()
  }
}

function sleep(watcher: Watcher): Promise<void> {
  return new Promise((resolve) => {
    watcher.wake = () => {
      watcher.wake = undefined
      resolve()
    }
  })
}

function parseVersion(since: string): number {
  const version = /^\d{1,15}$/.test(since) ? Number(since) : Number.NaN
  if (Number.isNaN(version))
    throw new WeftError('INVALID_VALUE', { field: 'resourceVersion', reason: `"${since.slice(0, 64)}" is not a version of this store` })
  return version
}
