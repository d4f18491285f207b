import { covers, escapeRe2, namedConnectionPolicy } from '@weft/mesh-model'
import type { GatewayHost, MeshTcpRoute, MeshWorkload } from '@weft/mesh-model'
import { authenticationRoutes } from './authentication.ts'
import { needConnection } from './connections.ts'
import { encodeGatewayRoutes } from './gateways.ts'
import { XFCC } from './headers.ts'
import { resource } from './json.ts'
import { SEVERAL_HOSTS } from './several-hosts.ts'
import { workloadCaller, type Caller } from './legs.ts'
import { directError } from './local-reply.ts'
import { regexMatcher } from './matching.ts'
import { inboundName, MESH_HEADERS, TYPE_URLS } from './names.ts'
import type { Making } from './outside.ts'
import { connectRoute } from './outside-hosts.ts'
import { policyConfig } from './rbac.ts'
import type { RouteContext } from './routes.ts'
import { STREAM_REQUESTS, watched } from './streams.ts'
import type { EnvoyResource, Json } from './types.ts'

/** Routes of one name at the egress gateway. */
export interface EgressHost {
  readonly domain: string
  readonly routes: readonly Json[]
}

/** A name with its routes of calls, written for the gateway as their caller. */
export function egressCalls(host: GatewayHost, context: RouteContext): EgressHost {
  return { domain: host.domain, routes: encodeGatewayRoutes(host, context).flatMap(asStreams) }
}

/** A change of policy ends streams that it forbids; so they are watched. */
function asStreams(route: Json): readonly Json[] {
  const { route: action, match, typed_per_filter_config: config } = route as { readonly [field: string]: Json | undefined }
  if (action === undefined) return [route]
  const { headers = [] } = (match ?? {}) as { readonly headers?: readonly Json[] }
  const streams = STREAM_REQUESTS.map((asked) => ({
    ...route,
    match: { ...match, headers: [...headers, asked] },
    typed_per_filter_config: { ...config, ...watched() },
  }))
  return [...streams, route]
}

/**
 * A name with its routes of connections, and all that carries them on. Each whole name has a route and a look at the server name of its own: what policies said of
 * the one holds for no other.
 */
export function egressConnections(making: Making, workload: MeshWorkload, host: GatewayHost): EgressHost {
  const caller = workloadCaller(workload)
  const routes = (host.tcp ?? []).flatMap((route) => namesOf(route, host.domain).map((name) => connection(making, caller, route, name)))
  return { domain: host.domain, routes }
}

interface AskedName {
  readonly name: string
  readonly inspected: boolean
}

/** TLS that goes through is told by its names alone. */
function namesOf({ matches }: MeshTcpRoute, domain: string): readonly AskedName[] {
  const asked = new Set(matches.flatMap(({ serverNames }) => serverNames ?? []))
  return asked.size === 0 ? [{ name: domain, inspected: false }] : [...asked].map((name) => ({ name, inspected: true }))
}

// oxlint-disable-next-line max-params -- who, by which route, under which name
function connection(making: Making, caller: Caller & { readonly workload: MeshWorkload }, route: MeshTcpRoute, { name, inspected }: AskedName): Json {
  const { workload } = caller
  const to = needConnection(making, caller, {
    place: { host: name, port: workload.port ?? 0 },
    targets: route.targets,
    namespace: route.origin.namespace ?? workload.namespace,
    ...(inspected ? { serverNames: [name] } : {}),
  })
  const match: Json = { headers: [{ name: ':authority', string_match: regexMatcher(authorityOf(name)) }] }
  const decided = { typed_per_filter_config: { ...connectionPolicy(workload), ...('reason' in to ? {} : watched()) } }
  if ('reason' in to)
    return { name: route.name, match: { connect_matcher: {}, ...match }, ...directError('TARGET_MISSING', { host: name, reason: to.reason }), ...decided }
  return { ...connectRoute(route.name, match, to.cluster), ...decided }
}

function authorityOf(name: string): string {
  if (name === '*') return '.*'
  const host = name.startsWith('*.') ? `[^:]+${escapeRe2(name.slice(1))}` : escapeRe2(name)
  return `(?i:${host})(?::[0-9]{1,5})?`
}

function connectionPolicy({ policy, port }: MeshWorkload): Json {
  return policyConfig(namedConnectionPolicy(policy), { port })
}

/** What the egress gateway does with what comes to one of its ports: first its policies, then the routes of the names that it has there. */
export function encodeEgressRoutes(workload: MeshWorkload, calls: readonly EgressHost[], connections: readonly EgressHost[]): EnvoyResource {
  const name = inboundName(workload.key)
  const bySpecificity = connections.toSorted((a, b) => rank(a.domain) - rank(b.domain) || b.domain.length - a.domain.length)
  const domains = new Set([...calls.map(({ domain }) => domain), '*'])
  const config = { ...authenticationRoutes(workload.key, workload.authentication), ...policyConfig(workload.policy, { port: workload.port }) }
  const virtualHost = (domain: string): Json => ({
    name: domain,
    domains: [domain],
    routes: [
      ...SEVERAL_HOSTS,
      ...bySpecificity.filter((one) => covers(domain, one.domain) || covers(one.domain, domain)).flatMap(({ routes }) => routes),
      ...(calls.find((one) => one.domain === domain)?.routes ?? []),
      ...nothing(workload),
    ],
    typed_per_filter_config: config,
  })
  return resource(TYPE_URLS.route, name, {
    name,
    ignore_port_in_host_matching: true,
    virtual_hosts: [...domains].map(virtualHost),
    // Nobody outside is told who calls.
    request_headers_to_remove: [XFCC, ...Object.values(MESH_HEADERS)],
  })
}

const rank = (domain: string) => (domain === '*' ? 2 : domain.startsWith('*') ? 1 : 0)

function nothing(workload: MeshWorkload): readonly Json[] {
  const answer = directError('ROUTE_NOT_FOUND', { path: `no Gateway and VirtualService of the egress gateway (port ${workload.port}) takes this call` })
  return [
    { name: 'no-connection', match: { connect_matcher: {} }, ...answer, typed_per_filter_config: connectionPolicy(workload) },
    { name: 'nothing', match: { prefix: '/' }, ...answer },
  ]
}
