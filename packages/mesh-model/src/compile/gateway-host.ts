import { byAge } from '../read/base.ts'
import type { ExternalTarget } from '../external.ts'
import type { GatewayRouteModel } from '../read/gateway-api/models.ts'
import type { FrontModel, ServerModel } from '../read/models.ts'
import type { GatewayHost, GatewayHostKey, MeshRoute, MeshTcpRoute, ResourceFinding, RouteMatch, TcpMatch, WorkloadKey } from '../snapshot.ts'
import type { Dependency } from '../world/dependencies.ts'
import { carriesHttp, frontKey, type Binding, type HostSources } from '../world/gateways.ts'
import type { World } from '../world/world.ts'
import { meshRoutes } from './gateway-routes.ts'
import { inPrecedence } from './precedence.ts'
import { connectionRoutes, referToRoutes, routeGroupsOf, type Understood, type Work } from './routes.ts'

/** What became of a name on a chain. */
export interface CompiledGatewayHost {
  readonly host: GatewayHost | undefined
  readonly refersTo: ReadonlySet<WorkloadKey>
  readonly findings: readonly ResourceFinding[]
  readonly dependencies: ReadonlySet<Dependency>
}

/** Compiles one name of one chain. Reads only what it notes in `dependencies`. */
export function compileGatewayHost(world: World, key: GatewayHostKey): CompiledGatewayHost {
  const work: Work = { world, dependencies: new Set(), refersTo: new Set(), findings: [], statuses: [] }
  const sources = world.gateways.sourcesOf(key)
  const host = sources === undefined ? undefined : byOrigin(hostOf(work, key, sources))
  referToRoutes(work, [...(host?.routes ?? []), ...(host?.tcp ?? [])])
  return { host, refersTo: work.refersTo, findings: work.findings, dependencies: work.dependencies }
}

/** A host outside is the one that the author of a route sees: a gateway has no namespace of its own that would know it. */
function byOrigin(host: GatewayHost | undefined): GatewayHost | undefined {
  if (host === undefined) return undefined
  return { ...host, routes: host.routes.map(seenFromOrigin), ...(host.tcp === undefined ? {} : { tcp: host.tcp.map(seenFromOrigin) }) }
}

function seenFromOrigin<R extends Pick<MeshRoute, 'targets' | 'mirrors' | 'origin'>>(route: R): R {
  const seen = <T extends { readonly external?: ExternalTarget }>(target: T): T =>
    target.external === undefined ? target : { ...target, external: { ...target.external, namespace: route.origin.namespace ?? '' } }
  const { targets, mirrors } = route
  if ([...targets, ...(mirrors ?? [])].every(({ external }) => external === undefined)) return route
  return { ...route, targets: targets.map(seen), ...(mirrors === undefined ? {} : { mirrors: mirrors.map(seen) }) }
}

function hostOf(work: Work, key: GatewayHostKey, sources: HostSources): GatewayHost | undefined {
  const { chain, domain, servings, bindings } = sources
  const servers = [...servings, ...bindings].map(({ server }) => server)
  const redirects = [...servings, ...bindings].some(({ server }) => server.httpsRedirect)
  const origin = [...servings, ...bindings].map(({ gateway }) => gateway).toSorted(byAge)[0]?.ref
  if (origin === undefined) return undefined
  if (!servers.every(carriesHttp)) return { key, chain, domain, routes: [], tcp: connections(work, bindings), origin }
  const httpsPort = work.world.gateways.boundPort('ingress', 443)
  return { key, chain, domain, routes: redirects ? [] : [...merged(work, bindings), ...apiRoutes(work, bindings)], ...(redirects ? { httpsPort } : {}), origin }
}

/** Where connections go: the routes of the oldest VirtualService first. What goes through as TLS is told by server names alone, and nothing else is. */
function connections(work: Work, bindings: readonly Binding[]): readonly MeshTcpRoute[] {
  return bindings
    .toSorted((a, b) => byAge(a.front, b.front))
    .flatMap(({ front, gateway, server }) => {
      const holds = ({ gateways, port }: TcpMatch) => (gateways?.includes(gateway.key) ?? true) && (port === undefined || port === server.port)
      const goesThrough = server.protocol !== 'tcp' && server.tls === undefined
      return connectionRoutes(work, front, holds).filter(({ matches }) => goesThrough === matches.some(({ serverNames }) => serverNames !== undefined))
    })
}

/**
 * The routes of several VirtualServices for one name: those of the oldest first, and routes that take every call last (Istio merges them for gateways,
 * https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services).
 */
function merged(work: Work, bindings: readonly Binding[]): readonly MeshRoute[] {
  const fronts = Map.groupBy(bindings, ({ front }) => frontKey(front))
  const groups = [...fronts.values()]
    .toSorted(([a], [b]) => (a === undefined || b === undefined ? 0 : byAge(a.front, b.front)))
    .flatMap((servers) => boundRoutes(work, servers))
  return [...groups.filter((group) => !takesAll(group.at(-1))), ...groups.filter((group) => takesAll(group.at(-1)))].flat()
}

/** The routes of the Gateway API for a name: all of their entries in one order. */
function apiRoutes(work: Work, bindings: readonly Binding[]): readonly MeshRoute[] {
  const fronts = new Map(
    bindings.flatMap((binding) => (isApiRoute(binding.front) ? [[frontKey(binding.front), { ...binding, route: binding.front }] as const] : [])),
  )
  return [...fronts.values()]
    .flatMap(({ route, server }) => route.entries.map((entry) => ({ route, entry, server })))
    .toSorted(inPrecedence)
    .flatMap(({ route, entry, server }) => meshRoutes(work, route, { route, entry, limits: {} }).map((one) => toListenerPort(one, server)))
}

/** Whether routes are those of the Gateway API. */
export function isApiRoute(front: FrontModel): front is GatewayRouteModel {
  return 'entries' in front
}

const USUAL_PORTS: ReadonlySet<number> = new Set([80, 443])

/** A redirect to another host goes to the port of the listener, unless it says otherwise (HTTPRequestRedirectFilter.port). */
function toListenerPort(route: MeshRoute, { port }: ServerModel): MeshRoute {
  const { answer } = route
  if (answer?.kind !== 'redirect' || answer.authority === undefined || answer.port !== undefined || answer.scheme !== undefined) return route
  return USUAL_PORTS.has(port) ? route : { ...route, answer: { ...answer, port } }
}

function boundRoutes(work: Work, servers: readonly Binding[]): readonly (readonly MeshRoute[])[] {
  const front = servers[0]?.front
  if (!isUnderstood(front)) return []
  const holds = ({ gateways, port }: RouteMatch) =>
    servers.some(({ gateway, server }) => (gateways?.includes(gateway.key) ?? true) && (port === undefined || port === server.port))
  return routeGroupsOf(work, front, holds).map((group) => group.map(withoutPorts))
}

function isUnderstood(front: FrontModel | undefined): front is Understood<FrontModel> {
  return front?.routes !== undefined
}

/** Conditions on the port hold, or they would not be here. */
function withoutPorts(route: MeshRoute): MeshRoute {
  if (route.matches.every(({ port }) => port === undefined)) return route
  return { ...route, matches: route.matches.map(({ port: _port, ...match }) => match) }
}

function takesAll(route: MeshRoute | undefined): boolean {
  const matches = route?.matches ?? []
  return matches.length === 0 || matches.some(isEmpty)
}

function isEmpty({ path, headers, queryParameters, ...rest }: RouteMatch): boolean {
  const anyPath = path === undefined || (path.match.kind === 'prefix' && path.match.value === '/')
  return anyPath && headers.length === 0 && queryParameters.length === 0 && Object.values(rest).every((value) => value === undefined)
}
