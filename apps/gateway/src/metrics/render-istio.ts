import type { TrafficEnd, TrafficHistogram, TrafficStatistics } from '@weft/mesh-model'
import { METRICS, type MetricName } from './names.ts'

/**
 * Istio's standard metrics under their names and labels (https://istio.io/latest/docs/reference/config/metrics/), so that dashboards made for Istio work. Written
 * here and not by the client library: the numbers are the proxies'. Cost: one text of labels for each pair of callers and outcomes, a line for each bucket.
 */
export function renderIstioMetrics(traffic: readonly TrafficStatistics[]): string {
  const messages = traffic.flatMap((one) => (one.messages === undefined ? [] : [{ labels: labelsOf(one), ...one.messages }]))
  const all = traffic
    .filter(({ connections, messages: counted }) => connections === undefined && counted === undefined)
    .map((one) => ({ one, labels: labelsOf(one) }))
  const connections = traffic.flatMap((one) => (one.connections === undefined ? [] : [{ labels: labelsOf(one), ...one.connections }]))
  return [
    counter('istio_requests_total', all, ({ one }) => one.requests),
    family(
      'istio_request_duration_milliseconds',
      all.flatMap(({ one, labels }) => histogram('istio_request_duration_milliseconds', labels, one.duration)),
    ),
    family(
      'istio_request_bytes',
      all.flatMap(({ one, labels }) => (one.requestBytes === undefined ? [] : histogram('istio_request_bytes', labels, one.requestBytes))),
    ),
    family(
      'istio_response_bytes',
      all.flatMap(({ one, labels }) => (one.responseBytes === undefined ? [] : histogram('istio_response_bytes', labels, one.responseBytes))),
    ),
    counter('istio_request_messages_total', messages, ({ requests }) => requests),
    counter('istio_response_messages_total', messages, ({ responses }) => responses),
    counter('istio_tcp_connections_opened_total', connections, ({ opened }) => opened),
    counter('istio_tcp_connections_closed_total', connections, ({ closed }) => closed),
    counter('istio_tcp_sent_bytes_total', connections, ({ receivedBytes }) => receivedBytes),
    counter('istio_tcp_received_bytes_total', connections, ({ sentBytes }) => sentBytes),
  ].join('\n')
}

function histogram(name: MetricName, labels: string, { buckets, sum, count }: TrafficHistogram): readonly string[] {
  return [
    ...buckets.map((bucket) => `${name}_bucket{${labels},le="${bucket.le}"} ${bucket.count}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${count}`,
  ]
}

function counter<T extends { readonly labels: string }>(name: MetricName, entries: readonly T[], value: (one: T) => number): string {
  return family(
    name,
    entries.map((one) => `${name}{${one.labels}} ${value(one)}`),
  )
}

function family(name: MetricName, lines: readonly string[]): string {
  const { help, type } = METRICS[name]
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

function labelsOf({ reporter, source, destination, code, flags, security, grpcStatus, connections, messages }: TrafficStatistics): string {
  const isCall = connections === undefined && messages === undefined
  const { service, namespace, outside } = destination
  const labels = {
    reporter,
    ...endLabels('source', source),
    ...endLabels('destination', destination),
    destination_service: service === 'unknown' || outside === true ? service : `${service}.${namespace}.svc.cluster.local`,
    destination_service_name: service,
    destination_service_namespace: namespace,
    request_protocol: connections !== undefined ? 'tcp' : grpcStatus === undefined && messages === undefined ? 'http' : 'grpc',
    ...(isCall ? { response_code: code } : {}),
    ...(grpcStatus === undefined ? {} : { grpc_response_status: grpcStatus }),
    ...(messages === undefined ? { response_flags: flags } : {}),
    connection_security_policy: security,
  }
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${value.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`))}"`)
    .join(',')
}

function endLabels(side: 'source' | 'destination', { outside, principal, app, version, ...end }: TrafficEnd): Readonly<Record<string, string>> {
  const [workload, namespace] = outside === true ? ['unknown', 'unknown'] : [end.workload, end.namespace]
  return {
    [`${side}_workload`]: workload,
    [`${side}_workload_namespace`]: namespace,
    [`${side}_principal`]: principal,
    [`${side}_app`]: app,
    [`${side}_version`]: version,
    [`${side}_canonical_service`]: app,
    [`${side}_canonical_revision`]: version,
  }
}
