import { SYSTEM_NAMESPACE } from '@weft/core'
import type { MeshWorkload } from '@weft/mesh-model'
import { authenticationRoutes, inboundAuthenticationFilters, unauthenticated } from './authentication.ts'
import { pipe, speaksHttp2 } from './clusters.ts'
import { egressFilter, resolveFilter } from './egress.ts'
import { earlyMutation, PEERS_HEADERS, STRANGERS_HEADERS } from './headers.ts'
import { httpManager } from './http-manager.ts'
import { ads, duration, extension, resource, wrap } from './json.ts'
import { grpcWebFilter } from './grpc-web.ts'
import { COUNT_HOP, LOOP_ROUTE } from './loops.ts'
import { callIdleTimeout } from './local-reply.ts'
import { headerMatcher } from './matching.ts'
import { inboundName, inboundSocket, localCluster, MESH_HEADERS, PROBE_PATH, probeCluster, SYSTEM_ACCOUNTS, TYPE_URLS, workloadSpiffeId } from './names.ts'
import { ALLOW_FILTER, AUDIT_FILTER, DENY_FILTER, onlyPrincipal, policyConfig, rbacFilter, rbacPerRoute } from './rbac.ts'
import { rateActions, rateConfig, rateFilter, uncounted } from './rates.ts'
import { retryPolicy, retryVariants } from './routes.ts'
import { SEVERAL_HOSTS } from './several-hosts.ts'
import { STREAM_REQUESTS, streamFilter, watched } from './streams.ts'
import { encodeConnections, speaksTcp, takesConnections } from './tcp.ts'
import { callerFilters } from './route-actions.ts'
import { tapMetadata } from './tap.ts'
import { hashPolicy } from './traffic.ts'
import { serviceOf } from './tracing.ts'
import { downstreamTls } from './tls.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const PROBE_TIMEOUT_MS = 10_000

/**
 * The callee's side of a workload: mutual TLS, the verified peer told in XFCC (whatever came under that name is dropped), policy. The policy itself is in
 * the routes, so that a change of it breaks no connection; a route without one is refused by the filters.
 */
export function encodeInboundListener(workload: MeshWorkload, layout: NodeLayout, trustDomain: string): EnvoyResource {
  const name = inboundName(workload.key)
  const encrypted = {
    name: `mtls/${layout.trustEpoch ?? 0}`,
    filters: [manager(workload, layout, true)],
    transport_socket: downstreamTls(workload, trustDomain),
  }
  const plain = { name: 'plain', filters: [manager(workload, layout, false)] }
  return resource(TYPE_URLS.listener, name, {
    name,
    stat_prefix: 'inbound',
    ...tapMetadata('inbound', workload.key),
    address: pipe(inboundSocket(layout, workload.key), 0o600),
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    // Only proxies come here, and who has come to one of them must get on.
    ignore_global_conn_limit: true,
    ...chains(workload.mtls, encrypted, plain),
  })
}

function chains(mode: MeshWorkload['mtls'], encrypted: Json, plain: Json): Json {
  switch (mode) {
    case 'strict':
      return { filter_chains: [encrypted] }
    case 'disable':
      return { filter_chains: [plain] }
    case 'permissive':
      return {
        listener_filters: [extension('envoy.filters.listener.tls_inspector', 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector')],
        listener_filters_timeout: duration(5000),
        filter_chains: [
          { ...encrypted, filter_chain_match: { transport_protocol: 'tls' } },
          { ...plain, filter_chain_match: { transport_protocol: 'raw_buffer' } },
        ],
      }
    default:
      return mode satisfies never
  }
}

function manager(workload: MeshWorkload, layout: NodeLayout, verified: boolean): Json {
  const forwards = workload.gateway !== undefined
  return httpManager({
    layout,
    hop: 'inbound',
    forwards,
    logged: { workload: workload.key },
    grpc: speaksHttp2(workload) || forwards,
    connections: takesConnections(workload),
    service: serviceOf(workload),
    routes: { rds: { route_config_name: inboundName(workload.key), config_source: ads() } },
    filters: [
      ...inboundAuthenticationFilters(workload.key),
      rbacFilter(AUDIT_FILTER, { closed: false }),
      rbacFilter(DENY_FILTER, { closed: true }),
      rbacFilter(ALLOW_FILTER, { closed: true }),
      rateFilter(),
      streamFilter(workload),
      ...(workload.protocol === 'grpc' ? [grpcWebFilter()] : []),
      ...(forwards ? [resolveFilter(layout), egressFilter(layout), ...callerFilters()] : []),
    ],
    // Where others show certificates, who shows none is a stranger.
    earlyMutations: [earlyMutation(verified || workload.mtls === 'disable' ? PEERS_HEADERS : STRANGERS_HEADERS)],
    ...(takesConnections(workload) ? { upgrades: ['CONNECT'] } : {}),
    rejectUnderscores: !forwards,
    more: {
      skip_xff_append: true,
      original_ip_detection_extensions: [CLIENT_ADDRESS],
      ...(verified
        ? { forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details: { subject: wrap(true), uri: true } }
        : { forward_client_cert_details: 'SANITIZE' }),
    },
  })
}

/** The address of a client outside, which only the ingress can tell; other calls have none, whatever they say in X-Forwarded-For. */
const CLIENT_ADDRESS = extension(
  'envoy.http.original_ip_detection.custom_header',
  'envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig',
  { header_name: MESH_HEADERS.client },
)

/** Routes of a workload's callee side: the prober's reserved path, then everything under the workload's policy. */
export function encodeInboundRoutes(workload: MeshWorkload, layout: NodeLayout, trustDomain: string): EnvoyResource {
  const name = inboundName(workload.key)
  return resource(TYPE_URLS.route, name, {
    name,
    virtual_hosts: [
      {
        name: workload.key,
        domains: ['*'],
        routes: [
          probeRoute(workload, trustDomain),
          ...SEVERAL_HOSTS,
          ...(speaksTcp(workload) ? [connectionRoute(workload)] : [LOOP_ROUTE, ...callRoutes(workload, layout)]),
        ],
        request_headers_to_add: [COUNT_HOP],
        typed_per_filter_config: {
          ...authenticationRoutes(workload.key, workload.authentication),
          ...policyConfig(workload.policy, { port: workload.port }),
          ...rateConfig(workload.rates),
        },
      },
    ],
    request_headers_to_remove: [MESH_HEADERS.retry, MESH_HEADERS.client],
  })
}

function probeRoute(workload: MeshWorkload, trustDomain: string): Json {
  const prober = workloadSpiffeId({ trustDomain }, { namespace: SYSTEM_NAMESPACE, serviceAccount: SYSTEM_ACCOUNTS.prober })
  return {
    name: 'probe',
    match: { path: PROBE_PATH },
    route: {
      cluster: speaksHttp2(workload) ? probeCluster(workload.key) : localCluster(workload.key),
      prefix_rewrite: workload.readinessPath,
      timeout: duration(PROBE_TIMEOUT_MS),
    },
    typed_per_filter_config: {
      ...unauthenticated(workload.key, workload.authentication),
      [DENY_FILTER]: rbacPerRoute(undefined),
      [ALLOW_FILTER]: rbacPerRoute(onlyPrincipal(prober)),
      ...uncounted(workload.rates),
    },
  }
}

function streamLife({ limits: { maxStreamDurationMs } }: NodeLayout): Json {
  return maxStreamDurationMs === undefined ? {} : { max_stream_duration: { max_stream_duration: duration(maxStreamDurationMs) } }
}

/** What is under way on a connection cannot be sent again, but one that no replica took can. A policy that forbids it ends it, as other streams. */
function connectionRoute(workload: MeshWorkload): Json {
  const { route, ...rest } = encodeConnections(workload)
  return { ...rest, route: { ...(route as Json), retry_policy: retryPolicy(false, true), ...rateActions(workload.rates) }, typed_per_filter_config: watched() }
}

function callRoutes(workload: MeshWorkload, layout: NodeLayout): readonly Json[] {
  const idle = callIdleTimeout(workload.timeoutMs, layout.activationTimeoutMs, layout.timeoutGraceMs)
  const route = (headers: readonly Json[], retries: Json): Json => ({
    name: 'call',
    match: { prefix: '/', ...(headers.length === 0 ? {} : { headers }) },
    route: {
      cluster: localCluster(workload.key),
      timeout: duration(0),
      idle_timeout: idle,
      ...retries,
      ...hashPolicy(workload),
      ...rateActions(workload.rates),
    },
    ...(workload.watched === undefined ? {} : { typed_per_filter_config: watched() }),
  })
  return [
    ...STREAM_REQUESTS.map((asked) => ({
      ...route([asked], { retry_policy: retryPolicy(false, true), ...streamLife(layout) }),
      typed_per_filter_config: watched(),
    })),
    route([headerMatcher(MESH_HEADERS.retry, { kind: 'exact', value: 'none' })], {}),
    ...retryVariants().map(({ headers, idempotent }) => route(headers, { retry_policy: retryPolicy(idempotent, true) })),
  ]
}
