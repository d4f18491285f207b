import type { MeshReplica, MeshWorkload } from '@weft/mesh-model'
import { ads, any, duration, extension, resource, wrap } from './json.ts'
import { addHeader } from './headers.ts'
import {
  connectName,
  directCluster,
  EGRESS_CLUSTER,
  GATEWAY_CLUSTER,
  holdSocket,
  inboundSocket,
  INGRESS_IDENTITY,
  ingressStatName,
  localCluster,
  MESH_HEADERS,
  MISSING_CLUSTER,
  pairCluster,
  probeCluster,
  TYPE_URLS,
} from './names.ts'
import { balancing, connectionLife, outlierDetection, replicaBreakers } from './traffic.ts'
import { traceMark, withoutEmptyState } from './tracing.ts'
import { upstreamTls } from './tls.ts'
import type { Account } from './tls.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** A Unix socket as an address. */
export function pipe(path: string, mode?: number): Json {
  return { pipe: { path, ...(mode === undefined ? {} : { mode }) } }
}

function endpoint(address: Json): Json {
  return { endpoint: { address } }
}

/** Options of the HTTP that is spoken to a cluster. */
export function httpOptions(explicit: Json, more: Json = {}): Json {
  return { typed_extension_protocol_options: { [HTTP_OPTIONS]: any(HTTP_OPTIONS, { explicit_http_config: explicit, ...more }) } }
}

/** Retries to replicas find another one, or the hold listener; they are bounded by their routes. */
const FREE_RETRIES: Json = { max_retries: wrap(10_000) }
/** Retries that a user asked for: a fifth of the calls under way, so that they cannot multiply the load of a callee that is down. */
const BUDGETED_RETRIES: Json = { retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: wrap(3) } }

function retriesOf({ traffic }: MeshWorkload): Json {
  const most = traffic?.pool?.maxRetries
  return most === undefined ? BUDGETED_RETRIES : { max_retries: wrap(most) }
}

/** Limits of a cluster: calls above them are answered at once (response flag UO). */
function breakers(layout: NodeLayout, retries: Json = FREE_RETRIES): Json {
  const { maxRequests } = layout.limits
  const threshold = { max_connections: wrap(maxRequests), max_pending_requests: wrap(maxRequests), max_requests: wrap(maxRequests), ...retries }
  return { circuit_breakers: { thresholds: [threshold] } }
}

/**
 * Tells the hold listener who is called, and only it: the value is metadata of the chosen endpoint, which replicas do not have, so that they see no
 * such header (it is absent when empty).
 */
const upstreamFilters = (layout: NodeLayout): readonly Json[] => [
  extension('envoy.filters.http.header_mutation', 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
    mutations: {
      request_mutations: [
        { remove: MESH_HEADERS.path },
        { remove: MESH_HEADERS.client },
        { remove: MESH_HEADERS.workload },
        { append: addHeader(MESH_HEADERS.workload, '%UPSTREAM_METADATA(weft:workload)%', 'OVERWRITE_IF_EXISTS_OR_ADD') },
        ...traceMark(layout),
        ...withoutEmptyState(layout),
      ],
    },
  }),
  extension('envoy.filters.http.upstream_codec', 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'),
]

/**
 * Cluster over the workload's endpoints, under any name: `local/…`, and the ingress' own on the direct path (counted apart). It has no outlier detection
 * unless a DestinationRule asks for it: that costs Envoy 80 KiB per cluster, and routes try the next priority when a replica refuses.
 */
function replicaCluster(name: string, workload: MeshWorkload, layout: NodeLayout, speaks: Json = replicaProtocol(workload)): Json {
  const { balancer, pool = {}, outliers } = workload.traffic ?? {}
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: ads(), service_name: localCluster(workload.key) },
    connect_timeout: duration(pool.connectTimeoutMs ?? 1000),
    ...balancing(balancer),
    ...(outliers === undefined ? {} : { outlier_detection: outlierDetection(outliers) }),
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    ...replicaBreakers(layout, pool),
    ...httpOptions(speaks, { common_http_protocol_options: connectionLife(pool), http_filters: upstreamFilters(layout) }),
  }
}

const HTTP1: Json = { http_protocol_options: {} }

/** Whether replicas take HTTP/2 (without TLS) on their sockets. Every runtime takes HTTP/1.1 too, for probes. */
export function speaksHttp2({ protocol }: MeshWorkload): boolean {
  return protocol === 'http2' || protocol === 'grpc'
}

/** What replicas speak. The hold listener behind them takes either. Raw TCP goes to the runtime in a CONNECT of HTTP/1.1. */
function replicaProtocol(workload: MeshWorkload): Json {
  if (!speaksHttp2(workload)) return HTTP1
  return { http2_protocol_options: { initial_stream_window_size: wrap(1024 * 1024), initial_connection_window_size: wrap(16 * 1024 * 1024) } }
}

/** The workload's replicas and, behind them, the hold listener. */
export function encodeLocalCluster(workload: MeshWorkload, layout: NodeLayout): EnvoyResource {
  const name = localCluster(workload.key)
  return resource(TYPE_URLS.cluster, name, replicaCluster(name, workload, layout))
}

/** The prober's way to replicas that speak HTTP/2. */
export function encodeProbeCluster(workload: MeshWorkload, layout: NodeLayout): EnvoyResource {
  const name = probeCluster(workload.key)
  return resource(TYPE_URLS.cluster, name, replicaCluster(name, workload, layout, HTTP1))
}

/**
 * Endpoints of a workload: serving replicas as priority 0, the hold listener as priority 1. Priority 0 gets everything as long as one of its replicas
 * is in use (overprovisioning). Costs no more than the list is long; nothing else changes when replicas do.
 */
export function encodeEndpoints(workload: string, replicas: readonly MeshReplica[], layout: NodeLayout): EnvoyResource {
  const name = localCluster(workload)
  const serving = replicas.filter((replica) => replica.serving)
  const hold = { ...endpoint(pipe(holdSocket(layout))), metadata: { filter_metadata: { weft: { fields: { workload: { stringValue: workload } } } } } }
  return resource(TYPE_URLS.endpoints, name, {
    cluster_name: name,
    endpoints: [
      { priority: 0, lb_endpoints: serving.map((replica) => endpoint(pipe(replica.inboundSocket))) },
      { priority: 1, lb_endpoints: [hold] },
    ],
    policy: { overprovisioning_factor: wrap(100_000) },
  })
}

/** What a cluster between a caller and a callee is made of. */
export interface PairParts {
  readonly caller: Account
  readonly callee: MeshWorkload
  readonly trustDomain: string
  /** The caller's node. */
  readonly layout: NodeLayout
  /** The callee's node. */
  readonly calleeLayout: NodeLayout
}

/** Carries one identity's calls to one workload's inbound listener, with the caller's certificate. */
export function encodePairCluster(parts: PairParts): EnvoyResource {
  const { caller, callee } = parts
  const name = pairCluster(caller, callee.key)
  const ingress = caller.namespace === INGRESS_IDENTITY.namespace && caller.serviceAccount === INGRESS_IDENTITY.serviceAccount
  const stat = ingress ? { alt_stat_name: ingressStatName(callee.key) } : {}
  return resource(TYPE_URLS.cluster, name, { ...encryptedCluster(name, parts), ...stat })
}

/** The ingress' way straight to a workload's replicas. */
export function encodeDirectCluster(callee: MeshWorkload, layout: NodeLayout): EnvoyResource {
  const name = directCluster(callee.key)
  return resource(TYPE_URLS.cluster, name, { ...replicaCluster(name, callee, layout), alt_stat_name: ingressStatName(callee.key) })
}

function encryptedCluster(name: string, parts: PairParts): Json {
  const { caller, callee, trustDomain, layout, calleeLayout } = parts
  const address = pipe(inboundSocket(calleeLayout, callee.key))
  const windows = { initial_stream_window_size: wrap(1024 * 1024), initial_connection_window_size: wrap(16 * 1024 * 1024) }
  return {
    name,
    type: 'STATIC',
    connect_timeout: duration(2000),
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint(address)] }] },
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    ...breakers(layout, retriesOf(callee)),
    ...httpOptions({ http2_protocol_options: { allow_connect: true, ...windows } }),
    ...(callee.mtls === 'disable' ? {} : { transport_socket: upstreamTls(caller, callee, trustDomain) }),
  }
}

/** The control API's Unix socket. */
export function encodeGatewayCluster(layout: NodeLayout): EnvoyResource {
  return resource(TYPE_URLS.cluster, GATEWAY_CLUSTER, {
    name: GATEWAY_CLUSTER,
    type: 'STATIC',
    connect_timeout: duration(1000),
    load_assignment: { cluster_name: GATEWAY_CLUSTER, endpoints: [{ lb_endpoints: [endpoint(pipe(layout.gatewaySocket))] }] },
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    ...breakers(layout),
    ...httpOptions({ http_protocol_options: {} }),
  })
}

/**
 * Name cache that the egress cluster and its filter share; its parts must be equal in both. With the name guard as resolver a name has either addresses that
 * may be reached or none of them: Envoy checks the first address of a list only, but connects to the next ones when it fails.
 */
export function dnsCache({ nameGuard }: NodeLayout): Json {
  return nameCache('egress', nameGuard?.port)
}

/** The same for what is passed on by its server name, without a filter that looks at addresses: it asks the strict name guard. */
export function strictDnsCache(port: number): Json {
  return nameCache('outside', port)
}

function nameCache(name: string, guard: number | undefined): Json {
  const resolver = (port: number): Json =>
    extension('envoy.network.dns_resolver.cares', 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', {
      resolvers: [{ socket_address: { address: '127.0.0.1', port_value: port } }],
    })
  return {
    name,
    dns_lookup_family: 'V4_PREFERRED',
    max_hosts: wrap(1024),
    host_ttl: duration(60_000),
    ...(guard === undefined ? {} : { typed_dns_resolver_config: resolver(guard) }),
  }
}

/** Hosts outside of the mesh, resolved when they are called. */
export function encodeEgressCluster(layout: NodeLayout): EnvoyResource {
  return resource(TYPE_URLS.cluster, EGRESS_CLUSTER, {
    name: EGRESS_CLUSTER,
    connect_timeout: duration(10_000),
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: extension('envoy.clusters.dynamic_forward_proxy', 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
      dns_cache_config: dnsCache(layout),
    }),
    ...breakers(layout),
  })
}

/** To the internal listener that takes what a workload sends through CONNECT to a mesh name, and first calls, in the protocol that they came in. */
export function encodeConnectCluster(workload: string): EnvoyResource {
  return internalCluster(connectName(workload))
}

/** To the internal listener of the same name. */
export function internalCluster(name: string): EnvoyResource {
  return resource(TYPE_URLS.cluster, name, {
    name,
    type: 'STATIC',
    connect_timeout: duration(1000),
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint({ envoy_internal_address: { server_listener_name: name } })] }] },
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: any(HTTP_OPTIONS, { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: { allow_connect: true } } }),
    },
    transport_socket: extension(
      'envoy.transport_sockets.internal_upstream',
      'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
      {
        transport_socket: extension('envoy.transport_sockets.raw_buffer', 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'),
      },
    ),
  })
}

/** A cluster without endpoints: what is sent to it is answered 503 at once. */
export function encodeMissingCluster(): EnvoyResource {
  return resource(TYPE_URLS.cluster, MISSING_CLUSTER, { name: MISSING_CLUSTER, type: 'STATIC', load_assignment: { cluster_name: MISSING_CLUSTER } })
}
