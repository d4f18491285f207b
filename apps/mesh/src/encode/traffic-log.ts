import { extension, wrap } from './json.ts'
import type { Json } from './types.ts'

/** Prefix of the numbers that {@link trafficLog} keeps. */
export const TRAFFIC_PREFIX = 'traffic'

/** Upper bounds: milliseconds, bytes. Istio's default has more; each costs a line per series in every scrape. */
export const TRAFFIC_BUCKETS = { duration: [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000], bytes: [1000, 100_000, 10_000_000] } as const

/** Metadata of routes that refuse hosts which are not registered. */
const ROUTE_NAMESPACE = 'weft'
const BLOCKED_KEY = 'blocked'
/** Its value. */
export const BLOCKED = 'yes'
/** Marks a route as such. */
export const BLOCKED_ROUTE: Json = { metadata: { filter_metadata: { [ROUTE_NAMESPACE]: { fields: { [BLOCKED_KEY]: { stringValue: BLOCKED } } } } } }

const GRPC_STATUSES = [
  'OK',
  'CANCELED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

const tags = (fields: Readonly<Record<string, string>>): readonly Json[] => Object.entries(fields).map(([name, value_format]) => ({ name, value_format }))

/** Who calls, as one side knows it. */
function peerOf(side: TrafficSide): Readonly<Record<string, string>> {
  return side === 'destination'
    ? { peer: '%DOWNSTREAM_PEER_URI_SAN%', tls: '%DOWNSTREAM_TLS_VERSION%' }
    : { peer: '%UPSTREAM_PEER_URI_SAN%', cluster: '%UPSTREAM_CLUSTER%' }
}

/** Passes entries of calls that have ended. */
export const AT_THE_END: Json = { log_type_filter: { types: ['DownstreamEnd'] } }

/**
 * Counts connections of raw TCP: when they are there, and when they have ended, with the bytes of either direction. The connection manager must write an entry when
 * a tunnel is there (`flush_log_on_tunnel_successfully_established`).
 */
export function connectionLogs(side: TrafficSide, workload: string): readonly Json[] {
  const isConnection: Json = { header_filter: { header: { name: ':method', string_match: { exact: 'CONNECT' } } } }
  const succeeded: Json = { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 200, runtime_key: 'weft.connections' } } } }
  const who = tags({ side, workload, ...peerOf(side) })
  const counter = (name: string, value: Json): Json => ({ stat: { name, tags: who }, ...value })
  const log = (filters: readonly Json[], counters: readonly Json[]): Json => ({
    ...extension('envoy.access_loggers.stats', 'envoy.extensions.access_loggers.stats.v3.Config', { stat_prefix: TRAFFIC_PREFIX, counters }),
    filter: { and_filter: { filters: [isConnection, ...filters] } },
  })
  return [
    log([{ log_type_filter: { types: ['DownstreamTunnelSuccessfullyEstablished'] } }], [counter('tcp_opened', { value_fixed: wrap(1) })]),
    log(
      [AT_THE_END, succeeded],
      [
        counter('tcp_closed', { value_fixed: wrap(1) }),
        counter('tcp_received', { value_format: '%BYTES_RECEIVED%' }),
        counter('tcp_sent', { value_format: '%BYTES_SENT%' }),
      ],
    ),
  ]
}

/** Which side counts. */
export type TrafficSide = 'destination' | 'source'

/**
 * Counts calls by who made them, as Istio's metrics do, within Envoy: no call is told to the control plane. The values of tags are ours, or proven: the workload of
 * the listener, the peer's SPIFFE ID by its certificate, the cluster that was chosen, the status, the flags, the TLS version. Nothing that a caller can make up
 * becomes a name of a number, so that there are at most as many as pairs of workloads and statuses.
 */
export function trafficLogs(side: TrafficSide, workload: string, { grpc }: { readonly grpc: boolean }): readonly Json[] {
  if (!grpc) return [trafficLog(side, workload)]
  // A callee may say any number: those that mean nothing do not become names.
  const statuses = (exclude: boolean): Json => ({ filter: { grpc_status_filter: { statuses: GRPC_STATUSES, exclude } } })
  return [
    { ...trafficLog(side, workload, { grpc: '%GRPC_STATUS_NUMBER%' }), ...statuses(false) },
    { ...trafficLog(side, workload), ...statuses(true) },
  ]
}

function trafficLog(side: TrafficSide, workload: string, more: Readonly<Record<string, string>> = {}): Json {
  // The cluster is not known for a call that had to wait for it; then the callee's identity is.
  const peer = { ...peerOf(side), ...(side === 'destination' ? {} : { blocked: `%METADATA(ROUTE:${ROUTE_NAMESPACE}:${BLOCKED_KEY})%` }) }
  const who = { side, workload, ...peer }
  // Only the hold listener has this metadata: it says which calls waited for a replica.
  const how = { code: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%', protocol: '%PROTOCOL%', held: '%UPSTREAM_METADATA(weft:workload)%', ...more }
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
