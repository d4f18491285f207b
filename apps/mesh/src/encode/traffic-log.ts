import { extension, wrap } from './json.ts'
import type { Json } from './types.ts'

/** Prefix of the numbers that {@link trafficLog} keeps. */
export const TRAFFIC_PREFIX = 'traffic'

/** Upper bounds: milliseconds, bytes. Istio's default has more; each costs a line per series in every scrape. */
export const TRAFFIC_BUCKETS = { duration: [1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000], bytes: [1000, 100_000, 10_000_000] } as const

/** Metadata of routes that refuse hosts which are not registered. */
const ROUTE_NAMESPACE = 'weft'
const BLOCKED_KEY = 'blocked'
/** Its value. */
export const BLOCKED = 'yes'
/** Marks a route as such. */
export const BLOCKED_ROUTE: Json = { metadata: { filter_metadata: { [ROUTE_NAMESPACE]: { fields: { [BLOCKED_KEY]: { stringValue: BLOCKED } } } } } }

/** Which side counts. */
export type TrafficSide = 'destination' | 'source'

/**
 * Counts calls by who made them, as Istio's metrics do, within Envoy: no call is told to the control plane. The values of tags are ours, or proven: the workload of
 * the listener, the peer's SPIFFE ID by its certificate, the cluster that was chosen, the status, the flags, the TLS version. Nothing that a caller can make up
 * becomes a name of a number, so that there are at most as many as pairs of workloads and statuses.
 */
export function trafficLog(side: TrafficSide, workload: string): Json {
  const tags = (fields: Readonly<Record<string, string>>): readonly Json[] => Object.entries(fields).map(([name, value_format]) => ({ name, value_format }))
  // The cluster is not known for a call that had to wait for it; then the callee's identity is.
  const peer =
    side === 'destination'
      ? { peer: '%DOWNSTREAM_PEER_URI_SAN%', tls: '%DOWNSTREAM_TLS_VERSION%' }
      : { peer: '%UPSTREAM_PEER_URI_SAN%', cluster: '%UPSTREAM_CLUSTER%', blocked: `%METADATA(ROUTE:${ROUTE_NAMESPACE}:${BLOCKED_KEY})%` }
  const who = { side, workload, ...peer }
  // Only the hold listener has this metadata: it says which calls waited for a replica.
  const how = { code: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%', protocol: '%PROTOCOL%', held: '%UPSTREAM_METADATA(weft:workload)%' }
  const histogram = (name: string, unit: string, value_format: string): Json => ({ stat: { name, tags: tags({ ...who, ...how }) }, unit, value_format })
  return extension('envoy.access_loggers.stats', 'envoy.extensions.access_loggers.stats.v3.Config', {
    stat_prefix: TRAFFIC_PREFIX,
    counters: [{ stat: { name: 'requests', tags: tags({ ...who, ...how }) }, value_fixed: wrap(1) }],
    histograms: [
      histogram('duration', 'Milliseconds', '%DURATION%'),
      ...(side === 'destination' ? [histogram('request_bytes', 'Bytes', '%BYTES_RECEIVED%'), histogram('response_bytes', 'Bytes', '%BYTES_SENT%')] : []),
    ],
  })
}
