import { keyOf, type NamespacedName } from '@weft/core'
import type { Delivery, MeshReplica, MeshSnapshot, SnapshotDifference, WorkloadKey } from '@weft/mesh-model'
import { inboundName, inboundSocket, localCluster, outboundListener, TYPE_URLS } from '../encode/names.ts'
import { inForce } from '../xds/delivery.ts'
import type { Target } from '../xds/node.ts'
import { accepts } from './accepting.ts'
import type { Proxy } from './proxy.ts'

/** What {@link Replicas} needs of what is around it. */
export interface ReplicaSurroundings {
  snapshot(): MeshSnapshot
  /** The proxy that serves a workload, or will. */
  serving(workload: WorkloadKey): Proxy
  /** Sends what follows from a change of the replicas of a workload. */
  changed(workload: WorkloadKey): void
  readonly now: () => number
}

const servingSockets = (replicas: readonly MeshReplica[]) => new Set(replicas.flatMap(({ serving, inboundSocket: socket }) => (serving ? [socket] : [])))
const outboundSockets = (replicas: readonly MeshReplica[]) => replicas.flatMap((replica) => replica.outboundSocket ?? [])

/** Whether no replica gets calls now that got none before. */
function onlyFewer(before: readonly MeshReplica[], after: readonly MeshReplica[]): boolean {
  const known = servingSockets(before)
  return [...servingSockets(after)].every((socket) => known.has(socket))
}

async function refusing(path: string, wanted: () => boolean, signal: AbortSignal): Promise<readonly string[]> {
  return (await accepts(path, wanted, signal)) ? [] : [`does not accept on ${path}`]
}

/** Replicas of workloads, which live in memory only, and when the proxies have them. */
export class Replicas {
  readonly #with: ReplicaSurroundings
  readonly #all = new Map<WorkloadKey, readonly MeshReplica[]>()
  /** Workloads that came since the start, and whose inbound listener has not been seen to accept. */
  readonly #newcomers = new Set<WorkloadKey>()
  #snapshotWaiters: (() => void)[] = []

  constructor(surroundings: ReplicaSurroundings) {
    this.#with = surroundings
  }

  /** Those of each workload that has any. */
  get all(): ReadonlyMap<WorkloadKey, readonly MeshReplica[]> {
    return this.#all
  }

  /** Replaces those of one workload. @returns what happened until it was in force, or until the deadline; those that a later call takes back are not waited for */
  async set(workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs: number): Promise<Delivery> {
    const key = keyOf(workload)
    const signal = AbortSignal.timeout(deadlineMs)
    const startedAt = this.#with.now()
    this.#put(key, replicas)
    const known = await this.#untilKnown(key, replicas, signal)
    const listeners = await this.#listenersInForce(key, replicas, known, signal)
    const listenersAt = this.#with.now()
    const endpoints = known ? await this.endpointsInForce(key, signal) : undefined
    const steps = [
      { name: 'listeners', ms: listenersAt - startedAt },
      { name: 'endpoints', ms: this.#with.now() - listenersAt },
    ]
    const reason = listeners ?? endpoints
    return { complete: reason === undefined, stragglers: reason === undefined ? [] : [{ proxy: this.#with.serving(key).layout.node, reason }], steps }
  }

  #put(key: WorkloadKey, replicas: readonly MeshReplica[]): void {
    const before = this.#all.get(key) ?? []
    if (replicas.length === 0) this.#all.delete(key)
    else this.#all.set(key, replicas)
    if (onlyFewer(before, replicas) && this.#with.snapshot().workloads.has(key)) this.#with.serving(key).publishEndpoints(key, replicas)
    this.#with.changed(key)
  }

  /** Replicas may be told before their revision has come from the store. */
  async #untilKnown(key: WorkloadKey, replicas: readonly MeshReplica[], signal: AbortSignal): Promise<boolean> {
    const isKnown = () => this.#with.snapshot().workloads.has(key)
    if (replicas.length === 0) return isKnown()
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!isKnown() && !signal.aborted) {
      await Promise.race([new Promise<void>((resolve) => this.#snapshotWaiters.push(resolve)), aborted])
    }
    return isKnown()
  }

  async #listenersInForce(key: WorkloadKey, replicas: readonly MeshReplica[], known: boolean, signal: AbortSignal): Promise<string | undefined> {
    if (!known) return replicas.length === 0 ? undefined : `the mesh does not know the workload ${key}`
    const outbound = replicas.filter((replica) => replica.outboundSocket !== undefined).map((replica) => outboundListener(key, replica.id))
    const targets = [inboundName(key), ...outbound].map((name): Target => ({ typeUrl: TYPE_URLS.listener, name }))
    const straggler = await inForce(this.#with.serving(key).state, targets, signal)
    if (straggler !== undefined) return straggler.reason
    const wanted = (path: string) => () => outboundSockets(this.#all.get(key) ?? []).includes(path)
    const open = await Promise.all(outboundSockets(replicas).map((path) => refusing(path, wanted(path), signal)))
    return [...open.flat(), ...(await this.#accept([key], signal))].at(0)
  }

  /** Waits until a workload's endpoints are in force at its proxy. @returns why it was given up, or `undefined` */
  async endpointsInForce(key: WorkloadKey, signal: AbortSignal): Promise<string | undefined> {
    const name = localCluster(key)
    const targets = [TYPE_URLS.cluster, TYPE_URLS.endpoints].map((typeUrl): Target => ({ typeUrl, name }))
    return (await inForce(this.#with.serving(key).state, targets, signal))?.reason
  }

  /** Takes note of workloads that came, for {@link newcomersAccept}, and of those that are gone. */
  greet(before: MeshSnapshot, { set, removed }: SnapshotDifference['workloads']): void {
    for (const key of removed) this.#newcomers.delete(key)
    for (const key of set) if (!before.workloads.has(key)) this.#newcomers.add(key)
  }

  /** There is a new snapshot. */
  snapshotTaken(): void {
    for (const resolve of this.#snapshotWaiters.splice(0)) resolve()
  }

  /** Waits until every new workload can be called. @returns what was not waited for any longer */
  newcomersAccept(signal: AbortSignal): Promise<readonly string[]> {
    return this.#accept(this.#newcomers, signal)
  }

  /** A listener that is acknowledged still waits for its certificate and routes: callers that come sooner find its socket closed. */
  async #accept(keys: Iterable<WorkloadKey>, signal: AbortSignal): Promise<readonly string[]> {
    const problems = [...keys].map(async (key) => {
      if (!this.#newcomers.has(key)) return []
      const isThere = () => this.#with.snapshot().workloads.has(key)
      const own = await refusing(inboundSocket(this.#with.serving(key).layout, key), isThere, signal)
      if (own.length === 0) this.#newcomers.delete(key)
      return own
    })
    return (await Promise.all(problems)).flat()
  }
}
