/** One metric, for the reference and for code that must name it. */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

/** Every metric of the gateway beside those of the process. The first four are those of the OpenFaaS gateway; `function_name` is `NAME.NAMESPACE`. */
export const METRICS = {
  gateway_functions_seconds: { type: 'histogram', labels: ['function_name'], help: 'Time of calls through the ingress, in seconds' },
  gateway_function_invocation_total: { type: 'counter', labels: ['function_name', 'code'], help: 'Calls through the ingress that ended, by HTTP status' },
  gateway_function_invocation_started: { type: 'counter', labels: ['function_name'], help: 'Calls through the ingress that began' },
  gateway_service_count: { type: 'gauge', labels: ['function_name'], help: 'Replicas that are wanted' },
  http_requests_total: { type: 'counter', labels: ['method', 'path', 'status'], help: 'Requests to the control API; path is the pattern of the route' },
  http_request_duration_seconds: { type: 'histogram', labels: ['method', 'path', 'status'], help: 'Time of requests to the control API, in seconds' },
} as const satisfies Record<string, MetricEntry>

/** Name of a metric of the gateway. */
export type MetricName = keyof typeof METRICS
