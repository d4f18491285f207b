import { parseSpiffeId, spiffeId, splitKey } from '@weft/core'
import type { MeshSnapshot, MeshWorkload, TrafficEnd, TrafficHistogram, TrafficStatistics } from '@weft/mesh-model'
import { INGRESS_IDENTITY, parseIngressStatName, parsePairCluster, SYSTEM_ACCOUNTS, workloadSpiffeId } from '../encode/names.ts'
import { TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { parseSamples, type Sample } from './prometheus.ts'

type Known = Pick<MeshSnapshot, 'trustDomain' | 'workloads'>

const UNKNOWN: TrafficEnd = { workload: 'unknown', namespace: 'unknown', principal: 'unknown', app: 'unknown', version: 'unknown', service: 'unknown' }
const PREFIX = `envoy_${TRAFFIC_PREFIX}_`

/**
 * What the proxy's `trafficLog`s counted, by who called whom. Calls that did not go to a workload (the control API, the outside) are left out, and the prober's. Cost:
 * some microseconds for each line of the proxy's answer, of which there are about 50 for a pair of workloads that called.
 */
export function trafficOf(text: string, snapshot: Known): readonly TrafficStatistics[] {
  const ends = new Ends(snapshot)
  const found = new Map<string, Draft>()
  for (const sample of parseSamples(text)) {
    if (!sample.name.startsWith(PREFIX)) continue
    const key = keyOfSample(sample)
    let draft = found.get(key)
    if (draft === undefined) found.set(key, (draft = new Draft(sample)))
    draft.add(sample)
  }
  return [...found.values()].flatMap((draft) => draft.result(ends) ?? [])
}

function keyOfSample({ labels: { side, workload, peer, cluster, tls, code, flags, protocol } }: Sample): string {
  return [side, workload, peer, cluster, tls, code, flags, protocol].join(' ')
}

type Name = 'duration' | 'request_bytes' | 'response_bytes'

/** The numbers of one series while its lines are read. */
class Draft {
  readonly #labels: Sample['labels']
  readonly #histograms = new Map<string, { buckets: { le: number; count: number }[]; sum: number; count: number }>()
  #requests = 0

  constructor({ labels }: Sample) {
    this.#labels = labels
  }

  add({ name, labels, value }: Sample): void {
    const rest = name.slice(PREFIX.length)
    if (rest === 'requests') {
      this.#requests += value
      return
    }
    const cut = rest.lastIndexOf('_')
    const histogram = this.#histogramOf(rest.slice(0, cut))
    const part = rest.slice(cut + 1)
    if (part === 'sum') histogram.sum = value
    else if (part === 'count') histogram.count = value
    else if (part === 'bucket' && labels['le'] !== '+Inf') histogram.buckets.push({ le: Number(labels['le']), count: value })
  }

  #histogramOf(name: string): { buckets: { le: number; count: number }[]; sum: number; count: number } {
    const before = this.#histograms.get(name)
    if (before !== undefined) return before
    const histogram = { buckets: [], sum: 0, count: 0 }
    this.#histograms.set(name, histogram)
    return histogram
  }

  result(ends: Ends): TrafficStatistics | undefined {
    const { side, workload = '', peer = '', cluster = '', tls = '', code = '0', flags = '-' } = this.#labels
    const isCallee = side === 'destination'
    const other = isCallee ? ends.ofPrincipal(peer) : ends.ofCallee(cluster, peer)
    const own = workload === 'ingress' ? ends.ingress : ends.ofWorkload(workload)
    if (other === undefined || this.#requests === 0) return undefined
    const histogram = (name: Name): TrafficHistogram => this.#histograms.get(name) ?? { buckets: [], sum: 0, count: 0 }
    return {
      reporter: isCallee ? 'destination' : 'source',
      source: isCallee ? other : own,
      destination: isCallee ? own : other,
      code,
      flags,
      security: !isCallee ? 'unknown' : tls === '' || tls === '-' || peer === '' || peer === '-' ? 'none' : 'mutual_tls',
      requests: this.#requests,
      duration: histogram('duration'),
      ...(isCallee ? { requestBytes: histogram('request_bytes'), responseBytes: histogram('response_bytes') } : {}),
    }
  }
}

/** Finds out who is who. */
class Ends {
  readonly ingress: TrafficEnd
  readonly #snapshot: Known
  readonly #byPrincipal: ReadonlyMap<string, readonly MeshWorkload[]>
  readonly #prober: string

  constructor(snapshot: Known) {
    this.#snapshot = snapshot
    this.#byPrincipal = Map.groupBy(snapshot.workloads.values(), (workload) => workloadSpiffeId(snapshot, workload))
    this.#prober = spiffeId({ trustDomain: snapshot.trustDomain, namespace: INGRESS_IDENTITY.namespace, serviceAccount: SYSTEM_ACCOUNTS.prober })
    const principal = workloadSpiffeId(snapshot, INGRESS_IDENTITY)
    this.ingress = { ...UNKNOWN, workload: 'ingress', namespace: INGRESS_IDENTITY.namespace, principal, app: 'ingress', service: 'ingress' }
  }

  ofWorkload(key: string): TrafficEnd {
    const workload = this.#snapshot.workloads.get(key)
    const { namespace, name } = splitKey(key)
    if (workload === undefined) return { ...UNKNOWN, workload: name, namespace }
    const { labels, function: service } = workload
    return { workload: name, namespace, principal: workloadSpiffeId(this.#snapshot, workload), app: labels['app'] ?? service, version: labels['version'] ?? 'unknown', service }
  }

  /** `undefined` for the prober, which is nobody's caller. */
  ofPrincipal(principal: string): TrafficEnd | undefined {
    if (principal === '' || principal === '-') return UNKNOWN
    if (principal === this.#prober) return undefined
    if (principal === this.ingress.principal) return this.ingress
    const [first, ...others] = this.#byPrincipal.get(principal) ?? []
    if (first !== undefined && others.length === 0) return this.ofWorkload(first.key)
    const identity = parseSpiffeId(principal)
    if (identity === undefined) return { ...UNKNOWN, principal }
    const { namespace, serviceAccount } = identity
    const app = first?.labels['app'] ?? serviceAccount
    return { workload: first?.function ?? serviceAccount, namespace, principal, app, version: 'unknown', service: first?.function ?? serviceAccount }
  }

  /** `undefined` for what is no workload. */
  ofCallee(cluster: string, principal: string): TrafficEnd | undefined {
    const workload = parseIngressStatName(cluster) ?? parsePairCluster(cluster)?.workload
    if (workload !== undefined) return this.ofWorkload(workload)
    return cluster === '' || cluster === '-' ? (principal === '' || principal === '-' ? undefined : this.ofPrincipal(principal)) : undefined
  }
}
