import { keyOf, messageOf, type NamespacedName } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Delivery, LoadReport, MeshPlane, MeshReplica, WakeResult, WakeStep } from '@weft/mesh-model'
import type { Provider, Replica, WorkloadSpec } from '@weft/provider'
import { speaksFor, waitsOn } from './decide/held-calls.ts'

/** How long a call may be held for a replica, and a proof may take. */
export const ACTIVATION_TIMEOUT_MS = 60_000
const DELIVERY_DEADLINE_MS = 5_000
const PROBE_TIMEOUT_MS = 5_000

/** One step of an activation, in milliseconds. */
export interface Step {
  readonly name: string
  readonly ms: number
}

/** What is known of one workload, in memory only. */
export interface WorkloadState {
  readonly workload: NamespacedName
  /** `namespace/name` of its Function, to enqueue it by. */
  readonly functionKey: string
  /** How many replicas are wanted. */
  desired: number
  /** A held call woke it and it has not gone idle since. */
  awake: boolean
  /** When a call last woke it. */
  wokenAt: number | undefined
  lastBusyAt: number
  inProgress: number
  /** Since when no proxy routes to it any more. */
  unroutedAt: number | undefined
  /** Why its replicas do not get ready, in the provider's words. */
  failure: { readonly reason: string; readonly message: string } | undefined
  lastActivation: { readonly at: string; readonly steps: readonly Step[] } | undefined
}

interface Entry extends WorkloadState {
  readonly proven: Set<string>
  readonly retiring: Set<string>
  /** One of its replicas was proven through the mesh before, so its listeners, identity and policies are known to work. */
  provenOnce: boolean
  waiters: ((result: WakeResult) => void)[]
}

/** Collaborators of {@link Workloads}. */
export interface WorkloadsOptions {
  readonly provider: Provider
  readonly mesh: MeshPlane
  readonly log: Log
  readonly now: () => number
  /** Declares a revision that a call is held for and nobody has declared yet. @returns whether it did: `false` when there is none, or it cannot run */
  readonly declare: (workload: NamespacedName) => Promise<boolean>
  /** Something about a function's workloads changed that its reconciler should see. */
  readonly changed: (functionKey: string) => void
}

/**
 * The ephemeral half of the controller: carries replicas from the provider to the mesh, proves them, wakes workloads at zero and remembers load.
 * Nothing here waits for the store.
 */
export class Workloads {
  readonly #options: WorkloadsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #ends: (() => void)[]

  constructor(options: WorkloadsOptions) {
    this.#options = options
    options.mesh.onWake((workload) => this.wake(workload))
    this.#ends = [
      options.provider.watch({ changed: (replica) => this.#replicaChanged(replica), retiring: (replica) => this.#retire(replica) }),
      options.mesh.onLoad((reports) => this.#loaded(reports)),
    ]
  }

  /** Declares a workload to the provider. */
  async apply(functionKey: string, spec: WorkloadSpec): Promise<void> {
    const key = keyOf(spec.workload)
    if (!this.#entries.has(key)) this.#entries.set(key, newEntry(functionKey, spec.workload, this.#options.now()))
    await this.#options.provider.apply(spec)
  }

  /** State of a declared workload. */
  state(workload: NamespacedName): WorkloadState | undefined {
    return this.#entries.get(keyOf(workload))
  }

  /** Replicas of a workload that exist, and those among them that were proven through the mesh. */
  replicas(workload: NamespacedName): { readonly present: number; readonly proven: number } {
    const entry = this.#entries.get(keyOf(workload))
    const present = this.#options.provider.list(workload).filter((replica) => replica.phase !== 'draining')
    return { present: present.length, proven: present.filter((replica) => entry?.proven.has(replica.id) ?? false).length }
  }

  /** Wants so many replicas from now on. */
  async scale(workload: NamespacedName, desired: number): Promise<void> {
    const entry = this.#entries.get(keyOf(workload))
    if (entry === undefined || entry.desired === desired) return
    entry.desired = desired
    if (desired === 0) entry.awake = false
    await this.#options.provider.scale(workload, desired)
  }

  /** A call that woke it counts no more: only what is wanted does. */
  letSleep(workload: NamespacedName): void {
    const entry = this.#entries.get(keyOf(workload))
    if (entry !== undefined) entry.awake = false
  }

  /** Takes note of when all proxies stopped routing to a workload. */
  unrouted(workload: NamespacedName, since: number | undefined): void {
    const entry = this.#entries.get(keyOf(workload))
    if (entry !== undefined) entry.unroutedAt = since
  }

  /** All workloads of a function. */
  ofFunction(functionKey: string): readonly WorkloadState[] {
    return [...this.#entries.values()].filter((entry) => entry.functionKey === functionKey)
  }

  /** Drains a workload and forgets it. */
  async remove(workload: NamespacedName): Promise<void> {
    const entry = this.#entries.get(keyOf(workload))
    if (entry === undefined) return
    entry.desired = 0
    await this.#options.provider.remove(workload)
    this.#entries.delete(keyOf(workload))
    settle(entry, { ok: false, status: 503, reason: 'the function was removed' })
    await this.#options.mesh.setReplicas(workload, [], DELIVERY_DEADLINE_MS)
  }

  /**
   * A call is held for this workload: wants at least one replica and resolves when one is proven, or says why there is none. Any revision may be called: routes
   * that are not its function's own lead to old ones too, and calls come before all functions were looked at after a start.
   */
  async wake(workload: NamespacedName): Promise<WakeResult> {
    const key = keyOf(workload)
    if (!this.#entries.has(key)) await this.#options.declare(workload)
    const entry = this.#entries.get(key)
    if (entry === undefined) return { ok: false, status: 503, reason: `${workload.name} cannot run here` }
    entry.awake = true
    entry.wokenAt = this.#options.now()
    entry.lastBusyAt = entry.wokenAt
    if (entry.desired > 0 && this.replicas(workload).proven > 0) return { ok: true }
    const speaker = entry.desired > 0 ? speaksFor(this.#options.provider.list(workload), entry.wokenAt) : undefined
    if (speaker !== undefined) return refusal(failureOf(speaker))
    const outcome = this.#waitForReplica(entry)
    try {
      if (entry.desired === 0) await this.scale(workload, 1)
    } catch (error) {
      settle(entry, { ok: false, status: 503, reason: messageOf(error) })
    }
    this.#options.changed(entry.functionKey)
    return outcome
  }

  /** Stops listening to provider and mesh; replicas stay. */
  close(): void {
    for (const end of this.#ends) end()
    for (const entry of this.#entries.values()) settle(entry, { ok: false, status: 503, reason: 'the platform is shutting down' })
  }

  #waitForReplica(entry: Entry): Promise<WakeResult> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const reason = entry.failure?.message ?? `no replica was ready within ${ACTIVATION_TIMEOUT_MS / 1000} s`
        resolve({ ok: false, status: 503, reason })
      }, ACTIVATION_TIMEOUT_MS)
      entry.waiters.push((result) => {
        clearTimeout(timer)
        resolve(result)
      })
    })
  }

  #replicaChanged(replica: Replica): void {
    const entry = this.#entries.get(keyOf(replica.workload))
    if (entry === undefined) return
    if (replica.phase === 'gone' || replica.phase === 'backoff') entry.proven.delete(replica.id)
    if (replica.phase === 'gone') entry.retiring.delete(replica.id)
    if (replica.phase === 'backoff') this.#failed(entry, replica)
    void this.#deliver(entry, replica)
    this.#options.changed(entry.functionKey)
  }

  #failed(entry: Entry, replica: Replica): void {
    entry.failure = failureOf(replica)
    const others = this.#options.provider.list(entry.workload).filter(({ id }) => id !== replica.id)
    if (!waitsOn(replica, others, this.#options.now())) settle(entry, refusal(entry.failure))
  }

  async #deliver(entry: Entry, replica: Replica): Promise<void> {
    try {
      const publishedAt = this.#options.now()
      const delivery = await this.#publish(entry)
      if (replica.phase === 'ready' && !entry.proven.has(replica.id)) await this.#prove(entry, replica, { ...delivery, publishedAt })
    } catch (error) {
      this.#options.log.warn({ workload: keyOf(entry.workload), replica: replica.id, reason: messageOf(error) }, 'replica could not be announced to the mesh')
    }
  }

  #publish(entry: Entry): Promise<Delivery> {
    return this.#options.mesh.setReplicas(entry.workload, this.#meshReplicas(entry), DELIVERY_DEADLINE_MS)
  }

  #meshReplicas(entry: Entry): readonly MeshReplica[] {
    return this.#options.provider.list(entry.workload).flatMap((replica) => {
      if (replica.inboundSocket === undefined || replica.phase === 'backoff') return []
      const serving = replica.phase === 'ready' && !entry.retiring.has(replica.id)
      return [
        {
          id: replica.id,
          inboundSocket: replica.inboundSocket,
          ...(replica.outboundSocket === undefined ? {} : { outboundSocket: replica.outboundSocket }),
          serving,
        },
      ]
    })
  }

  /**
   * Readiness is proven: acknowledged by the proxies and answered through the mesh. Calls that are held wait for the whole proof only the first
   * time: later the proxies route to the replica anyway once they have acknowledged it, and the probe would only add its own duration to each of them.
   */
  async #prove(entry: Entry, replica: Replica, delivery: Delivery & { readonly publishedAt: number }): Promise<void> {
    if (!this.#isReady(replica)) return
    const made = [...inARow(replica.startedAt, durations(replica.steps)), ...inARow(delivery.publishedAt, delivery.steps)]
    for (const straggler of delivery.stragglers)
      this.#options.log.warn({ ...straggler, replica: replica.id }, 'a proxy did not acknowledge in time and is not waited for')
    if (entry.provenOnce && delivery.stragglers.length === 0) settle(entry, { ok: true, steps: made })
    const probedAt = this.#options.now()
    const probe = await this.#options.mesh.probe(entry.workload, PROBE_TIMEOUT_MS)
    if (!this.#isReady(replica)) return
    if (!probe.ok) {
      entry.failure = { reason: 'ProbeFailed', message: `the probe through the mesh failed: ${probe.reason}` }
      this.#options.log.warn({ replica: replica.id, reason: probe.reason }, 'probe through the mesh failed')
      setTimeout(() => this.#isReady(replica) && void this.#deliver(entry, replica), 250).unref()
      this.#options.changed(entry.functionKey)
      return
    }
    entry.proven.add(replica.id)
    entry.provenOnce = true
    entry.failure = undefined
    const steps = [...durations(replica.steps), ...delivery.steps, { name: 'probe', ms: probe.ms }]
    entry.lastActivation = { at: new Date(this.#options.now()).toISOString(), steps }
    settle(entry, { ok: true, steps: [...made, { name: 'probe', startedAt: probedAt, ms: probe.ms }] })
    this.#options.changed(entry.functionKey)
  }

  #isReady(replica: Replica): boolean {
    return this.#options.provider.list(replica.workload).some((other) => other.id === replica.id && other.phase === 'ready')
  }

  async #retire(replica: Replica): Promise<void> {
    const entry = this.#entries.get(keyOf(replica.workload))
    if (entry === undefined) return
    entry.retiring.add(replica.id)
    entry.proven.delete(replica.id)
    await this.#publish(entry)
  }

  #loaded(reports: readonly LoadReport[]): void {
    const now = this.#options.now()
    for (const report of reports) {
      const entry = this.#entries.get(keyOf(report.workload))
      if (entry === undefined) continue
      if (report.inProgress > 0 || report.started > 0 || entry.inProgress > 0) entry.lastBusyAt = now
      entry.inProgress = report.inProgress
    }
  }
}

function failureOf({ id, reason = 'Crashed', message = `replica ${id} does not start` }: Replica): NonNullable<Entry['failure']> {
  return { reason, message }
}

function refusal({ reason, message }: NonNullable<Entry['failure']>): WakeResult {
  return { ok: false, status: 503, reason: `${reason}: ${message}` }
}

function newEntry(functionKey: string, workload: NamespacedName, now: number): Entry {
  return {
    workload,
    functionKey,
    desired: 0,
    awake: false,
    wokenAt: undefined,
    lastBusyAt: now,
    inProgress: 0,
    unroutedAt: undefined,
    failure: undefined,
    lastActivation: undefined,
    proven: new Set(),
    retiring: new Set(),
    provenOnce: false,
    waiters: [],
  }
}

/** The provider's steps count from the start of the replica; what each of them took adds up with the steps that follow. */
function durations(steps: readonly Step[]): readonly Step[] {
  return steps.map(({ name, ms }, index) => ({ name, ms: ms - (steps[index - 1]?.ms ?? 0) }))
}

/** Steps of which each begins when the one before it has ended. */
function inARow(startedAt: number, steps: readonly Step[]): readonly WakeStep[] {
  let at = startedAt
  return steps.map(({ name, ms }) => {
    const step = { name, startedAt: at, ms }
    at += ms
    return step
  })
}

function settle(entry: Entry, result: WakeResult): void {
  for (const waiter of entry.waiters.splice(0)) waiter(result)
}
