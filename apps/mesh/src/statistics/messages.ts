import type { TrafficStatistics } from '@weft/mesh-model'
import { parseLocalCluster, parsePairCluster, workloadSpiffeId } from '../encode/names.ts'
import { Ends, UNKNOWN, type Known } from './ends.ts'
import { parseSamples } from './prometheus.ts'

const PREFIX = 'envoy_cluster_grpc_'
const NOTHING = { buckets: [], sum: 0, count: 0 }

/**
 * The messages of gRPC that the proxy counted. A cluster of the caller's side is of one caller and one callee; that of the callee's side has the replicas of the
 * callee, whoever called, so that there the caller is unknown.
 * @param ends who is who, workloads included that were counted and have left
 */
export function messagesOf(text: string, snapshot: Known, ends = new Ends(snapshot)): readonly TrafficStatistics[] {
  const lines = text.split('\n').filter((line) => line.startsWith(PREFIX))
  if (lines.length === 0) return []
  const counted = new Map<string, { requests: number; responses: number }>()
  for (const { name, labels, value } of parseSamples(lines.join('\n'))) {
    const cluster = labels['envoy_cluster_name'] ?? ''
    const found = counted.get(cluster) ?? { requests: 0, responses: 0 }
    if (name === `${PREFIX}request_message_count`) found.requests += value
    if (name === `${PREFIX}response_message_count`) found.responses += value
    counted.set(cluster, found)
  }
  return [...counted].flatMap(([cluster, messages]) => {
    const between = endsOf(cluster, snapshot, ends)
    if (between === undefined || messages.requests + messages.responses === 0) return []
    return [{ ...between, code: '0', flags: '-', requests: 0, duration: NOTHING, messages }]
  })
}

type Between = Pick<TrafficStatistics, 'reporter' | 'source' | 'destination' | 'security'>

/** `undefined` for what is neither side of a call between workloads. */
function endsOf(cluster: string, snapshot: Known, ends: Ends): Between | undefined {
  const callee = parseLocalCluster(cluster)
  if (callee !== undefined) {
    const security = snapshot.workloads.get(callee)?.mtls === 'strict' ? 'mutual_tls' : 'unknown'
    return { reporter: 'destination', source: UNKNOWN, destination: ends.ofWorkload(callee), security }
  }
  const destination = ends.ofCallee(cluster, '')
  const pair = parsePairCluster(cluster)
  const source = pair === undefined ? ends.ingress : ends.ofPrincipal(workloadSpiffeId(snapshot, pair))
  return destination === undefined || source === undefined ? undefined : { reporter: 'source', source, destination, security: 'unknown' }
}
