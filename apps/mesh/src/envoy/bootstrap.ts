import { TRAFFIC_BUCKETS, TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { ACTIVATOR_CLUSTER, ENVOY_RUNTIME, STATS_INCLUSION, TAP_CLUSTER, XDS_CLUSTER } from '../encode/names.ts'

/** What an Envoy must be told before it asks us for the rest. */
export interface BootstrapOptions {
  /** Xds node id. */
  readonly node: string
  /** Unix socket of the control plane (ADS and load reports). */
  readonly xdsSocket: string
  /** Unix socket of the activator. */
  readonly activatorSocket: string
  /** Where Envoy puts its admin interface; only this user may open it. */
  readonly adminSocket: string
  /** TCP and Unix connections from clients and functions, all listeners together. Those that proxies open to each other do not count. */
  readonly maxConnections: number
}

const ANY = 'type.googleapis.com/'
const OWNER_ONLY = 0o600
/** Messages under way with calls that are looked at. What comes above them is dropped: a control plane that does not read costs the proxy no memory. */
const TAP_REQUESTS = 32
/** What the admin interface is told, in memory only. Must be the last. */
const TAP_LAYER = { name: 'admin', admin_layer: {} }

/** HTTP/2 without TLS over a Unix socket. A lost control plane is noticed within 35 s; Envoy keeps what it has meanwhile. */
function controlCluster(name: string, socket: string, most = 1_000_000): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }] },
    circuit_breakers: { thresholds: [{ max_connections: most, max_pending_requests: most, max_requests: most }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${ANY}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } } },
      },
    },
  }
}

const grpcTo = (cluster: string) => [{ envoy_grpc: { cluster_name: cluster } }]

/** The bootstrap of one Envoy, as JSON. Everything else comes by incremental ADS (envoy.config.bootstrap.v3.Bootstrap). */
export function bootstrap(options: BootstrapOptions): object {
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '5s' }
  return {
    node: { id: options.node, cluster: 'weft' },
    admin: { address: { pipe: { path: options.adminSocket, mode: OWNER_ONLY } } },
    layered_runtime: { layers: [{ name: 'weft', static_layer: ENVOY_RUNTIME }, TAP_LAYER] },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: grpcTo(XDS_CLUSTER), set_node_on_first_message_only: true },
      cds_config: ads,
      lds_config: ads,
    },
    cluster_manager: { load_stats_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services: grpcTo(XDS_CLUSTER) } },
    static_resources: {
      clusters: [
        controlCluster(XDS_CLUSTER, options.xdsSocket),
        controlCluster(ACTIVATOR_CLUSTER, options.activatorSocket),
        controlCluster(TAP_CLUSTER, options.xdsSocket, TAP_REQUESTS),
      ],
    },
    bootstrap_extensions: [
      { name: 'envoy.bootstrap.internal_listener', typed_config: { '@type': `${ANY}envoy.extensions.bootstrap.internal_listener.v3.InternalListener` } },
    ],
    stats_config: {
      stats_matcher: { inclusion_list: { patterns: STATS_INCLUSION } },
      histogram_bucket_settings: [
        { match: { prefix: `${TRAFFIC_PREFIX}.duration` }, buckets: TRAFFIC_BUCKETS.duration },
        { match: { prefix: `${TRAFFIC_PREFIX}.` }, buckets: TRAFFIC_BUCKETS.bytes },
      ],
    },
    stats_flush_on_admin: true,
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type': `${ANY}envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`,
            max_active_downstream_connections: options.maxConnections,
          },
        },
      ],
    },
  }
}
