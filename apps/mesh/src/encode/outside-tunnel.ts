import { strictDnsCache } from './clusters.ts'
import { accessLog } from './access-log.ts'
import { duration, extension, resource, wrap } from './json.ts'
import { TYPE_URLS } from './names.ts'
import { bytesCluster, tunnelName } from './outside-names.ts'
import { isForwarded } from './outside-way.ts'
import type { OutsideWay } from './outside-way.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const INSPECTION_MS = 5000

/**
 * Passes TLS of a caller on, when its server name is the host's: a name that may be called is no cover for another one (domain fronting). Below a wildcard the
 * server name also says where it goes. Everything else (no TLS, no server name, another one) finds no chain, and is closed.
 */
export function encodeTunnelListener(way: OutsideWay, layout: NodeLayout): EnvoyResource {
  const name = tunnelName(way)
  return resource(TYPE_URLS.listener, name, {
    name,
    stat_prefix: 'tunnel',
    internal_listener: {},
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    listener_filters: [extension('envoy.filters.listener.tls_inspector', 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector')],
    listener_filters_timeout: duration(INSPECTION_MS),
    access_log: accessLog(layout, { hop: 'outbound' }),
    filter_chains: [{ filter_chain_match: { transport_protocol: 'tls', server_names: [way.entry.host] }, filters: forwarding(way, layout) }],
  })
}

function forwarding(way: OutsideWay, layout: NodeLayout): readonly Json[] {
  const proxy = proxyTo(bytesCluster(way), layout)
  if (!isForwarded(way) || layout.outsideNames === undefined) return [proxy]
  const resolve = extension('envoy.filters.network.sni_dynamic_forward_proxy', 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig', {
    dns_cache_config: strictDnsCache(layout.outsideNames.port),
    port_value: way.port.number,
  })
  return [resolve, proxy]
}

function proxyTo(cluster: string, layout: NodeLayout): Json {
  return extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: 'tunnel',
    cluster,
    idle_timeout: duration(layout.limits.streamIdleTimeoutMs),
  })
}
