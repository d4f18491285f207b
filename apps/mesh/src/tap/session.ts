import { tapShows, type TapCall, type TapEnd, type TapEvent, type TapRequest, type WorkloadKey } from '@weft/mesh-model'
import { Bucket } from './decide/bucket.ts'

/** Calls that wait for the reader. */
const MOST_WAITING = 1000
/** A tap that nobody reads for this time ends: its reader is gone without a word. */
const LEASE_MS = 30_000
/** After this time without a word one is said, which finds out whether the reader is still there. */
const IDLE_MS = 10_000

/** One reader of calls: bounded, whoever reads how slowly. */
export class TapSession {
  readonly request: TapRequest
  /** Whose calls it gets; looked up anew while it lasts. */
  workloads: ReadonlySet<WorkloadKey> = new Set()
  readonly #bucket: Bucket
  readonly #endsAt: number
  #events: TapEvent[] = []
  #dropped = 0
  #shown = 0
  #readAt: number
  #toldAt: number
  #end: TapEnd | undefined
  #endTold = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(request: TapRequest, now: number) {
    this.request = request
    this.#bucket = new Bucket(request.maxRps, now)
    this.#endsAt = now + request.durationMs
    this.#readAt = now
    this.#toldAt = now
  }

  /** Whether it takes no more calls. */
  get over(): boolean {
    return this.#closed || this.#end !== undefined
  }

  /** Whether it can be forgotten: nobody reads it any more, or everything was read. */
  get done(): boolean {
    return this.#closed || this.#endTold
  }

  /** A call of one of its workloads. */
  offer(call: TapCall, now: number): void {
    const { filter, limit } = this.request
    if (this.over || !tapShows(filter, call)) return
    if (this.#events.length >= MOST_WAITING || this.#bucket.take(1, now) === 0) return this.drop(1)
    this.#tellDropped()
    this.#events.push(call)
    this.#shown += 1
    if (this.#shown === limit) this.end('limit')
    this.#wake?.()
  }

  /** Calls that were not looked at. */
  drop(count: number): void {
    if (!this.over) this.#dropped += count
  }

  /** Time goes on. */
  tick(now: number): void {
    if (now - this.#readAt > LEASE_MS) this.close()
    else if (now >= this.#endsAt) this.end('duration')
    else if (this.#dropped > 0) this.#wake?.()
  }

  /** Takes no more calls; those that wait are still read. */
  end(reason: TapEnd): void {
    this.#end ??= reason
    this.#wake?.()
  }

  /** Nobody reads it any more. */
  close(): void {
    this.#closed = true
    this.#events = []
    this.#wake?.()
  }

  /** What came since the last time; waits for it, at most `waitMs`. @returns `undefined` when nothing comes any more */
  async read(waitMs: number, now: () => number): Promise<readonly TapEvent[] | undefined> {
    this.#readAt = now()
    if (this.#events.length === 0 && this.#dropped === 0 && !this.over) await this.#something(waitMs)
    this.#readAt = now()
    if (this.done) return undefined
    this.#tellDropped()
    const events = this.#events
    this.#events = []
    if (this.#end !== undefined) {
      this.#endTold = true
      events.push({ kind: 'end', reason: this.#end })
    } else if (events.length === 0 && now() - this.#toldAt >= IDLE_MS) events.push({ kind: 'idle' })
    if (events.length > 0) this.#toldAt = now()
    return events
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    const last = this.#events.at(-1)
    if (last?.kind === 'dropped') this.#events[this.#events.length - 1] = { kind: 'dropped', count: last.count + this.#dropped }
    else this.#events.push({ kind: 'dropped', count: this.#dropped })
    this.#dropped = 0
  }

  #something(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}
