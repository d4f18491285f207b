import { AUTHORITY, CALL_FIELDS } from './call-fields.ts'
import { exportService } from './collector.ts'
import { extension, wrap } from './json.ts'
import { headerMatcher } from './matching.ts'
import { MESH_HEADERS } from './names.ts'
import { pathOf, type ToldHop } from './path-word.ts'
import { INGRESS_SERVICE, serviceAttributes, type TracedService } from './tracing.ts'
import type { Collector, Json, NodeLayout } from './types.ts'

/** Whose log it is. */
interface LoggedHop {
  readonly hop: ToldHop
  /** Key of the workload; absent at the ingress. */
  readonly workload?: string
  readonly service?: TracedService
  /** The host that was asked for is not told. */
  readonly withoutHost?: true
}

/**
 * One entry per call at one hop, in the form and to the place that the settings say. Paths are without the query, which may carry tokens; no header with
 * credentials is written. @returns no logger, or one
 */
export function accessLog(layout: NodeLayout, logged: LoggedHop): readonly Json[] {
  const { accessLog: settings } = layout.telemetry
  if (settings.format === 'none') return []
  const only = [...(settings.only === 'errors' ? [ONLY_ERRORS] : []), ...(logged.hop === 'outbound' ? ONCE : [])]
  // Routes of the ingress write the host anew, but for one that is refused: what it says of a user may be a password.
  if (logged.hop !== 'ingress') return [{ ...logger(layout, settings, logged), ...filtered(only) }]
  return [
    { ...logger(layout, settings, logged), ...filtered([...only, userInHost(false)]) },
    { ...logger(layout, settings, { ...logged, withoutHost: true }), ...filtered([...only, userInHost(true)]) },
  ]
}

function logger(layout: NodeLayout, settings: Exclude<NodeLayout['telemetry']['accessLog'], { readonly format: 'none' }>, logged: LoggedHop): Json {
  switch (settings.format) {
    case 'json':
      return fileLog(layout.accessLogFile, { omit_empty_values: true, json_format: { fields: stringFields(fieldsOf(logged)) } })
    case 'text':
      return fileLog(layout.accessLogFile, { text_format_source: { inline_string: text(logged) } })
    case 'otlp':
      return collectedLog(settings.collector, logged)
    default:
      return settings satisfies never
  }
}

function filtered(filters: readonly Json[]): Json {
  const [only] = filters
  if (only === undefined) return {}
  return { filter: filters.length === 1 ? only : { and_filter: { filters } } }
}

/** A first call passes two listeners, and asks a question before: it is one entry, by the one that knows where it went. */
const ONCE: readonly Json[] = [MESH_HEADERS.first, MESH_HEADERS.passed].map((header) => ({
  header_filter: { header: headerMatcher(header, { kind: 'present' }, true) },
}))

function userInHost(is: boolean): Json {
  return { header_filter: { header: { name: ':authority', string_match: { contains: '@' }, invert_match: !is, treat_missing_header_as_empty: true } } }
}

function fileLog(path: string, log_format: Json): Json {
  return extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', { path, log_format })
}

/** Texts as OTLP attributes. */
export const textAttributes = (values: Readonly<Record<string, string>>): Json => ({
  values: Object.entries(values).map(([key, value]) => ({ key, value: { string_value: value } })),
})

function collectedLog(collector: Collector, logged: LoggedHop): Json {
  const { hop, workload, service = INGRESS_SERVICE } = logged
  return extension('envoy.access_loggers.open_telemetry', 'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', {
    ...exportService(collector, 'logs'),
    log_name: `${hop}/${workload ?? ''}`,
    disable_builtin_labels: true,
    resource_attributes: textAttributes(serviceAttributes(service)),
    body: { string_value: text(logged).trimEnd() },
    attributes: textAttributes(fieldsOf(logged)),
  })
}

/** No answer, or one that is an error; and what an AUDIT policy asks for. */
const ONLY_ERRORS: Json = {
  or_filter: {
    filters: [
      { status_code_filter: { comparison: { op: 'GE', value: { default_value: 400, runtime_key: 'weft.access_log' } } } },
      { response_flag_filter: {} },
      {
        metadata_filter: {
          matcher: { filter: 'envoy.filters.http.rbac', path: [{ key: 'audit.shadow_effective_policy_id' }], value: { present_match: true } },
          match_if_key_not_found: wrap(false),
        },
      },
    ],
  },
}

/** Istio's default line, with the path without its query. */
const text = ({ hop, withoutHost }: LoggedHop): string =>
  `[%START_TIME%] "%REQ(:METHOD)% ${pathOf(hop)} %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ` +
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  `"%REQ(X-REQUEST-ID)%" "${withoutHost === undefined ? AUTHORITY : '-'}" ` +
  '"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ' +
  '%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n'

/** Fields that do not apply are left out of JSON. */
function fieldsOf({ hop, workload, withoutHost }: LoggedHop): Readonly<Record<string, string>> {
  return {
    hop,
    ...(workload === undefined ? {} : { workload }),
    ...(withoutHost === undefined ? { authority: AUTHORITY } : {}),
    ...FIELDS,
    path: pathOf(hop),
  }
}

const FIELDS: Readonly<Record<string, string>> = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  ...CALL_FIELDS,
  protocol: '%PROTOCOL%',
  audit: '%DYNAMIC_METADATA(envoy.filters.http.rbac:audit.shadow_effective_policy_id)%',
  wouldDeny: '%DYNAMIC_METADATA(envoy.filters.http.rbac:deny.shadow_effective_policy_id)%',
  dryRunAllow: '%DYNAMIC_METADATA(envoy.filters.http.rbac:allow.shadow_engine_result)%',
  route: '%ROUTE_NAME%',
  upstreamCluster: '%UPSTREAM_CLUSTER%',
  upstreamHost: '%UPSTREAM_HOST%',
  requestId: '%REQ(X-REQUEST-ID)%',
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
