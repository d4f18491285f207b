import { escapeRe2 } from '@weft/mesh-model'
import { canonicalNamespace, OPENFAAS_NAMESPACE_ALIAS } from '@weft/core'
import type { MeshHost, MeshReplica, MeshSnapshot, MeshWorkload, WorkloadKey } from '@weft/mesh-model'
import { pipe } from './clusters.ts'
import { egressFilter, resolveFilter } from './egress.ts'
import { ASKS_FIRST, firstConnectFilter } from './first-connect.ts'
import { addHeader, earlyMutation, STRANGERS_HEADERS } from './headers.ts'
import { httpManager } from './http-manager.ts'
import { ads, any, duration, extension, resource, wrap } from './json.ts'
import { directError } from './local-reply.ts'
import { headerMatcher, regexMatcher } from './matching.ts'
import { connectName, MESH_HEADERS, outboundListener, outboundRoutes, TYPE_URLS } from './names.ts'
import { ON_DEMAND_TIMEOUT_MS, onDemandFilter } from './on-demand.ts'
import { connectRoute, known, passthroughRoutes } from './outside-hosts.ts'
import { ALLOW_FILTER, DENY_FILTER, rbacFilter } from './rbac.ts'
import { callerFilters } from './route-actions.ts'
import { encodeRoutes } from './routes.ts'
import { tapMetadata } from './tap.ts'
import { serviceOf } from './tracing.ts'
import type { RouteContext, Routed } from './routes.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

/** The directory that holds the socket is private to the replica's sandbox, whose user is not Envoy's. */
const SOCKET_MODE = 0o666
/** Asks whether a host is known, at the first call to it. */
const FIRST_FILTER = 'weft.first'
const HTTP_PORT = 80

/** Where one replica's calls come in: whoever can open the socket has the workload's identity. */
export function encodeOutboundListener(workload: MeshWorkload, replica: MeshReplica, socket: string, layout: NodeLayout, direct: boolean): EnvoyResource {
  const name = outboundListener(workload.key, replica.id)
  return resource(TYPE_URLS.listener, name, {
    name,
    stat_prefix: 'outbound',
    traffic_direction: 'OUTBOUND',
    ...tapMetadata('outbound', workload.key),
    address: pipe(socket, SOCKET_MODE),
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    filter_chains: [{ filters: [connectionLimit(layout), manager(workload, layout, direct, { outer: true })] }],
  })
}

function connectionLimit({ limits }: NodeLayout): Json {
  return extension('envoy.filters.network.connection_limit', 'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', {
    stat_prefix: 'outbound',
    max_connections: wrap(limits.maxReplicaConnections),
  })
}

/** The same for what a workload sends through CONNECT to a mesh name. CONNECT inside of CONNECT is refused. */
export function encodeConnectListener(workload: MeshWorkload, layout: NodeLayout, direct: boolean): EnvoyResource {
  const name = connectName(workload.key)
  return resource(TYPE_URLS.listener, name, {
    name,
    stat_prefix: 'outbound',
    traffic_direction: 'OUTBOUND',
    ...tapMetadata('outbound', workload.key),
    internal_listener: {},
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    filter_chains: [{ filters: [manager(workload, layout, direct, { outer: false })] }],
  })
}

function manager(workload: MeshWorkload, layout: NodeLayout, direct: boolean, { outer }: { readonly outer: boolean }): Json {
  const policy = direct ? [rbacFilter(DENY_FILTER, { closed: false }), rbacFilter(ALLOW_FILTER, { closed: false })] : []
  return httpManager({
    layout,
    hop: 'outbound',
    logged: { workload: workload.key },
    grpc: true,
    connections: outer,
    service: serviceOf(workload),
    routes: { rds: { route_config_name: outboundRoutes(workload.key), config_source: ads() } },
    filters: [
      ...(outer ? [] : [noConnect()]),
      onDemandFilter(),
      firstCallFilter(workload),
      ...(outer ? [firstConnectFilter(workload.key)] : []),
      resolveFilter(layout),
      egressFilter(layout),
      ...callerFilters(),
      ...policy,
    ],
    earlyMutations: [earlyMutation(outer ? STRANGERS_HEADERS : STRANGERS_HEADERS.filter((name) => name !== MESH_HEADERS.first))],
    upgrades: outer ? ['CONNECT'] : [],
    rejectUnderscores: false,
    more: { skip_xff_append: true, forward_client_cert_details: 'SANITIZE' },
  })
}

/** A tunnel in a tunnel in a tunnel would cost the proxy more with every byte. */
function noConnect(): Json {
  const connect = { permissions: [{ header: headerMatcher(':method', { kind: 'exact', value: 'CONNECT' }) }], principals: [{ any: true }] }
  return extension('weft.no-connect', 'envoy.extensions.filters.http.rbac.v3.RBAC', { rules: { action: 'DENY', policies: { 'connect-in-connect': connect } } })
}

/**
 * Envoy can fetch a virtual host on demand only for requests whose body it holds whole; with a longer body the call would be answered 404
 * (envoyproxy/envoy 17891). So the first call to a host asks, without a body, through the workload's internal listener: that question fetches the virtual host
 * and is answered by it (200, or the 404 of an unknown host). Then the call itself goes the same way, its body untouched. Later calls find the host at once.
 */
function firstCallFilter(workload: MeshWorkload): Json {
  return {
    ...extension(FIRST_FILTER, 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
      transport_api_version: 'V3',
      failure_mode_allow: false,
      status_on_error: { code: 'ServiceUnavailable' },
      http_service: {
        server_uri: { uri: 'http://mesh', cluster: connectName(workload.key), timeout: duration(ON_DEMAND_TIMEOUT_MS) },
        authorization_request: { headers_to_add: [{ key: MESH_HEADERS.first, value: 'yes' }] },
        authorization_response: { allowed_client_headers: { patterns: [{ exact: 'content-type' }] } },
      },
    }),
    disabled: true,
  }
}

/** RE2 over an authority (a port may follow): names that are the mesh's, whether they exist or not. Numbers without dots are among them, and go nowhere. */
export function meshAuthorityRegex(namespaces: ReadonlySet<string>): string {
  const spaces = [...new Set([...namespaces, OPENFAAS_NAMESPACE_ALIAS])].toSorted().map(escapeRe2).join('|')
  return `(?i)(?:[a-z0-9-]+|[a-z0-9-]+\\.(?:${spaces})|[a-z0-9.-]+\\.svc(?:\\.cluster\\.local)?)(?::[0-9]*)?`
}

/** Whether an authority is one of {@link meshAuthorityRegex}. */
export function isMeshAuthority(authority: string, namespaces: ReadonlySet<string>): boolean {
  const name = authority.toLowerCase().replace(/:[0-9]*$/, '')
  if (!/^[a-z0-9.-]+$/.test(name)) return false
  const [, namespace, ...rest] = name.split('.')
  if (namespace === undefined || name.endsWith('.svc') || name.endsWith('.svc.cluster.local')) return true
  return rest.length === 0 && (namespaces.has(namespace) || namespace === OPENFAAS_NAMESPACE_ALIAS)
}

/** RE2 over what can be an authority: a name or an address, and perhaps a port. */
const AUTHORITY = regexMatcher('(?i)(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_])?|\\[[0-9a-f:.]{2,45}\\])(?::[0-9]{1,5})?')

/** What the route configuration of a caller is made of. */
export interface CallerParts {
  readonly workload: MeshWorkload
  readonly snapshot: Pick<MeshSnapshot, 'namespaces' | 'outbound'>
  /** Virtual hosts of all names that the caller has not asked for yet; set when it asked for too many unknown ones: nothing is asked for on demand any more. */
  readonly whole?: readonly Json[]
  /** Routes of connections of raw TCP to hosts of the mesh. */
  readonly connections: readonly Json[]
}

/** Routes of the calls that a workload makes: every host comes on demand when it is called for the first time. */
export function encodeOutboundRoutes(parts: CallerParts): EnvoyResource {
  const { workload, whole, connections } = parts
  const name = outboundRoutes(workload.key)
  const routes = [...connections, ...(whole === undefined ? [firstConnect(), firstCallRoute(workload), noAuthority()] : wholeRoutes(parts))]
  return resource(TYPE_URLS.route, name, {
    name,
    virtual_hosts: [{ name: 'outside', domains: ['*'], routes }, ...(whole ?? [])],
    // Stays in any case: Envoy 1.38 keeps a mixture of old and new when a route configuration loses it.
    vhds: { config_source: ads(1) },
  })
}

/** For names that are neither asked for nor among those that the caller has: of the mesh (unknown), or outside. */
function wholeRoutes({ workload, snapshot }: CallerParts): readonly Json[] {
  const mesh = regexMatcher(meshAuthorityRegex(snapshot.namespaces))
  const ofMesh = { headers: [{ name: ':authority', string_match: mesh }] }
  return [
    connectRoute('connect-mesh', ofMesh, connectName(workload.key)),
    { name: 'unknown', match: { prefix: '/', ...ofMesh }, ...directError('HOST_NOT_FOUND', { host: 'of that name' }) },
    ...passthroughRoutes(snapshot.outbound.policy, 'this host'),
  ]
}

/** Takes calls to hosts that have no virtual host here yet; the question about one is not taken, so that Envoy fetches it. */
function firstCallRoute(workload: MeshWorkload): Json {
  return {
    name: 'first-call',
    match: { prefix: '/', headers: [{ name: ':authority', string_match: AUTHORITY }, headerMatcher(MESH_HEADERS.first, { kind: 'present' }, true)] },
    route: { cluster: connectName(workload.key), timeout: duration(0), idle_timeout: duration(0) },
    request_headers_to_add: [addHeader(MESH_HEADERS.passed, 'yes', 'OVERWRITE_IF_EXISTS_OR_ADD')],
    typed_per_filter_config: {
      [FIRST_FILTER]: any('envoy.config.route.v3.FilterConfig', {
        config: any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', { check_settings: {} }),
      }),
    },
  }
}

/** The same for CONNECT; the answer to the question names the cluster. */
function firstConnect(): Json {
  return {
    name: 'first-connect',
    match: { connect_matcher: {}, headers: [{ name: ':authority', string_match: AUTHORITY }] },
    route: { cluster_header: MESH_HEADERS.cluster, timeout: duration(0), upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
    typed_per_filter_config: ASKS_FIRST,
  }
}

function noAuthority(): Json {
  return {
    name: 'no-authority',
    match: { prefix: '/', headers: [{ name: ':authority', string_match: AUTHORITY, invert_match: true }] },
    ...directError('HOST_NOT_FOUND', { host: 'of that name' }),
  }
}

/** A host as a caller wrote it. */
export interface Authority {
  readonly namespace: string
  readonly name: string
  readonly port: number
}

/** Reads `NAME`, `NAME.NS`, `NAME.NS.svc`, `NAME.NS.svc.cluster.local`, with or without a port; `undefined` for anything else. */
export function parseAuthority(authority: string, callerNamespace: string): Authority | undefined {
  const match = /^([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?(?::([0-9]{1,5}))?$/.exec(authority.toLowerCase())
  const [, name, namespace, port] = match ?? []
  if (name === undefined) return undefined
  return { name, namespace: namespace === undefined ? callerNamespace : canonicalNamespace(namespace), port: port === undefined ? HTTP_PORT : Number(port) }
}

/** Every way to write a host, without a port. */
export function namesOf({ name, namespace }: MeshHost, callerNamespace: string): readonly string[] {
  const spaces = namespace === canonicalNamespace(undefined) ? [namespace, OPENFAAS_NAMESPACE_ALIAS] : [namespace]
  const full = spaces.flatMap((space) => [`${name}.${space}`, `${name}.${space}.svc`, `${name}.${space}.svc.cluster.local`])
  return namespace === callerNamespace ? [name, ...full] : full
}

/** The same with the ports of HTTP, for callers whose routes are sent as a whole. */
export function authoritiesOf(host: MeshHost, callerNamespace: string): readonly string[] {
  if (host.tcp !== undefined) return []
  return namesOf(host, callerNamespace).flatMap((each) => [...(host.ports.includes(HTTP_PORT) ? [each] : []), ...host.ports.map((port) => `${each}:${port}`)])
}

const CALL_HEADERS: Json = {
  request_headers_to_add: [addHeader('x-call-id', '%REQ(x-request-id)%', 'ADD_IF_ABSENT'), addHeader('x-start-time', '%START_TIME(%s%9f)%', 'ADD_IF_ABSENT')],
}

/** Ends every virtual host: a request without a route would make Envoy ask for the virtual host that it has, and wait for ever. */
function nothingThere(authority: string): Json {
  return { name: 'nothing', match: { prefix: '/' }, ...directError('ROUTE_NOT_FOUND', { path: `${authority}: no route of the host takes this call` }) }
}

/** The virtual host of a mesh host, for one caller and one way to write it. Names differ in their ports, so no domain is in two of them. */
export function encodeVirtualHost(name: string, domains: readonly string[], host: Routed, caller: WorkloadKey, context: RouteContext): Json {
  const connect = connectName(caller)
  const routes = [connectRoute('connect-mesh', {}, connect), known(connect), ...encodeRoutes(host, context), nothingThere(domains[0] ?? name)]
  return { name, domains, routes, ...CALL_HEADERS }
}

/** The virtual host of a port that carries raw TCP, for who sends it HTTP: connections go as they go without it. */
export function encodeTcpHost(name: string, authority: string, host: MeshHost, connections: readonly Json[]): Json {
  const answer = directError('PORT_SPEAKS_TCP', { host: authority, name: host.name })
  return { name, domains: [authority], routes: [...connections, { name: 'tcp', match: { prefix: '/' }, ...answer }] }
}

/** The virtual host of a name that the mesh does not know, or of a port on which the host does not answer. */
export function encodeUnknownHost(
  name: string,
  authority: string,
  asked: { readonly host: MeshHost | undefined; readonly port: number },
  caller: WorkloadKey,
): Json {
  const { host, port } = asked
  const answer =
    host === undefined
      ? directError('HOST_NOT_FOUND', { host: authority })
      : directError('PORT_NOT_FOUND', { host: host.name, port: String(port), ports: host.ports.join(', ') })
  return { name, domains: [authority], routes: [connectRoute('connect-mesh', {}, connectName(caller)), { name: 'unknown', match: { prefix: '/' }, ...answer }] }
}
