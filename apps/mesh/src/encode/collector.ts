import { any, duration, extension, resource, wrap } from './json.ts'
import { TYPE_URLS } from './names.ts'
import type { Collector, EnvoyResource, Json, NodeLayout } from './types.ts'

/** What is sent to a collector; each has a cluster of its own, so that one that hangs does not hold up the other. */
export type Signal = 'traces' | 'logs'

const EXPORT_TIMEOUT_MS = 5_000
/** Exports under way. A collector that does not answer costs this much and no more: what comes above it is dropped. */
const MAX_EXPORTS = 32
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

const clusterOf = (signal: Signal) => `otlp-${signal}`

/** `grpc_service` or `http_service` of Envoy's OTLP exporters. */
export function exportService(collector: Collector, signal: Signal): Json {
  const cluster = clusterOf(signal)
  const timeout = duration(EXPORT_TIMEOUT_MS)
  if (collector.protocol === 'grpc') return { grpc_service: { envoy_grpc: { cluster_name: cluster, authority: authorityOf(collector) }, timeout } }
  const uri = `${collector.tls === undefined ? 'http' : 'https'}://${authorityOf(collector)}${collector.path}/v1/${signal}`
  return { http_service: { http_uri: { uri, cluster, timeout } } }
}

function authorityOf({ host, port }: Collector): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Clusters of the collectors that the settings name. */
export function encodeCollectorClusters({ telemetry: { tracing, accessLog } }: NodeLayout): readonly EnvoyResource[] {
  return [
    ...(tracing === undefined ? [] : [collectorCluster(tracing.collector, 'traces')]),
    ...(accessLog.format === 'otlp' ? [collectorCluster(accessLog.collector, 'logs')] : []),
  ]
}

function collectorCluster(collector: Collector, signal: Signal): EnvoyResource {
  const name = clusterOf(signal)
  const address = { socket_address: { address: collector.host, port_value: collector.port } }
  const protocol = collector.protocol === 'grpc' ? { http2_protocol_options: {} } : { http_protocol_options: {} }
  const most = wrap(MAX_EXPORTS)
  return resource(TYPE_URLS.cluster, name, {
    name,
    type: /^[0-9.]+$|:/.test(collector.host) ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: duration(2000),
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    circuit_breakers: { thresholds: [{ max_connections: most, max_pending_requests: most, max_requests: most, max_retries: wrap(1) }] },
    typed_extension_protocol_options: { [HTTP_OPTIONS]: any(HTTP_OPTIONS, { explicit_http_config: protocol }) },
    ...(collector.tls === undefined ? {} : { transport_socket: collectorTls(collector.host, collector.tls.authorities) }),
  })
}

function collectorTls(host: string, authorities: string): Json {
  return extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    sni: host,
    common_tls_context: {
      validation_context: {
        trusted_ca: { filename: authorities },
        match_typed_subject_alt_names: [{ san_type: /^[0-9.]+$|:/.test(host) ? 'IP_ADDRESS' : 'DNS', matcher: { exact: host } }],
      },
    },
  })
}
