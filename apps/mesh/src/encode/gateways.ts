import type { ChainNames, GatewayHost, GatewayTls, ListenerChain, MeshListener } from '@weft/mesh-model'
import { gatewayHostKey } from '@weft/mesh-model'
import { carriesConnections } from './gateway-connections.ts'
import { CALL_HEADERS, ingressManager, keyedScope, selectHost, selectPath } from './ingress.ts'
import { extension, resource, wrap } from './json.ts'
import { directError } from './local-reply.ts'
import { regexMatcher } from './matching.ts'
import { chainRoutes, gatewayListener, gatewayRoutes, TYPE_URLS } from './names.ts'
import { encodeRoutes } from './routes.ts'
import type { RouteContext } from './routes.ts'
import { serverTls } from './server-tls.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

/** What a listener is made of beside its gateways. */
export interface ListenerParts {
  readonly layout: NodeLayout
  readonly address: string
  readonly direct: boolean
  /** Whether the certificates of a chain are there; without them its connections are closed. */
  readonly usable: (chain: ListenerChain) => boolean
  /** Filter chains of what is no HTTP. */
  readonly connections: (chain: ListenerChain) => readonly Json[]
  /** The platform's own TLS, for connections that no gateway takes. */
  readonly platform?: { readonly chain: string; readonly tls: GatewayTls }
}

/** A port that gateways have bound; `undefined` when there is nothing that it would carry. */
export function encodeGatewayListener(listener: Pick<MeshListener, 'key' | 'port' | 'chains'>, parts: ListenerParts): EnvoyResource | undefined {
  const name = gatewayListener(listener.key)
  const { layout, address, direct, platform } = parts
  const chains = listener.chains.flatMap((chain) => filterChain(chain, parts))
  if (chains.length === 0 && platform === undefined) return undefined
  return resource(TYPE_URLS.listener, name, {
    name,
    address: { socket_address: { address, port_value: listener.port } },
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    listener_filters: listener.chains.every(({ protocol }) => protocol === 'http' || protocol === 'tcp')
      ? []
      : [extension('envoy.filters.listener.tls_inspector', 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector')],
    filter_chains: chains,
    ...(platform === undefined
      ? {}
      : { default_filter_chain: { filters: [ingressManager(layout, platform.chain, direct)], transport_socket: serverTls(platform.tls) } }),
  })
}

function filterChain(chain: ListenerChain, { layout, direct, usable, connections }: ListenerParts): readonly Json[] {
  const { key, protocol, serverNames, tls } = chain
  if (carriesConnections(chain) && (tls === undefined || usable(chain))) return connections(chain)
  const name = { name: key }
  if (protocol === 'http') return [{ ...name, filters: [ingressManager(layout, key, direct)] }]
  const match = { filter_chain_match: { transport_protocol: 'tls', ...(serverNames.length === 0 ? {} : { server_names: serverNames }) } }
  if (tls === undefined || !usable(chain)) return [{ ...name, ...match, filters: [CLOSED] }]
  return [{ ...name, ...match, filters: [ingressManager(layout, key, direct)], transport_socket: serverTls(tls) }]
}

/** Ends the connection at once: nobody else's certificate is shown for the name. */
const CLOSED = extension('envoy.filters.network.direct_response', 'envoy.extensions.filters.network.direct_response.v3.Config')

// -- names ------------------------------------------------------------------------------------------------------------------

/** Under these the platform's own paths are always to be had. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']
/** Kinds below `/api/v1` that the control API has; other paths there are free for applications. */
const CORE_KINDS = 'namespaces|secrets|serviceaccounts|services'
/** RE2 over the path: the platform's own, wherever a Gateway answers under every name. */
export const RESERVED_PATHS = `/(?:(?:function|async-function|system|apis|ui)(?:/.*)?|healthz|openapi\\.json|openapi/v3(?:/.*)?|api(?:/v1(?:/(?:${CORE_KINDS})(?:/.*)?)?)?)/?`

/** Which chain it is that has the names. */
export interface ChainPlace {
  /** The platform's own paths are reachable here, under names that no Gateway has. */
  readonly platform: boolean
  /** TLS: a call under a name of somebody else came over the wrong connection. */
  readonly secure: boolean
  /** Names of the platform beside those of loopback. */
  readonly known: readonly string[]
}

/** What a chain does with calls, by the name that they were sent to: what {@link ingressManager} looks up first. */
export function encodeChain(names: ChainNames, place: ChainPlace): readonly EnvoyResource[] {
  const { key, domains, elsewhere, claimed } = names
  const name = chainRoutes(key)
  const whole = domains.filter((domain) => domain !== '*')
  const every = domains.includes('*') ? [{ name: 'gateway', match: ANY_PATH, ...selectHost(gatewayHostKey(key, '*')) }] : undefined
  const rest = every ?? [{ name: 'nobody', match: ANY_PATH, ...(place.secure ? MISDIRECTED : NOT_FOUND) }]
  const platform = [MALFORMED, ...(place.platform ? platformRoutes(every) : rest)]
  const loopback = place.platform ? [...new Set([...LOOPBACK_NAMES, ...place.known])].filter((one) => !whole.includes(one)) : []
  const foreign = (list: readonly string[]) => list.filter((one) => one !== '*' && !loopback.includes(one))
  const json = {
    name,
    ignore_port_in_host_matching: true,
    virtual_hosts: [
      ...whole.map((domain) => ({
        name: domain,
        domains: [domain],
        routes: [...(domain.startsWith('*') ? [MALFORMED] : []), ...ownRoutes(domain, key, place)],
      })),
      ...several('elsewhere', foreign(elsewhere), [{ name: 'elsewhere', match: ANY_PATH, ...MISDIRECTED }]),
      ...several('claimed', foreign(claimed), rest),
      ...several('platform', loopback, platform),
      { name: 'others', domains: ['*'], routes: platform },
    ],
  }
  return [resource(TYPE_URLS.route, name, json), keyedScope('chain', key, name)]
}

function several(name: string, domains: readonly string[], routes: readonly Json[]): readonly Json[] {
  return domains.length === 0 ? [] : [{ name, domains, routes }]
}

/** Even a Gateway that asks for a name of loopback leaves the platform's own paths to it. */
function ownRoutes(domain: string, chain: string, place: ChainPlace): readonly Json[] {
  const own = [{ name: 'gateway', match: ANY_PATH, ...selectHost(gatewayHostKey(chain, domain)) }]
  return place.platform && [...LOOPBACK_NAMES, ...place.known].includes(domain) ? platformRoutes(own) : own
}

function platformRoutes(others: readonly Json[] | undefined): readonly Json[] {
  if (others === undefined) return [{ name: 'platform', match: ANY_PATH, ...selectPath() }]
  return [{ name: 'platform', match: { safe_regex: { regex: RESERVED_PATHS } }, ...selectPath() }, ...others]
}

const ANY_PATH: Json = { prefix: '/' }
/** RE2 over a host as it may be written: labels, or an address in brackets, and a port. */
const HOST = '(?:[-A-Za-z0-9_]+(?:\\.[-A-Za-z0-9_]+)*|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{0,5})?'
/** Two hosts, which the proxy joins by a comma, user information, a path: whoever is behind it could take it for another name. */
const MALFORMED: Json = {
  name: 'malformed-host',
  match: { ...ANY_PATH, headers: [{ name: ':authority', string_match: regexMatcher(HOST), invert_match: true }] },
  ...directError('BAD_REQUEST', { details: 'the host is not one name' }),
}
const MISDIRECTED = directError('MISDIRECTED', {})
const NOT_FOUND = directError('ROUTE_NOT_FOUND', { path: 'no Gateway answers here under this name' })

// -- routes of a name ---------------------------------------------------------------------------------------------------------

/** Routes of a name on a chain. */
export function encodeGatewayHost(host: GatewayHost, context: RouteContext): readonly EnvoyResource[] {
  const name = gatewayRoutes(host.key)
  const json = { name, virtual_hosts: [{ name: host.domain, domains: ['*'], routes: encodeGatewayRoutes(host, context) }], ...CALL_HEADERS }
  return [resource(TYPE_URLS.route, name, json), keyedScope('host', host.key, name)]
}

/** The routes themselves: of VirtualServices and what stands for them, or the way to https. */
export function encodeGatewayRoutes({ domain, httpsPort, routes }: GatewayHost, context: RouteContext): readonly Json[] {
  return httpsPort === undefined ? encodeRoutes({ name: domain, routes }, context) : redirects(httpsPort)
}

/** Who named a port came to the platform's own; who named none came through something that has 80 and 443. */
function redirects(port: number): readonly Json[] {
  const named = { name: ':authority', string_match: regexMatcher('.*:[0-9]+') }
  return [
    { name: 'https-redirect', match: { ...ANY_PATH, headers: [named] }, redirect: { https_redirect: true, port_redirect: port } },
    { name: 'https-redirect', match: ANY_PATH, redirect: { https_redirect: true } },
  ]
}
