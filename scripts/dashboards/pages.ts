import type { Dashboard } from './panels.ts'

const rate = (selector: string) => `rate(${selector}[$__rate_interval])`
const quantiles = (metric: string, selector: string, by: string) =>
  [0.5, 0.95, 0.99].map(
    (quantile) => [`histogram_quantile(${quantile}, sum by (le, ${by}) (${rate(`${metric}_bucket{${selector}}`)}))`, `p${quantile * 100} {{${by}}}`] as const,
  )

const FUNCTION = 'function_name=~"$function"'
const functions: Dashboard = {
  uid: 'weft-functions',
  title: 'Weft / Functions',
  description: 'Calls of functions from outside, as the ingress counts them',
  variables: [['function', 'label_values(gateway_function_invocation_started, function_name)']],
  panels: [
    { title: 'Calls', unit: 'reqps', queries: [[`sum by (function_name) (${rate(`gateway_function_invocation_total{${FUNCTION}}`)})`, '{{function_name}}']] },
    {
      title: 'Failures',
      unit: 'percentunit',
      description: 'Share of calls that ended with 5xx',
      queries: [
        [
          `(sum by (function_name) (${rate(`gateway_function_invocation_total{${FUNCTION},code=~"5.."}`)}) or 0 * sum by (function_name) (${rate(`gateway_function_invocation_total{${FUNCTION}}`)})) / sum by (function_name) (${rate(`gateway_function_invocation_total{${FUNCTION}}`)})`,
          '{{function_name}}',
        ],
      ],
    },
    { title: 'Time', unit: 's', queries: quantiles('gateway_functions_seconds', FUNCTION, 'function_name') },
    { title: 'Calls by status', unit: 'reqps', queries: [[`sum by (code) (${rate(`gateway_function_invocation_total{${FUNCTION}}`)})`, '{{code}}']] },
    {
      title: 'Under way',
      unit: 'short',
      queries: [
        [
          `sum by (function_name) (gateway_function_invocation_started{${FUNCTION}}) - sum by (function_name) (gateway_function_invocation_total{${FUNCTION}})`,
          '{{function_name}}',
        ],
      ],
    },
    { title: 'Replicas wanted', unit: 'short', queries: [[`sum by (function_name) (gateway_service_count{${FUNCTION}})`, '{{function_name}}']] },
  ],
}

const CALLED = 'reporter="destination",destination_service_namespace=~"$namespace",destination_service_name=~"$service"'
const CALLING = 'reporter="source",source_workload_namespace=~"$namespace",source_canonical_service=~"$service"'
const mesh: Dashboard = {
  uid: 'weft-mesh',
  title: 'Weft / Mesh',
  description: "Who calls whom, by Istio's standard metrics; a workload is a revision",
  variables: [
    ['namespace', 'label_values(istio_requests_total, destination_service_namespace)'],
    ['service', 'label_values(istio_requests_total{destination_service_namespace=~"$namespace"}, destination_service_name)'],
  ],
  panels: [
    {
      title: 'Calls by caller',
      unit: 'reqps',
      queries: [
        [`sum by (source_workload, destination_workload) (${rate(`istio_requests_total{${CALLED}}`)})`, '{{source_workload}} -> {{destination_workload}}'],
      ],
    },
    {
      title: 'Answers that are no failure',
      unit: 'percentunit',
      queries: [
        [
          `sum by (destination_workload) (${rate(`istio_requests_total{${CALLED},response_code!~"5..|0"}`)}) / sum by (destination_workload) (${rate(`istio_requests_total{${CALLED}}`)})`,
          '{{destination_workload}}',
        ],
      ],
    },
    { title: 'Time', unit: 'ms', queries: quantiles('istio_request_duration_milliseconds', CALLED, 'destination_workload') },
    {
      title: 'Calls by status',
      unit: 'reqps',
      queries: [[`sum by (response_code, response_flags) (${rate(`istio_requests_total{${CALLED}}`)})`, '{{response_code}} {{response_flags}}']],
    },
    {
      title: 'Calls made',
      unit: 'reqps',
      queries: [
        [
          `sum by (source_workload, destination_service_name) (${rate(`istio_requests_total{${CALLING}}`)})`,
          '{{source_workload}} -> {{destination_service_name}}',
        ],
      ],
    },
    {
      title: 'With mutual TLS',
      unit: 'percentunit',
      queries: [
        [
          `sum by (destination_workload) (${rate(`istio_requests_total{${CALLED},connection_security_policy="mutual_tls"}`)}) / sum by (destination_workload) (${rate(`istio_requests_total{${CALLED}}`)})`,
          '{{destination_workload}}',
        ],
      ],
    },
    {
      title: 'Bodies of calls',
      unit: 'Bps',
      queries: [[`sum by (destination_workload) (${rate(`istio_request_bytes_sum{${CALLED}}`)})`, '{{destination_workload}}']],
    },
    {
      title: 'Bodies of answers',
      unit: 'Bps',
      queries: [[`sum by (destination_workload) (${rate(`istio_response_bytes_sum{${CALLED}}`)})`, '{{destination_workload}}']],
    },
  ],
}

const VERSIONS = 'reporter="destination",destination_canonical_service=~"$function"'
const canary: Dashboard = {
  uid: 'weft-canary',
  title: 'Weft / Canary',
  description: 'The revisions of a function beside each other, as a Canary judges them',
  variables: [['function', 'label_values(istio_requests_total, destination_canonical_service)']],
  panels: [
    {
      title: 'Share of the calls',
      unit: 'percentunit',
      queries: [
        [
          `sum by (destination_canonical_service, destination_workload) (${rate(`istio_requests_total{${VERSIONS}}`)}) / on (destination_canonical_service) group_left sum by (destination_canonical_service) (${rate(`istio_requests_total{${VERSIONS}}`)})`,
          '{{destination_workload}}',
        ],
      ],
    },
    { title: 'Calls', unit: 'reqps', queries: [[`sum by (destination_workload) (${rate(`istio_requests_total{${VERSIONS}}`)})`, '{{destination_workload}}']] },
    {
      title: 'Answers that are no failure',
      unit: 'percentunit',
      queries: [
        [
          `sum by (destination_workload) (${rate(`istio_requests_total{${VERSIONS},response_code!~"5..|0"}`)}) / sum by (destination_workload) (${rate(`istio_requests_total{${VERSIONS}}`)})`,
          '{{destination_workload}}',
        ],
      ],
    },
    { title: 'Time', unit: 'ms', queries: quantiles('istio_request_duration_milliseconds', VERSIONS, 'destination_workload') },
  ],
}

const controlPlane: Dashboard = {
  uid: 'weft-control-plane',
  title: 'Weft / Control plane',
  description: 'The process of the platform itself; calls of functions do not pass through it',
  variables: [['instance', 'label_values(nodejs_version_info, instance)']],
  panels: [
    { title: 'CPU', unit: 'percentunit', queries: [[rate('process_cpu_seconds_total{instance=~"$instance"}'), '{{instance}}']] },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: [
        ['process_resident_memory_bytes{instance=~"$instance"}', 'resident {{instance}}'],
        ['nodejs_heap_size_used_bytes{instance=~"$instance"}', 'heap {{instance}}'],
      ],
    },
    {
      title: 'Delay of the event loop',
      unit: 's',
      queries: [
        ['nodejs_eventloop_lag_p50_seconds{instance=~"$instance"}', 'p50 {{instance}}'],
        ['nodejs_eventloop_lag_p99_seconds{instance=~"$instance"}', 'p99 {{instance}}'],
      ],
    },
    {
      title: 'Requests to the control API',
      unit: 'reqps',
      queries: [[`sum by (method, path, status) (${rate('http_requests_total{instance=~"$instance"}')})`, '{{method}} {{path}} {{status}}']],
    },
    {
      title: 'Time of requests to the control API',
      unit: 's',
      queries: [[`histogram_quantile(0.99, sum by (le) (${rate('http_request_duration_seconds_bucket{instance=~"$instance"}')}))`, 'p99']],
    },
    {
      title: 'Certificates are good for',
      unit: 's',
      queries: [['min by (kind) (weft_mesh_certificate_expiry_seconds{instance=~"$instance"})', '{{kind}}']],
    },
    { title: 'Open files', unit: 'short', queries: [['process_open_fds{instance=~"$instance"}', '{{instance}}']] },
  ],
}

/** All dashboards by the name of their file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = { functions, mesh, canary, 'control-plane': controlPlane }
