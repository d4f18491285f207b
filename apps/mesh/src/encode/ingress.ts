import { DEFAULT_NAMESPACE, OPENFAAS_NAMESPACE_ALIAS } from '@weft/core'
import { edgeAuthenticationFilters } from './authentication.ts'
import { listenerKey, type ChainKey, type GatewayHostKey, type HostKey, type MeshHost } from '@weft/mesh-model'
import { edgePolicyFilters, edgeUnrestricted } from './edge-policy.ts'
import { addHeader, earlyMutation, STRANGERS_HEADERS } from './headers.ts'
import { httpManager } from './http-manager.ts'
import { ads, any, duration, extension, resource, wrap } from './json.ts'
import { CONTROL_ROUTES, CONTROL_SCOPES, GATEWAY_CLUSTER, INGRESS_LISTENER, ingressRoutes, MESH_HEADERS, SCOPE_KINDS, shortHash, TYPE_URLS } from './names.ts'
import { onDemandFilter, onDemandRoutesFilter } from './on-demand.ts'
import { ALLOW_FILTER, DENY_FILTER, rbacFilter } from './rbac.ts'
import { callerFilters } from './route-actions.ts'
import { encodeRoutes } from './routes.ts'
import { decorated, INGRESS_SERVICE } from './tracing.ts'
import type { RouteContext } from './routes.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

/** Streams of the control API (a followed log) may be silent for long. */
const CONTROL_IDLE_MS = 24 * 3600_000

/** Computes the routing key of a call whose name was recognised. */
const SELECT_FILTER = 'weft.select'

/**
 * The manager of calls from outside, on every port. Which route a call has is found in two steps, so that the number of functions and of names costs
 * nothing: its name is looked up among those of the chain, and what stands there sets the routing key (a header of ours) to the name's own routes, or to the
 * first two segments of the path, under which the platform's own are. Then the route is looked for again.
 */
export function ingressManager(layout: NodeLayout, chain: ChainKey, direct: boolean): Json {
  return httpManager({
    layout,
    hop: 'ingress',
    logged: {},
    grpc: true,
    service: INGRESS_SERVICE,
    routes: { scoped_routes: scopedRoutes() },
    filters: [
      extension(SELECT_FILTER, 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation'),
      extension('weft.select-again', 'envoy.extensions.filters.http.set_filter_state.v3.Config', { clear_route_cache: true }),
      onDemandRoutesFilter(),
      onDemandFilter(),
      ...edgeAuthenticationFilters(),
      ...edgePolicyFilters(),
      ...callerFilters(),
      ...(direct ? [rbacFilter(DENY_FILTER, { closed: false }), rbacFilter(ALLOW_FILTER, { closed: false })] : []),
    ],
    earlyMutations: [earlyMutation(STRANGERS_HEADERS, { ...INGRESS_HEADERS, [MESH_HEADERS.scope]: scopeText(SCOPE_KINDS.chain, shortHash(chain)) })],
    rejectUnderscores: true,
    more: { use_remote_address: wrap(true), forward_client_cert_details: 'SANITIZE' },
  })
}

/** The listener for clients that speak plain HTTP to the platform. */
export function encodeIngressListener(layout: NodeLayout, address: { readonly address: string; readonly port: number }, direct: boolean): EnvoyResource {
  return resource(TYPE_URLS.listener, INGRESS_LISTENER, {
    name: INGRESS_LISTENER,
    address: { socket_address: { address: address.address, port_value: address.port } },
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    filter_chains: [{ filters: [ingressManager(layout, listenerKey('ingress', address.port), direct)] }],
  })
}

function scopedRoutes(): Json {
  const fragment = (index: number): Json => ({ header_value_extractor: { name: MESH_HEADERS.scope, element_separator: '/', index } })
  return {
    name: 'ingress',
    scope_key_builder: { fragments: [fragment(0), fragment(1), fragment(2)] },
    rds_config_source: ads(),
    scoped_rds: { scoped_rds_config_source: ads() },
  }
}

function scopeText(kind: string, key: string): string {
  return `${kind}/${key}/`
}

/** A routing key, and the routes that it leads to. */
export function keyedScope(kind: 'chain' | 'host', key: string, routes: string): EnvoyResource {
  return scopeResource(`scope/${kind}/${key}`, [SCOPE_KINDS[kind], shortHash(key), ''], routes)
}

function scopeResource(name: string, fragments: readonly string[], routes: string): EnvoyResource {
  const key = { fragments: fragments.map((string_key) => ({ string_key })) }
  return resource(TYPE_URLS.scopedRoute, name, { name, route_configuration_name: routes, key })
}

/** What sends a call on to the routes of a name. */
export function selectHost(key: GatewayHostKey): Json {
  return select(scopeText(SCOPE_KINDS.host, shortHash(key)))
}

/** What sends a call on to the platform's own routes, by its path. */
export function selectPath(): Json {
  return select('%PATH(NQ:PATH)%//')
}

function select(key: string): Json {
  const mutations = { request_mutations: [{ append: addHeader(MESH_HEADERS.scope, key, 'OVERWRITE_IF_EXISTS_OR_ADD') }] }
  return {
    // Only while a name has no routes yet.
    direct_response: { status: 404 },
    typed_per_filter_config: { [SELECT_FILTER]: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', { mutations }) },
  }
}

function scope(first: string, second: string, routes: string): EnvoyResource {
  return scopeResource(`scope/${first}/${second}`, [SCOPE_KINDS.path, first, second], routes)
}

/** Scopes of the control API. */
export function encodeControlScopes(): readonly EnvoyResource[] {
  return CONTROL_SCOPES.map(([first, second]) => scope(first, second, CONTROL_ROUTES))
}

/** What the ingress finds out about a call, for itself and for the callee's side. */
const INGRESS_HEADERS: Readonly<Record<string, string>> = {
  [MESH_HEADERS.path]: '%PATH(NQ:PATH)%',
  [MESH_HEADERS.client]: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
}

/** Names under which a host stands in `/function/…`: `NAME.NS`; in the default namespace `NAME` and the OpenFaaS alias too. */
function publicNames(host: MeshHost): readonly string[] {
  const { name, namespace } = host
  return namespace === DEFAULT_NAMESPACE ? [name, `${name}.${namespace}`, `${name}.${OPENFAAS_NAMESPACE_ALIAS}`] : [`${name}.${namespace}`]
}

/** Scopes of a host: of its calls, and of its asynchronous calls (which the control API takes). */
export function encodeHostScopes(key: HostKey, host: MeshHost): readonly EnvoyResource[] {
  return publicNames(host).flatMap((name) => [scope('function', name, ingressRoutes(key)), scope('async-function', name, CONTROL_ROUTES)])
}

/** What OpenFaaS promises to functions and clients (contract §1.5). */
export const CALL_HEADERS: Json = {
  request_headers_to_add: [
    addHeader('x-call-id', '%REQ(x-request-id)%', 'ADD_IF_ABSENT'),
    addHeader('x-start-time', '%START_TIME(%s%9f)%', 'ADD_IF_ABSENT'),
    addHeader('x-forwarded-host', '%REQ(:authority)%', 'ADD_IF_ABSENT'),
  ],
  request_headers_to_remove: [MESH_HEADERS.scope],
  response_headers_to_add: [addHeader('x-call-id', '%REQ(x-call-id)%', 'ADD_IF_ABSENT'), addHeader('x-start-time', '%REQ(x-start-time)%', 'ADD_IF_ABSENT')],
}

/** The function sees its own name as the host, as behind OpenFaaS' gateway, and so do its policies: what a client writes there decides nothing. */
function calledByName(host: MeshHost, route: Json): Json {
  const { route: action } = route
  if (typeof action !== 'object' || action === null || Object.keys(action).some((key) => key.includes('host_rewrite'))) return route
  return { ...route, route: { ...action, host_rewrite_literal: host.fqdn } }
}

/** Routes of a host behind the ingress. */
export function encodeIngressRoutes(key: HostKey, host: MeshHost, context: RouteContext): EnvoyResource {
  const name = ingressRoutes(key)
  return resource(TYPE_URLS.route, name, {
    name,
    virtual_hosts: [
      {
        name: key,
        domains: ['*'],
        routes: encodeRoutes({ ...host, name: `${host.name}.${host.namespace}` }, context).map((route) => ({
          ...calledByName(host, route),
          ...decorated(context.layout, `${host.fqdn}/*`),
        })),
      },
    ],
    ...CALL_HEADERS,
  })
}

/** Routes of the control API: as they come, for as long as they take. */
export function encodeControlRoutes(): EnvoyResource {
  const route = { cluster: GATEWAY_CLUSTER, timeout: duration(0), idle_timeout: duration(CONTROL_IDLE_MS) }
  return resource(TYPE_URLS.route, CONTROL_ROUTES, {
    name: CONTROL_ROUTES,
    virtual_hosts: [
      { name: 'control', domains: ['*'], routes: [{ name: 'control', match: { prefix: '/' }, route }], typed_per_filter_config: edgeUnrestricted() },
    ],
    request_headers_to_remove: [MESH_HEADERS.scope, MESH_HEADERS.path, MESH_HEADERS.client],
  })
}
