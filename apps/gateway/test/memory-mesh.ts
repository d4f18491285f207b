import { keyOf, type NamespacedName } from '@weft/core'
import type {
  CertificateStatus,
  Delivery,
  InvocationStatistics,
  LoadReport,
  MeshPlane,
  MeshReplica,
  MeshStatus,
  ProbeResult,
  WakeResult,
  WorkloadConfiguration,
} from '@weft/mesh-model'

/** The mesh without proxies: it keeps what it is told and gives it back. */
export class MemoryMesh implements MeshPlane {
  readonly replicas = new Map<string, readonly MeshReplica[]>()
  #invocations: readonly InvocationStatistics[] = []
  #serial = 1

  async setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[]): Promise<Delivery> {
    this.replicas.set(keyOf(workload), replicas)
    return { complete: true, stragglers: [], steps: [] }
  }

  async probe(workload: NamespacedName): Promise<ProbeResult> {
    const isServed = (this.replicas.get(keyOf(workload)) ?? []).some((replica) => replica.serving)
    return isServed ? { ok: true, ms: 0 } : { ok: false, ms: 0, reason: 'no replica' }
  }

  onWake(_handler: (workload: NamespacedName) => Promise<WakeResult>): void {}

  onLoad(_listener: (reports: readonly LoadReport[]) => void): () => void {
    return () => {}
  }

  async settled(): Promise<Delivery> {
    return { complete: true, stragglers: [], steps: [] }
  }

  async status(): Promise<MeshStatus> {
    return { snapshotVersion: 1, trustDomain: 'cluster.local', path: 'encrypted', proxies: [], findings: [] }
  }

  async configuration(host: NamespacedName): Promise<readonly WorkloadConfiguration[]> {
    if (!this.replicas.has(keyOf(host))) return []
    return [{ workload: host, listeners: [], routes: [], clusters: [], endpoints: [], secrets: [], model: { workload: {}, hosts: [] } }]
  }

  async certificates(): Promise<readonly CertificateStatus[]> {
    return [{ identity: 'root', serial: String(this.#serial), notBefore: '2026-01-01T00:00:00Z', notAfter: '2036-01-01T00:00:00Z' }]
  }

  async rotate(): Promise<void> {
    this.#serial += 1
  }

  async invocations(): Promise<readonly InvocationStatistics[]> {
    return this.#invocations
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
