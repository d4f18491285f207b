/** One metric, for the reference and for code that must name it. */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

/** Labels of Istio's standard metrics. */
const ISTIO_LABELS = [
  'reporter',
  ...(['source', 'destination'] as const).flatMap((side) =>
    (['workload', 'workload_namespace', 'principal', 'app', 'version', 'canonical_service', 'canonical_revision'] as const).map((name) => `${side}_${name}`),
  ),
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
]

/** Of connections, which have no status. */
const TCP_LABELS = ISTIO_LABELS.filter((label) => label !== 'response_code' && label !== 'grpc_response_status')

/** Of messages, which belong to calls that may not have ended. */
const MESSAGE_LABELS = TCP_LABELS.filter((label) => label !== 'response_flags')

/** Every metric of the gateway beside those of the process. The first four are those of the OpenFaaS gateway; `function_name` is `NAME.NAMESPACE`. */
export const METRICS = {
  gateway_functions_seconds: { type: 'histogram', labels: ['function_name'], help: 'Time of calls through the ingress, in seconds' },
  gateway_function_invocation_total: { type: 'counter', labels: ['function_name', 'code'], help: 'Calls through the ingress that ended, by HTTP status' },
  gateway_function_invocation_started: { type: 'counter', labels: ['function_name'], help: 'Calls through the ingress that began' },
  gateway_service_count: { type: 'gauge', labels: ['function_name'], help: 'Replicas that are wanted' },
  http_requests_total: { type: 'counter', labels: ['method', 'path', 'status'], help: 'Requests to the control API; path is the pattern of the route' },
  http_request_duration_seconds: { type: 'histogram', labels: ['method', 'path', 'status'], help: 'Time of requests to the control API, in seconds' },
  weft_mesh_certificate_expiry_seconds: {
    type: 'gauge',
    labels: ['kind'],
    help: 'Seconds until the first certificate of a kind ends: root (those that sign or will), intermediate, leaf',
  },
  weft_mesh_findings: {
    type: 'gauge',
    labels: ['severity', 'reason'],
    help: 'What the mesh has to say about resources (weft mesh status), by reason: CredentialKept is a certificate of a Gateway that could not be replaced',
  },
  istio_requests_total: { type: 'counter', labels: ISTIO_LABELS, help: 'Calls within the mesh, by who called whom; of both sides' },
  istio_request_duration_milliseconds: { type: 'histogram', labels: ISTIO_LABELS, help: 'Time of calls within the mesh, in milliseconds; of both sides' },
  istio_request_bytes: { type: 'histogram', labels: ISTIO_LABELS, help: 'Size of the bodies of calls; of the side that was called' },
  istio_request_messages_total: {
    type: 'counter',
    labels: MESSAGE_LABELS,
    help: 'Messages that callers of gRPC sent; of both sides, the caller is known to its own',
  },
  istio_response_messages_total: {
    type: 'counter',
    labels: MESSAGE_LABELS,
    help: 'Messages that callees of gRPC sent; of both sides, the caller is known to its own',
  },
  istio_tcp_connections_opened_total: { type: 'counter', labels: TCP_LABELS, help: 'Connections of raw TCP that were made; of both sides' },
  istio_tcp_connections_closed_total: { type: 'counter', labels: TCP_LABELS, help: 'Connections of raw TCP that have ended; of both sides' },
  istio_tcp_sent_bytes_total: { type: 'counter', labels: TCP_LABELS, help: 'Bytes that callees sent over connections of raw TCP that have ended' },
  istio_tcp_received_bytes_total: { type: 'counter', labels: TCP_LABELS, help: 'Bytes that callees got over connections of raw TCP that have ended' },
  istio_response_bytes: { type: 'histogram', labels: ISTIO_LABELS, help: 'Size of the bodies of answers; of the side that was called' },
} as const satisfies Record<string, MetricEntry>

/** Name of a metric of the gateway. */
export type MetricName = keyof typeof METRICS
