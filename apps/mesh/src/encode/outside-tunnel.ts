import { internalCluster, strictDnsCache } from './clusters.ts'
import { accessLog } from './access-log.ts'
import { duration, extension, resource, wrap } from './json.ts'
import { TYPE_URLS } from './names.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const INSPECTION_MS = 5000
const CONNECT_ATTEMPTS = 3

/** Bytes on their way out of the mesh, or through it. */
export interface Tunnel {
  /** Of the internal listener, and of the cluster to it. */
  readonly name: string
  /**
   * TLS alone, with one of these as its server name: a name that may be called is no cover for another one (domain fronting). Absent: any bytes.
   */
  readonly serverNames?: readonly string[]
  readonly shares: readonly { readonly cluster: string; readonly weight: number }[]
  /** Port of the place whose name is the server name, where that also says where it goes. */
  readonly resolvedPort?: number
  /** Set: they go on as CONNECT to this authority. */
  readonly authority?: string
}

/** An internal listener that passes bytes on, and the cluster to it. What does not fit finds no chain, and is closed. */
export function encodeTunnel(tunnel: Tunnel, layout: NodeLayout): readonly EnvoyResource[] {
  const { name, serverNames } = tunnel
  const inspected = serverNames === undefined ? {} : { filter_chain_match: { transport_protocol: 'tls', ...namesMatch(serverNames) } }
  const listener = resource(TYPE_URLS.listener, name, {
    name,
    stat_prefix: 'tunnel',
    internal_listener: {},
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    ...(serverNames === undefined ? {} : INSPECTION),
    // What only goes on is told by those before and behind it.
    ...(serverNames === undefined ? {} : { access_log: accessLog(layout, { hop: 'outbound' }) }),
    filter_chains: [{ ...inspected, filters: tunnelFilters(tunnel, layout) }],
  })
  return [internalCluster(name), listener]
}

/** `*` stands for any name. */
export function namesMatch(names: readonly string[]): Json {
  return names.includes('*') ? {} : { server_names: names }
}

const INSPECTION: Json = {
  listener_filters: [extension('envoy.filters.listener.tls_inspector', 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector')],
  listener_filters_timeout: duration(INSPECTION_MS),
}

/** Filters that pass bytes on. */
export function tunnelFilters({ shares, resolvedPort, authority }: Omit<Tunnel, 'name'>, layout: NodeLayout): readonly Json[] {
  const [only] = shares
  const clusters =
    shares.length === 1 && only !== undefined
      ? { cluster: only.cluster }
      : { weighted_clusters: { clusters: shares.map(({ cluster, weight }) => ({ name: cluster, weight })) } }
  const proxy = extension('envoy.filters.network.tcp_proxy', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: 'tunnel',
    ...clusters,
    idle_timeout: duration(layout.limits.streamIdleTimeoutMs),
    ...(authority === undefined ? {} : { max_connect_attempts: wrap(CONNECT_ATTEMPTS), tunneling_config: { hostname: authority } }),
  })
  if (resolvedPort === undefined || layout.outsideNames === undefined) return [proxy]
  const resolve = extension('envoy.filters.network.sni_dynamic_forward_proxy', 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig', {
    dns_cache_config: strictDnsCache(layout.outsideNames.port),
    port_value: resolvedPort,
  })
  return [resolve, proxy]
}
