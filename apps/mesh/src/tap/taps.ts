import { messageOf, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshSnapshot, TapEvent, TapRequest, WorkloadKey } from '@weft/mesh-model'
import { tapKey } from '../encode/tap.ts'
import { tappedWorkloads } from '../plane/workloads-of.ts'
import { Ends } from '../statistics/ends.ts'
import type { GrpcService } from '../xds/server.ts'
import { Bucket } from './decide/bucket.ts'
import { callOf, readRecord } from './record.ts'
import { tapService } from './service.ts'
import { TapSession } from './session.ts'
import { TapSwitches, type AskAdmin, type SwitchedProxy } from './switches.ts'

/** What taps are connected with. */
export interface TapsOptions {
  snapshot(): MeshSnapshot
  readonly proxies: readonly SwitchedProxy[]
  /** The proxy that serves a workload. */
  serving(workload: WorkloadKey): SwitchedProxy
  readonly ask: AskAdmin
  readonly log: Log
  readonly now: () => number
}

/** Taps at a time: each costs its reader's share of calls, twice. */
const MOST_TAPS = 8
/** Records that are read in a second, all taps together; what comes above it is counted only. */
const MOST_READ = 2000
const TICK_MS = 500
/** A reader asks again after this time at the latest, which shows that it is there. */
const READ_MS = 1000

/** Everybody who looks at calls now. Nothing is switched on, and no time is taken, when nobody does. */
export class Taps {
  readonly #options: TapsOptions
  readonly #switches: TapSwitches
  readonly #sessions = new Map<number, TapSession>()
  readonly #budget: Bucket
  #next = 0
  #ends: { readonly of: MeshSnapshot; readonly ends: Ends } | undefined
  #timer: NodeJS.Timeout | undefined
  #working: Promise<boolean> = Promise.resolve(true)
  #stopped = false

  constructor(options: TapsOptions) {
    this.#options = options
    this.#switches = new TapSwitches(options.ask, options.log)
    this.#budget = new Bucket(MOST_READ, options.now())
  }

  /** Where proxies send records to. */
  service(): GrpcService {
    return tapService((records) => this.#take(records))
  }

  /** Switches everything off that an earlier control plane may have left on. */
  async start(): Promise<void> {
    await this.#bring()
  }

  /**
   * Begins to look at calls of a workload; resolves when its proxies have been told to tell of them.
   * @returns what to read it by, or `undefined` when there is no workload of that name
   * @throws WeftError `TOO_MANY_TAPS`, `MESH_CLOSED`
   */
  async open(request: TapRequest): Promise<number | undefined> {
    const { snapshot, now } = this.#options
    if (this.#stopped) throw new WeftError('MESH_CLOSED')
    const workloads = tappedWorkloads(snapshot(), request.name)
    if (workloads.size === 0) return undefined
    if (this.#sessions.size >= MOST_TAPS) throw new WeftError('TOO_MANY_TAPS', { count: MOST_TAPS })
    this.#next += 1
    const id = this.#next
    const session = new TapSession(request, now())
    session.workloads = workloads
    this.#sessions.set(id, session)
    await this.#bring()
    return id
  }

  /** What came since the last time; waits a little for it. @returns `undefined` when nothing comes any more */
  async read(id: number): Promise<readonly TapEvent[] | undefined> {
    const session = this.#sessions.get(id)
    const events = await session?.read(READ_MS, this.#options.now)
    if (session?.over === true) await this.#sweep()
    return events
  }

  /** Ends one. Idempotent. */
  async close(id: number): Promise<void> {
    this.#sessions.get(id)?.close()
    await this.#sweep()
  }

  /** Ends all, and switches everything off. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const session of this.#sessions.values()) session.end('closed')
    await this.#bring()
    clearTimeout(this.#timer)
  }

  async #sweep(): Promise<void> {
    for (const [id, session] of this.#sessions) if (session.done) this.#sessions.delete(id)
    await this.#bring()
  }

  #tick(): void {
    const { now, snapshot } = this.#options
    for (const session of this.#sessions.values()) {
      session.tick(now())
      // New versions come, old ones go.
      session.workloads = tappedWorkloads(snapshot(), session.request.name)
      if (session.workloads.size === 0) session.end('gone')
    }
    void this.#sweep().catch((error: unknown) => this.#options.log.error({ reason: messageOf(error) }, 'taps could not be looked after'))
  }

  /** Brings every proxy to what is wanted now, one round after the other, and comes back as long as there is something to look after. */
  async #bring(): Promise<void> {
    this.#working = this.#working.then(() => this.#bringOnce())
    const settled = await this.#working
    clearTimeout(this.#timer)
    if (!this.#stopped && (!settled || this.#sessions.size > 0)) this.#timer = setTimeout(() => this.#tick(), TICK_MS)
  }

  async #bringOnce(): Promise<boolean> {
    const { proxies, serving } = this.#options
    const wanted = new Map<string, Set<string>>(proxies.map(({ node }) => [node, new Set()]))
    const workloads = [...this.#sessions.values()].filter((session) => !session.over).flatMap((session) => [...session.workloads])
    for (const workload of workloads) wanted.get(serving(workload).node)?.add(tapKey(workload))
    const brought = await Promise.all(proxies.map((proxy) => this.#switches.bring(proxy, wanted.get(proxy.node) ?? new Set())))
    return brought.every(Boolean)
  }

  #take(records: readonly Uint8Array[]): void {
    const now = this.#options.now()
    const readable = this.#budget.take(records.length, now)
    if (readable < records.length) for (const session of this.#sessions.values()) session.drop(records.length - readable)
    for (const record of records.slice(0, readable)) this.#hand(record, now)
  }

  #hand(bytes: Uint8Array, now: number): void {
    const told = callOf(readRecord(bytes), this.#endsNow())
    if (told === undefined) return
    for (const session of this.#sessions.values()) if (session.workloads.has(told.workload)) session.offer(told.call, now)
  }

  #endsNow(): Ends {
    const of = this.#options.snapshot()
    if (this.#ends?.of !== of) this.#ends = { of, ends: new Ends(of) }
    return this.#ends.ends
  }
}
