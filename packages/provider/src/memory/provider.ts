import { keyOf, WeftError, type NamespacedName } from '@weft/core'
import { crashesInARow, restartDelayMs } from '../decide/backoff.ts'
import { decideScale } from '../decide/retire.ts'
import type { Isolation, LogLine, LogQuery, Provider, Replica, ReplicaObserver, ReplicaPhase, Usage, WorkloadSpec } from '../port.ts'
import { MemoryLog } from './log.ts'

/** What the memory provider is given. */
export interface MemoryProviderOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** How long a start takes, from `starting` to `ready`. Default 0: the next turn of the event loop. */
  readonly startMs?: number
}

/** Says how a start ends: an answer other than `undefined` is a crash with that reason. */
export type StartRule = (spec: WorkloadSpec) => { readonly reason: string; readonly message: string } | undefined

interface Entry {
  state: Replica
  crashes: number
  timer: NodeJS.Timeout | undefined
  readonly gone: PromiseWithResolvers<void>
}

interface Workload {
  spec: WorkloadSpec
  wanted: number
  readonly entries: Map<string, Entry>
}

/** Replicas that are only written down: the port without processes, for tests of what stands on it. */
export class MemoryProvider implements Provider {
  readonly isolation: Isolation = {
    level: 'none',
    memoryLimit: 'none',
    cpuLimit: 'none',
    processLimit: 'none',
    summary: 'replicas are only written down, nothing runs',
  }
  readonly #now: () => number
  readonly #startMs: number
  readonly #workloads = new Map<string, Workload>()
  readonly #log = new MemoryLog()
  #all: Entry[] = []
  #rule: StartRule = () => undefined
  #count = 0
  #observer: ReplicaObserver | undefined
  #closed: Promise<void> | undefined

  constructor(options: MemoryProviderOptions = {}) {
    this.#now = options.now ?? Date.now
    this.#startMs = options.startMs ?? 0
  }

  async apply(spec: WorkloadSpec): Promise<void> {
    this.#checkOpen()
    const known = this.#workloads.get(keyOf(spec.workload))
    if (known === undefined) this.#workloads.set(keyOf(spec.workload), { spec, wanted: 0, entries: new Map() })
    else known.spec = { ...known.spec, limits: spec.limits, secrets: spec.secrets }
  }

  async scale(workload: NamespacedName, replicas: number): Promise<void> {
    this.#checkOpen()
    const known = this.#workloads.get(keyOf(workload))
    if (known === undefined) throw new WeftError('NOT_FOUND', { kind: 'workload', name: keyOf(workload) })
    if (!Number.isSafeInteger(replicas) || replicas < 0)
      throw new WeftError('INVALID_VALUE', { field: 'replicas', reason: `${replicas} is not a number of replicas` })
    known.wanted = replicas
    const { start, retire } = decideScale(
      [...known.entries.values()].map(({ state }) => state),
      replicas,
    )
    for (const id of retire) void this.#drain(known, id)
    for (let started = 0; started < start; started++) this.#add(known)
  }

  async remove(workload: NamespacedName): Promise<void> {
    const known = this.#workloads.get(keyOf(workload))
    this.#workloads.delete(keyOf(workload))
    if (known === undefined) return
    await Promise.all([...known.entries.keys()].map((id) => this.#drain(known, id)))
  }

  list(workload?: NamespacedName): readonly Replica[] {
    const states = this.#all.map(({ state }) => state)
    return workload === undefined ? states : states.filter((state) => keyOf(state.workload) === keyOf(workload))
  }

  watch(observer: ReplicaObserver): () => void {
    this.#observer = observer
    return () => {
      if (this.#observer === observer) this.#observer = undefined
    }
  }

  logs(query: LogQuery): AsyncIterable<LogLine> {
    return this.#log.query(query)
  }

  async usage(workload: NamespacedName): Promise<Usage> {
    const ready = this.list(workload).filter(({ phase }) => phase === 'ready').length
    return { memoryBytes: ready * 1_048_576, cpuMillis: 0 }
  }

  close(_deadlineMs: number): Promise<void> {
    this.#closed ??= Promise.all([...this.#workloads.keys()].map((key) => this.remove(this.#specOf(key).workload))).then(() => this.#log.close())
    return this.#closed
  }

  /** From now on starts end as `rule` says. */
  failStarts(rule: StartRule): void {
    this.#rule = rule
  }

  /** Lets a replica crash now. */
  crash(id: string, reason: string, message: string): void {
    for (const workload of this.#workloads.values()) {
      const entry = workload.entries.get(id)
      if (entry !== undefined) this.#crashed(workload, entry, { reason, message })
    }
  }

  /** Writes a line as if a replica had. */
  write(line: LogLine): void {
    this.#log.append(line)
  }

  #specOf(key: string): WorkloadSpec {
    const workload = this.#workloads.get(key)
    if (workload === undefined) throw new WeftError('NOT_FOUND', { kind: 'workload', name: key })
    return workload.spec
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new WeftError('PROVIDER_CLOSED')
  }

  #add(workload: Workload): void {
    const id = `${workload.spec.workload.name}-${++this.#count}`
    const state: Replica = { id, workload: workload.spec.workload, phase: 'starting', restarts: 0, startedAt: this.#now(), steps: [] }
    const entry: Entry = { state, crashes: 0, timer: undefined, gone: Promise.withResolvers<void>() }
    workload.entries.set(id, entry)
    this.#all.push(entry)
    this.#begin(workload, entry)
  }

  #begin(workload: Workload, entry: Entry): void {
    const { id, workload: name, restarts } = entry.state
    const sockets = { inboundSocket: `/memory/${id}/${restarts}/in`, outboundSocket: `/memory/${id}/${restarts}/out` }
    entry.state = { id, workload: name, restarts, phase: 'starting', startedAt: this.#now(), steps: [{ name: 'spawn', ms: 0 }], ...sockets }
    this.#write(workload, entry, 'started')
    this.#tell(entry)
    entry.timer = setTimeout(() => this.#started(workload, entry), this.#startMs)
  }

  #started(workload: Workload, entry: Entry): void {
    const failure = this.#rule(workload.spec)
    if (failure !== undefined) return this.#crashed(workload, entry, failure)
    const ms = this.#now() - entry.state.startedAt
    const steps = [...entry.state.steps, { name: 'listening', ms }, { name: 'ready', ms }]
    this.#enter(entry, 'ready', { readyAt: this.#now(), steps })
  }

  #crashed(workload: Workload, entry: Entry, why: { readonly reason: string; readonly message: string }): void {
    clearTimeout(entry.timer)
    const { readyAt, id, workload: name, restarts, startedAt, steps } = entry.state
    entry.crashes = crashesInARow(entry.crashes, readyAt === undefined ? 0 : this.#now() - readyAt)
    const shown = entry.crashes > 1 ? { reason: 'CrashLoopBackOff', message: `${why.reason}: ${why.message}` } : why
    const restartsAt = this.#now() + restartDelayMs(entry.crashes)
    const ready = readyAt === undefined ? {} : { readyAt }
    entry.state = { id, workload: name, restarts, startedAt, steps, phase: 'backoff', restartsAt, ...ready, ...shown }
    this.#write(workload, entry, `${why.reason}: ${why.message}`)
    this.#tell(entry)
    entry.timer = setTimeout(() => {
      entry.state = { ...entry.state, restarts: restarts + 1 }
      this.#begin(workload, entry)
    }, restartDelayMs(entry.crashes))
  }

  async #drain(workload: Workload, id: string): Promise<void> {
    const entry = workload.entries.get(id)
    if (entry === undefined) return
    if (entry.state.phase === 'draining') return entry.gone.promise
    clearTimeout(entry.timer)
    if (entry.state.phase !== 'backoff') {
      this.#enter(entry, 'draining')
      await this.#retired(workload, entry)
    }
    workload.entries.delete(id)
    this.#all = this.#all.filter((other) => other !== entry)
    this.#enter(entry, 'gone')
    entry.gone.resolve()
  }

  async #retired(workload: Workload, entry: Entry): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, workload.spec.drainTimeoutMs)
    await Promise.race([this.#told(entry), late])
    clearTimeout(timer)
  }

  async #told(entry: Entry): Promise<void> {
    await this.#observer?.retiring(entry.state).catch(() => {})
  }

  #enter(entry: Entry, phase: ReplicaPhase, more: Partial<Replica> = {}): void {
    entry.state = { ...entry.state, ...more, phase }
    this.#tell(entry)
  }

  #tell(entry: Entry): void {
    try {
      this.#observer?.changed(entry.state)
    } catch {
      // An observer's trouble is not the replica's; this adapter has nobody to tell.
    }
  }

  #write(workload: Workload, entry: Entry, text: string): void {
    const { workload: name, function: fn } = workload.spec
    this.#log.append({ workload: name, function: fn, replica: entry.state.id, timestamp: this.#now(), stream: 'system', text })
  }
}
