import { keyOf, splitKey, type NamespacedName } from '@weft/core'
import { authorize, describeHost, referredWorkloads, type AuthorizationAnswer, type AuthorizationQuestion, type HostDescription } from '../explain/index.ts'
import type { MeshSnapshot } from '../snapshot.ts'
import type { LiveTap, TapEvent, TapRequest } from '../tap.ts'
import type {
  CertificateStatus,
  Delivery,
  InvocationStatistics,
  LoadReport,
  MeshPlane,
  MeshReplica,
  MeshChanges,
  MeshStatus,
  SnapshotEntry,
  ProbeResult,
  RootRotation,
  RuntimeSpan,
  TrafficEnd,
  TrafficStatistics,
  WakeResult,
  WorkloadConfiguration,
} from '../plane.ts'

/** The mesh without proxies: it keeps what it is told and gives it back; calls and load are what a test says. */
export class MemoryMesh implements MeshPlane {
  readonly replicas = new Map<string, readonly MeshReplica[]>()
  readonly spans: RuntimeSpan[] = []
  #snapshot: MeshSnapshot | undefined
  #traffic: readonly TrafficStatistics[] = []
  #invocations: readonly InvocationStatistics[] = []
  #wake: ((workload: NamespacedName) => Promise<WakeResult>) | undefined
  readonly #loadListeners = new Set<(reports: readonly LoadReport[]) => void>()
  #probeFailure: string | undefined
  #serial = 1
  readonly taps: TapRequest[] = []
  #tapEvents: readonly TapEvent[] = []

  async setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[]): Promise<Delivery> {
    this.replicas.set(keyOf(workload), replicas)
    return { complete: true, stragglers: [], steps: [] }
  }

  async probe(workload: NamespacedName): Promise<ProbeResult> {
    if (this.#probeFailure !== undefined) return { ok: false, ms: 0, reason: this.#probeFailure }
    const isServed = (this.replicas.get(keyOf(workload)) ?? []).some((replica) => replica.serving)
    return isServed ? { ok: true, ms: 0 } : { ok: false, ms: 0, reason: 'no replica' }
  }

  record(spans: readonly RuntimeSpan[]): void {
    this.spans.push(...spans)
  }

  onWake(handler: (workload: NamespacedName) => Promise<WakeResult>): void {
    this.#wake = handler
  }

  onLoad(listener: (reports: readonly LoadReport[]) => void): () => void {
    this.#loadListeners.add(listener)
    return () => void this.#loadListeners.delete(listener)
  }

  /** A call is held for a workload at zero. */
  async hold(workload: NamespacedName): Promise<WakeResult> {
    return (await this.#wake?.(workload)) ?? { ok: false, status: 503, reason: 'nobody wakes' }
  }

  /** What a load report says. */
  report(...reports: readonly LoadReport[]): void {
    for (const listener of this.#loadListeners) listener(reports)
  }

  /** Probes fail with this reason from now on; `undefined`: they succeed again. */
  failProbes(reason: string | undefined): void {
    this.#probeFailure = reason
  }

  async settled(): Promise<Delivery> {
    return { complete: true, stragglers: [], steps: [] }
  }

  async status(): Promise<MeshStatus> {
    return { snapshotVersion: 1, trustDomain: 'cluster.local', path: 'encrypted', proxies: [], findings: [], certificateWarnings: [] }
  }

  async snapshots(): Promise<readonly SnapshotEntry[]> {
    return this.#snapshot === undefined ? [] : [{ version: this.#snapshot.version, at: 0, cause: this.#snapshot.cause }]
  }

  async changes(from?: number, to?: number): Promise<MeshChanges | undefined> {
    const version = this.#snapshot?.version
    return version === undefined || (from ?? version) !== version || (to ?? version) !== version
      ? undefined
      : { from: version, to: version, snapshots: await this.snapshots(), changes: [] }
  }

  async configuration(host: NamespacedName): Promise<readonly WorkloadConfiguration[]> {
    if (!this.replicas.has(keyOf(host))) return []
    return [{ workload: host, listeners: [], routes: [], clusters: [], endpoints: [], extensions: [], secrets: [], model: { workload: {}, hosts: [] } }]
  }

  /** What questions about policies and hosts are answered from, from now on. */
  know(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot
  }

  async authorize(question: AuthorizationQuestion): Promise<AuthorizationAnswer | undefined> {
    return this.#snapshot === undefined ? undefined : authorize(this.#snapshot, question)
  }

  async referred(workloads: readonly NamespacedName[]): Promise<readonly NamespacedName[]> {
    return this.#snapshot === undefined ? [] : referredWorkloads(this.#snapshot, workloads.map(keyOf)).map(splitKey)
  }

  async describe(host: NamespacedName): Promise<HostDescription | undefined> {
    return this.#snapshot === undefined ? undefined : describeHost(this.#snapshot, host)
  }

  /** What taps of known names show, from now on. */
  show(...events: readonly TapEvent[]): void {
    this.#tapEvents = events
  }

  async tap(request: TapRequest): Promise<LiveTap | undefined> {
    this.taps.push(request)
    if (!this.replicas.has(keyOf(request.name))) return undefined
    const shown = this.#tapEvents
    return {
      async *events(signal) {
        for (const event of shown) if (!signal.aborted) yield event
      },
    }
  }

  async certificates(): Promise<readonly CertificateStatus[]> {
    const validity = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2036-01-01T00:00:00Z', daysLeft: 3652 }
    return [{ kind: 'root', identity: 'root', serial: String(this.#serial), state: 'signs', ...validity }]
  }

  async rotate(): Promise<void> {
    this.#serial += 1
  }

  async rotateRoot(): Promise<RootRotation> {
    this.#serial += 1
    return { phase: 'signs', root: String(this.#serial), stragglers: [] }
  }

  async invocations(): Promise<readonly InvocationStatistics[]> {
    return this.#invocations
  }

  async traffic(): Promise<readonly TrafficStatistics[]> {
    return this.#traffic
  }

  /** Calls that the proxies have seen, from now on. */
  see(...traffic: readonly TrafficStatistics[]): void {
    this.#traffic = traffic
  }

  /** What the proxies have counted, from now on. */
  count(...statistics: readonly InvocationStatistics[]): void {
    this.#invocations = statistics
  }
}

/** Numbers of one revision: `calls` answered with 200 in 10 ms each. */
export function calls(name: string, revision: string, count: number, code = '200'): InvocationStatistics {
  return {
    function: { namespace: 'default', name },
    revision,
    byCode: { [code]: count },
    started: count,
    durationBuckets: [
      { le: 0.005, count: 0 },
      { le: 0.05, count },
    ],
    durationSumSeconds: count / 100,
    durationCount: count,
  }
}

/** Calls of the ingress to a workload as the callee counts them, 10 ms each. */
export function seen(workload: string, requests: number, code = '200'): TrafficStatistics {
  const end = (name: string): TrafficEnd => ({ workload: name, namespace: 'default', principal: '', app: name, version: '', service: name })
  const buckets = [5, 50].map((le) => ({ le, count: le === 5 ? 0 : requests }))
  const duration = { buckets, sum: requests * 10, count: requests }
  return { reporter: 'destination', source: end('ingress'), destination: end(workload), code, flags: '-', security: 'mutual_tls', requests, duration }
}
