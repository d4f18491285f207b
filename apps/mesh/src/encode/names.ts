import { createHash } from 'node:crypto'
import { SYSTEM_NAMESPACE } from '@weft/core'
import type { CertificateSource, ChainKey, GatewayHostKey, HostKey, ListenerKey, MeshSnapshot, MeshWorkload, RootsSource, WorkloadKey } from '@weft/mesh-model'
import type { NodeLayout } from './types.ts'

/** Type URLs of the resources, in the order in which a push must send them (make before break). */
export const TYPE_URLS = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  scopedRoute: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
} as const

/** Clusters that the bootstrap has: the control plane (h2c), and the activator (gRPC `ext_authz`). */
export const XDS_CLUSTER = 'weft-xds'
export const ACTIVATOR_CLUSTER = 'weft-activator'
/** Another connection to the control plane, so that calls that are looked at never stand in the way of configuration. */
export const TAP_CLUSTER = 'weft-tap'
/** Clusters and listeners of which a node has one. */
export const GATEWAY_CLUSTER = 'gateway'
export const EGRESS_CLUSTER = 'egress'
/** Answers 503 at once: the share of a route whose target does not exist (yet). */
export const MISSING_CLUSTER = 'missing'
export const INGRESS_LISTENER = 'ingress'
export const HOLD_LISTENER = 'hold'
/** Route configuration of the control API behind the ingress. */
export const CONTROL_ROUTES = 'ingress-control'

/**
 * Paths of the control API behind the ingress, by their first two segments (an empty second one stands for none). `/async-function/NAME` comes
 * in addition for every host.
 */
export const CONTROL_SCOPES: readonly (readonly [string, string])[] = [
  ['', ''],
  ['healthz', ''],
  ['openapi.json', ''],
  ['openapi', 'v3'],
  ['version', ''],
  ...[
    '',
    'functions',
    'function',
    'scale-function',
    'info',
    'secrets',
    'namespaces',
    'namespace',
    'logs',
    'alert',
    'source',
    'artifacts',
    'mesh',
    'builds',
    'up',
    'telemetry',
  ].map((name) => ['system', name] as const),
  ...['', 'v1'].map((name) => ['api', name] as const),
  ...[
    '',
    'weft.dev',
    'mesh.weft.dev',
    'networking.istio.io',
    'security.istio.io',
    'gateway.networking.k8s.io',
    'networking.k8s.io',
    'openfaas.com',
    'kubeless.io',
  ].map((name) => ['apis', name] as const),
  ...['', 'index.html', 'assets'].map((name) => ['ui', name] as const),
]

/** Secret with the roots of the trust domain (a `validation_context` with `trusted_ca`). */
export const TRUST_SECRET = 'trust'

/** Service accounts of the platform, in `weft-system`. */
export const SYSTEM_ACCOUNTS = { ingress: 'ingress', prober: 'prober' } as const

/** Path that the prober asks at an inbound listener; no one else is let through, whatever the policy. */
export const PROBE_PATH = '/_weft/probe'

/**
 * Headers between our own proxies. `workload` (`namespace/name`) tells the hold listener, and through it the activator, who is to be woken; `held` counts
 * the passes through the hold listener; `retry: none` switches retries off; `scope` is the ingress' routing key, `cluster` the hold listener's; `first` asks
 * whether a host is known, `passed` marks a first call that goes on to the workload's internal listener, which logs it; `path` keeps what the client asked for, for the log; `client` is the
 * address of who called the ingress; `trace` tells a runtime that a call is traced, and since when its callee's side has it; the other `trace…` live only while the
 * context of a trace is read. All are removed from what comes from outside.
 */
export const MESH_HEADERS = {
  scope: 'x-weft-scope',
  workload: 'x-weft-workload',
  held: 'x-weft-held',
  retry: 'x-weft-retry',
  cluster: 'x-weft-cluster',
  first: 'x-weft-first',
  passed: 'x-weft-passed',
  path: 'x-weft-path',
  client: 'x-weft-client',
  trace: 'x-weft-trace',
  traceFirst: 'x-weft-trace-1',
  traceSecond: 'x-weft-trace-2',
  traceFlags: 'x-weft-trace-flags',
  traceKept: 'x-weft-trace-state',
} as const

/** A caller that sends this header as `1` gets the steps of an activation in the answer, as `Server-Timing`, once policy let the call pass. */
export const TIMING_HEADER = 'x-weft-timing'

/** SDS name of the certificate of a service account: a `tls_certificate` with the SPIFFE ID as its URI SAN. */
export function identitySecret(namespace: string, serviceAccount: string): string {
  return `identity/${namespace}/${serviceAccount}`
}

/** The service account of {@link identitySecret}, or `undefined` for another secret. */
export function parseIdentitySecret(name: string): { readonly namespace: string; readonly serviceAccount: string } | undefined {
  const [kind, namespace, serviceAccount, rest] = name.split('/')
  if (kind !== 'identity' || namespace === undefined || serviceAccount === undefined || rest !== undefined) return undefined
  return { namespace, serviceAccount }
}

/** Cluster of the workload's replicas (priority 0) and the hold listener (priority 1); its `ClusterLoadAssignment` has the same name. */
export function localCluster(workload: WorkloadKey): string {
  return `local/${workload}`
}

/** Cluster by which the prober asks replicas that speak HTTP/2: their runtime answers it in HTTP/1.1, so that the program behind it sees nothing of it. */
export function probeCluster(workload: WorkloadKey): string {
  return `probe/${workload}`
}

/** The workload of a {@link localCluster} name. Load reports carry it as `cluster_service_name`. */
export function parseLocalCluster(name: string): WorkloadKey | undefined {
  return name.startsWith('local/') ? name.slice('local/'.length) : undefined
}

/** Listener and route configuration of the workload's callee side. */
export function inboundName(workload: WorkloadKey): string {
  return `inbound/${workload}`
}

/** The workload of an {@link inboundName}. */
export function parseInboundName(name: string): WorkloadKey | undefined {
  return name.startsWith('inbound/') ? name.slice('inbound/'.length) : undefined
}

/** Route configuration of the calls that a workload makes. Its virtual hosts are `NAME/AUTHORITY`. */
export function outboundRoutes(workload: WorkloadKey): string {
  return `outbound/${workload}`
}

/** Listener of one replica's calls. */
export function outboundListener(workload: WorkloadKey, replica: string): string {
  return `outbound/${workload}/${replica}`
}

/** Internal listener, and the cluster to it, that takes what a workload sends through CONNECT to a mesh name. */
export function connectName(workload: WorkloadKey): string {
  return `connect/${workload}`
}

/** Route configuration of a host behind the ingress. */
export function ingressRoutes(host: HostKey): string {
  return `ingress/${host}`
}

/** Routing keys of the ingress that no path can be: a path begins with a slash, so that its part before the first one is empty. */
export const SCOPE_KINDS = { path: '', chain: 'chain', host: 'host' } as const

/** Listener of a port that gateways have bound. */
export function gatewayListener(listener: ListenerKey): string {
  return `gateway/${listener}`
}

/** The listener of a {@link gatewayListener} name. */
export function parseGatewayListener(name: string): ListenerKey | undefined {
  return name.startsWith('gateway/') ? name.slice('gateway/'.length) : undefined
}

/** Route configuration that tells the names of a chain apart. */
export function chainRoutes(chain: ChainKey): string {
  return `chain/${chain}`
}

/** Route configuration of a name on a chain. */
export function gatewayRoutes(host: GatewayHostKey): string {
  return `gateway-host/${host}`
}

/** SDS names of what a gateway's TLS has: `certificate/…` and `roots/…`. */
export function credentialSecret(kind: 'certificate' | 'roots', source: CertificateSource | RootsSource): string {
  switch (source.kind) {
    case 'secret':
      return `${kind}/secret/${source.key}`
    case 'files':
      return `${kind}/files/${shortHash(`${source.certificate}\n${source.key}`)}`
    case 'file':
      return `${kind}/file/${shortHash(source.path)}`
    default:
      return source satisfies never
  }
}

/** Cluster that carries the calls of one identity to one workload. */
export function pairCluster(caller: { readonly namespace: string; readonly serviceAccount: string }, workload: WorkloadKey): string {
  return `pair/${caller.namespace}/${caller.serviceAccount}/${workload}`
}

/** Cluster of the ingress' calls to a workload's replicas on the direct path; counted apart from those of functions. */
export function directCluster(workload: WorkloadKey): string {
  return `direct/${workload}`
}

/** The workload of a {@link directCluster} name. */
export function parseDirectCluster(name: string): WorkloadKey | undefined {
  return name.startsWith('direct/') ? name.slice('direct/'.length) : undefined
}

/** Reads what {@link pairCluster} wrote. */
export function parsePairCluster(name: string): { readonly namespace: string; readonly serviceAccount: string; readonly workload: WorkloadKey } | undefined {
  const [kind, namespace, serviceAccount, calleeNamespace, calleeName, rest] = name.split('/')
  if (kind !== 'pair' || !namespace || !serviceAccount || !calleeNamespace || !calleeName || rest !== undefined) return undefined
  return { namespace, serviceAccount, workload: `${calleeNamespace}/${calleeName}` }
}

/** Splits the name of a demanded virtual host at its last slash: route configuration and authority (host, and port if sent). */
export function parseVirtualHost(name: string): { readonly routes: string; readonly workload: WorkloadKey; readonly authority: string } | undefined {
  const slash = name.lastIndexOf('/')
  const routes = name.slice(0, slash)
  if (!routes.startsWith('outbound/') || routes.split('/').length !== 3) return undefined
  return { routes, workload: routes.slice('outbound/'.length), authority: name.slice(slash + 1) }
}

/** The identity that Envoy's ingress has on the wire. */
export const INGRESS_IDENTITY = { namespace: SYSTEM_NAMESPACE, serviceAccount: SYSTEM_ACCOUNTS.ingress } as const

/** Unix socket of a workload's inbound listener on the node that serves it: `RUN-DIRECTORY/i/HASH`, 20 bytes more than the directory. */
export function inboundSocket(layout: NodeLayout, workload: WorkloadKey): string {
  return `${layout.runDirectory}/i/${shortHash(workload)}`
}

/** Unix socket of the node's hold listener. */
export function holdSocket(layout: NodeLayout): string {
  return `${layout.runDirectory}/hold`
}

/** SPIFFE ID of a workload. */
export function workloadSpiffeId(snapshot: Pick<MeshSnapshot, 'trustDomain'>, workload: Pick<MeshWorkload, 'namespace' | 'serviceAccount'>): string {
  return `spiffe://${snapshot.trustDomain}/ns/${workload.namespace}/sa/${workload.serviceAccount}`
}

/**
 * Name under which the calls of the ingress to a workload are counted: `cluster.STAT.upstream_rq_200`, `….upstream_rq_time`, …
 * (in Prometheus form the label `envoy_cluster_name`). No part of it contains a dot.
 */
export function ingressStatName(workload: WorkloadKey): string {
  return `fn/${workload}`
}

/** The workload of an {@link ingressStatName}. */
export function parseIngressStatName(name: string): WorkloadKey | undefined {
  return name.startsWith('fn/') ? name.slice('fn/'.length) : undefined
}

/** RE2 over names of numbers: messages of gRPC, by the cluster that a call goes to. */
export const MESSAGE_STATS = 'cluster\\..*\\.grpc\\.(?:request|response)_message_count'

/**
 * What the proxies count, as a `stats_matcher.inclusion_list` of the bootstrap: the rest would cost 28 KiB per function. Beside the numbers per function it
 * holds what the control plane and `weft mesh status` need about the proxy itself.
 */
export const STATS_INCLUSION: readonly ({ readonly prefix: string } | { readonly safe_regex: { readonly regex: string } })[] = [
  { safe_regex: { regex: 'cluster\\.fn/[^.]+\\.upstream_rq_(?:[1-5][0-9][0-9]|total|time)' } },
  {
    safe_regex: {
      regex: 'http\\.(?:ingress|inbound|outbound)\\.(?:downstream_rq_(?:total|active|[1-5]xx|too_large|timeout)|downstream_cx_(?:total|active|protocol_error))',
    },
  },
  { safe_regex: { regex: 'http\\.inbound\\.rbac\\.(?:deny\\.|allow\\.)?(?:allowed|denied)' } },
  { safe_regex: { regex: MESSAGE_STATS } },
  { prefix: 'traffic.' },
  { prefix: 'server.' },
  { prefix: 'cluster_manager.' },
  { prefix: 'listener_manager.' },
  { prefix: 'control_plane.' },
]

/**
 * Runtime values that the bootstrap must set (`layered_runtime`, a static layer): Envoy refuses every expression whose RE2 program has more than 100 steps
 * otherwise, which a list of namespaces or a path of a VirtualService has soon. RE2's time stays linear; the length of patterns is bounded where they come in.
 */
export const ENVOY_RUNTIME = {
  're2.max_program_size.error_level': 1_000_000,
  're2.max_program_size.warn_level': 1_000_000,
  // A chunk with more data than its size says: Envoy passes over the rest of the line otherwise, which another reader may not do.
  'envoy.reloadable_features.strict_chunk_parsing': true,
  // Spans go together: every two seconds, or as many as this.
  'tracing.opentelemetry.flush_interval_ms': 2000,
  'tracing.opentelemetry.min_flush_spans': 100,
} as const

/** Names of the filters that all calls from outside pass and whose configuration is sent by itself. */
export const EDGE_FILTERS = { audit: 'audit/ingress', deny: 'deny/ingress', allow: 'allow/ingress', strip: 'strip/ingress', jwt: 'jwt/ingress' } as const

/** Sixteen hexadecimal digits of SHA-256: a name for a socket that is short and cannot be chosen by a user to equal another's. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
