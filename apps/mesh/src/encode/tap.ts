import type { WorkloadKey } from '@weft/mesh-model'
import { textAttributes } from './access-log.ts'
import { AUTHORITY, CALL_FIELDS } from './call-fields.ts'
import { duration, extension } from './json.ts'
import { MESH_HEADERS, shortHash, TAP_CLUSTER } from './names.ts'
import type { Json } from './types.ts'

/** The sides of a workload where calls can be looked at. */
export type TapHop = 'inbound' | 'outbound'

/** Keys of Envoy's runtime that switch taps on begin with it. */
export const TAP_KEYS = 'weft.tap.'
const NAMESPACE = 'weft'
const LISTENER_KEY = 'tap'
const FLUSH_MS = 100
const TIMEOUT_MS = 2000

/** The key that switches the tap of a workload: the share of its calls that is told, in percent. */
export function tapKey(workload: WorkloadKey): string {
  return TAP_KEYS + shortHash(workload)
}

/** What a listener says of itself, for the records of its calls. */
export function tapMetadata(hop: TapHop, workload: WorkloadKey): Json {
  return { metadata: { filter_metadata: { [NAMESPACE]: { fields: { [LISTENER_KEY]: { stringValue: `${hop}/${workload}` } } } } } }
}

/** Reads the value of {@link tapMetadata}. */
export function parseTapListener(text: string): { readonly hop: TapHop; readonly workload: WorkloadKey } | undefined {
  const slash = text.indexOf('/')
  const hop = text.slice(0, slash)
  return hop === 'inbound' || hop === 'outbound' ? { hop, workload: text.slice(slash + 1) } : undefined
}

/** What is told of a call (each costs 0.3 KiB in every listener): no query, no header with credentials, as in the access log. */
const TOLD = {
  listener: `%METADATA(LISTENER:${NAMESPACE}:${LISTENER_KEY})%`,
  start: '%START_TIME(%s%3f)%',
  ...CALL_FIELDS,
  path: '%PATH(NQ)%',
  authority: AUTHORITY,
  grpc: '%GRPC_STATUS_NUMBER%',
} as const
const OWN: Readonly<Record<TapHop, Readonly<Record<string, string>>>> = {
  inbound: { tls: '%DOWNSTREAM_TLS_VERSION%', peer: '%DOWNSTREAM_PEER_URI_SAN%', held: '%UPSTREAM_METADATA(weft:workload)%' },
  outbound: {
    tls: '%UPSTREAM_TLS_VERSION%',
    peer: '%UPSTREAM_PEER_URI_SAN%',
    cluster: '%UPSTREAM_CLUSTER_RAW%',
    // The question whether a host is known (`firstCallFilter`) is nobody's call.
    question: `%REQ(${MESH_HEADERS.first})%`,
  },
}

/** What a record of a call has: text, `-` where there is nothing. */
export type TapAttribute = keyof typeof TOLD | 'tls' | 'peer' | 'held' | 'cluster' | 'question'

/** The same for all listeners: Envoy has one exporter per worker then, and a timer for it, and not one for each listener. */
const LOGGERS: Readonly<Record<TapHop, Json>> = { inbound: logger('inbound'), outbound: logger('outbound') }

function logger(hop: TapHop): Json {
  return extension('envoy.access_loggers.open_telemetry', 'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', {
    // Not `grpc_service` at its own level: the time to flush is taken from here only.
    common_config: {
      log_name: 'tap',
      transport_api_version: 'V3',
      buffer_flush_interval: duration(FLUSH_MS),
      grpc_service: { envoy_grpc: { cluster_name: TAP_CLUSTER }, timeout: duration(TIMEOUT_MS) },
    },
    disable_builtin_labels: true,
    attributes: textAttributes({ ...TOLD, ...OWN[hop] }),
  })
}

/** Tells the control plane of the calls of a workload while its key is set, and costs a look at the runtime otherwise. */
export function tapLog(hop: TapHop, workload: WorkloadKey): Json {
  return {
    ...LOGGERS[hop],
    filter: { runtime_filter: { runtime_key: tapKey(workload), percent_sampled: { numerator: 0, denominator: 'HUNDRED' }, use_independent_randomness: true } },
  }
}
