import { extension } from './json.ts'
import { MESH_HEADERS } from './names.ts'
import type { Json } from './types.ts'

/**
 * One JSON line per call at one hop. Paths are without the query, which may carry tokens; no header with credentials is written.
 * Fields that do not apply are left out.
 */
export function accessLog(file: string, hop: 'ingress' | 'inbound' | 'outbound', workload?: string): Json {
  return extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: file,
    log_format: {
      omit_empty_values: true,
      json_format: {
        fields: stringFields({
          hop,
          ...(workload === undefined ? {} : { workload }),
          ...FIELDS,
          ...(hop === 'ingress' ? { path: `%REQ(${MESH_HEADERS.path})%` } : {}),
        }),
      },
    },
  })
}

const FIELDS: Readonly<Record<string, string>> = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  method: '%REQ(:METHOD)%',
  path: '%PATH(NQ)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  bytesReceived: '%BYTES_RECEIVED%',
  bytesSent: '%BYTES_SENT%',
  durationMs: '%DURATION%',
  audit: '%DYNAMIC_METADATA(envoy.filters.http.rbac:audit.shadow_effective_policy_id)%',
  wouldDeny: '%DYNAMIC_METADATA(envoy.filters.http.rbac:deny.shadow_effective_policy_id)%',
  dryRunAllow: '%DYNAMIC_METADATA(envoy.filters.http.rbac:allow.shadow_engine_result)%',
  route: '%ROUTE_NAME%',
  upstreamCluster: '%UPSTREAM_CLUSTER%',
  upstreamHost: '%UPSTREAM_HOST%',
  requestId: '%REQ(X-REQUEST-ID)%',
  callId: '%REQ(X-CALL-ID)%',
  tls: '%DOWNSTREAM_TLS_VERSION%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  local: '%DOWNSTREAM_LOCAL_URI_SAN%',
  upstreamTls: '%UPSTREAM_TLS_VERSION%',
  upstreamPeer: '%UPSTREAM_PEER_URI_SAN%',
  upstreamLocal: '%UPSTREAM_LOCAL_URI_SAN%',
}

/** A `google.protobuf.Struct`'s fields in the form that protobufjs reads (its own definition of it has camelCase names). */
export function stringFields(values: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { stringValue: value }]))
}
