import { parseSpiffeId, spiffeId, splitKey } from '@weft/core'
import type { MeshSnapshot, MeshWorkload, TrafficEnd, WorkloadKey } from '@weft/mesh-model'
import { EGRESS_CLUSTER, INGRESS_IDENTITY, parseIngressStatName, parsePairCluster, SYSTEM_ACCOUNTS, workloadSpiffeId } from '../encode/names.ts'
import { parseCarrierName, parseOutsideName } from '../encode/outside-names.ts'

/** What is known of who is who. */
export type Known = Pick<MeshSnapshot, 'trustDomain' | 'workloads'>
/** Workloads by key. */
type Workloads = ReadonlyMap<WorkloadKey, MeshWorkload>

/** An end that nothing proves. */
export const UNKNOWN: TrafficEnd = { workload: 'unknown', namespace: 'unknown', principal: 'unknown', app: 'unknown', version: 'unknown', service: 'unknown' }

/** Names of Istio's for what is not registered: called nevertheless, or refused. */
const PASSTHROUGH = 'PassthroughCluster'
export const BLACK_HOLE = 'BlackHoleCluster'

/** A place outside of the mesh. */
export function outsideEnd(host: string, namespace = 'unknown'): TrafficEnd {
  return { ...UNKNOWN, workload: host, namespace, service: host, outside: true }
}

/** Finds out who is who; made once for each snapshot. */
export class Ends {
  readonly ingress: TrafficEnd
  readonly #snapshot: Known
  readonly #departed: Workloads
  readonly #byPrincipal: (principal: string) => readonly MeshWorkload[]
  readonly #prober: string

  /** `departed`: workloads that have left */
  constructor(snapshot: Known, departed: Workloads = new Map()) {
    this.#snapshot = snapshot
    this.#departed = departed
    const [there, gone] = [snapshot.workloads, departed].map((workloads) => Map.groupBy(workloads.values(), (workload) => workloadSpiffeId(snapshot, workload)))
    this.#byPrincipal = (principal) => there?.get(principal) ?? gone?.get(principal) ?? []
    this.#prober = spiffeId({ trustDomain: snapshot.trustDomain, namespace: INGRESS_IDENTITY.namespace, serviceAccount: SYSTEM_ACCOUNTS.prober })
    const principal = workloadSpiffeId(snapshot, INGRESS_IDENTITY)
    this.ingress = { ...UNKNOWN, workload: 'ingress', namespace: INGRESS_IDENTITY.namespace, principal, app: 'ingress', service: 'ingress' }
  }

  #workload(key: WorkloadKey): MeshWorkload | undefined {
    return this.#snapshot.workloads.get(key) ?? this.#departed.get(key)
  }

  speaksTcp({ namespace, workload }: TrafficEnd): boolean {
    return this.#workload(`${namespace}/${workload}`)?.protocol === 'tcp'
  }

  ofWorkload(key: string): TrafficEnd {
    const workload = this.#workload(key)
    const { namespace, name } = splitKey(key)
    if (workload === undefined) return { ...UNKNOWN, workload: name, namespace }
    const { labels, function: service } = workload
    return {
      workload: name,
      namespace,
      principal: workloadSpiffeId(this.#snapshot, workload),
      app: labels['app'] ?? service,
      version: labels['version'] ?? 'unknown',
      service,
    }
  }

  /** `undefined` for the prober, which is nobody's caller. */
  ofPrincipal(principal: string): TrafficEnd | undefined {
    if (principal === '' || principal === '-') return UNKNOWN
    if (principal === this.#prober) return undefined
    if (principal === this.ingress.principal) return this.ingress
    const [first, ...others] = this.#byPrincipal(principal)
    if (first !== undefined && others.length === 0) return this.ofWorkload(first.key)
    const identity = parseSpiffeId(principal)
    if (identity === undefined) return { ...UNKNOWN, principal }
    const { namespace, serviceAccount } = identity
    const app = first?.labels['app'] ?? serviceAccount
    return { workload: first?.function ?? serviceAccount, namespace, principal, app, version: 'unknown', service: first?.function ?? serviceAccount }
  }

  /** `undefined` for what is no workload. */
  ofCallee(cluster: string, principal: string): TrafficEnd | undefined {
    const workload = parseIngressStatName(cluster) ?? parsePairCluster(cluster)?.workload ?? parseCarrierName(cluster)
    if (workload !== undefined) return this.ofWorkload(workload)
    if (cluster === EGRESS_CLUSTER) return outsideEnd(PASSTHROUGH)
    const outside = parseOutsideName(cluster)
    if (outside !== undefined) return outsideEnd(outside.host, outside.namespace)
    return cluster === '' || cluster === '-' ? (principal === '' || principal === '-' ? undefined : this.ofPrincipal(principal)) : undefined
  }
}
