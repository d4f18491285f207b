import type { DestinationRuleModel, FunctionModel, VirtualServiceModel } from '../read/models.ts'
import { byAge } from '../read/base.ts'
import { warning } from '../read/finding.ts'
import { hostFqdn } from '../read/names.ts'
import { MESH } from '../read/routing.ts'
import type { HostKey, MeshHost, MeshRoute, ResourceFinding, RouteMatch, WorkloadKey } from '../snapshot.ts'
import type { WorkloadTraffic } from '../workload-traffic.ts'
import type { ParentEntry } from '../status-book.ts'
import type { Dependency } from '../world/dependencies.ts'
import type { World } from '../world/world.ts'
import { SYSTEM_NAMESPACE } from '@weft/core'
import { deliveryRoutes } from './delivery.ts'
import { isEgressHost } from '../egress.ts'
import { isVisible } from '../find-external.ts'
import { egressPorts, reportEgressRules } from './egress.ts'
import { namesOfHost } from './names.ts'
import { registered } from './registered.ts'
import { rulesAt } from './rules.ts'
import { endpointsOf, functionBehind, revisionTarget, targetsOf, type Endpoints } from './endpoints.ts'
import { referToRoutes, routesOf, type Understood, type Work } from './routes.ts'
import { hostRoutes } from './gateway-routes.ts'
import { tcpRoutes } from './tcp.ts'
import { hostTraffic, type HostTraffic } from './traffic.ts'
import { wholeShares } from './weights.ts'

/** What became of one host name. */
export interface CompiledHost {
  /** `undefined`: nothing has this name. */
  readonly host: MeshHost | undefined
  /** Workloads that must have a listener because of this host. */
  readonly refersTo: ReadonlySet<WorkloadKey>
  /** How calls reach its workloads, as far as its DestinationRules say. */
  readonly traffic: ReadonlyMap<WorkloadKey, WorkloadTraffic>
  readonly findings: readonly ResourceFinding[]
  /** What is to be said in the status of routes that are attached to it. */
  readonly statuses: readonly ParentEntry[]
  readonly dependencies: ReadonlySet<Dependency>
}

/** Compiles one host name. Reads only what it notes in `dependencies`. */
export function compileHost(world: World, key: HostKey): CompiledHost {
  const work: Work = { world, dependencies: new Set(), refersTo: new Set(), findings: [], statuses: [] }
  const rules = rulesAt(work, key)
  if (isEgressHost(key) && egressPorts(work).length > 0) {
    reportEgressRules(work, key, rules)
    return { host: undefined, refersTo: work.refersTo, ...NO_TRAFFIC, findings: work.findings, statuses: [], dependencies: work.dependencies }
  }
  const endpoints = endpointsOf(work, key)
  const virtualServices = virtualServicesOf(work, key)
  if (endpoints === undefined) {
    reportUnknown(work, key)
    hostRoutes(work, key, undefined, new Map())
  }
  const host = endpoints === undefined ? undefined : hostOf(work, endpoints, virtualServices)
  referToRoutes(work, [...(host?.routes ?? []), ...(host?.tcp?.routes ?? [])])
  if (endpoints !== undefined) {
    referToSubsets(work, endpoints, rules)
    reportOutsideSettings(work, key, rules)
  }
  const { traffic, ignored } = endpoints === undefined ? NO_TRAFFIC : hostTraffic(endpoints, rules)
  for (const { ref } of ignored)
    work.findings.push(
      warning(ref, 'TrafficPolicyIgnored', `the trafficPolicy of ${key} is said in its own namespace or in ${SYSTEM_NAMESPACE}; this one has no effect`),
    )
  return { host, refersTo: work.refersTo, traffic, findings: work.findings, statuses: work.statuses, dependencies: work.dependencies }
}

const NO_TRAFFIC: HostTraffic = { traffic: new Map(), ignored: [] }

/** VirtualServices about a host, those with the most specific name for it first, then the oldest. */
function virtualServicesOf({ world, dependencies }: Work, key: HostKey): readonly VirtualServiceModel[] {
  return namesOfHost(key).flatMap((name) => {
    dependencies.add(`virtual-services ${name}`)
    return [...world.virtualServices.get(name)].toSorted(byAge)
  })
}

/** Nothing of the mesh has the name; that is a problem of those who name it, unless it is a name outside. */
function reportUnknown(work: Work, key: HostKey): void {
  const [namespace = '', name = ''] = key.split('/')
  if (registered(work, `${name}.${namespace}`, namespace).length > 0) return
  const { virtualServices, destinationRules } = work.world
  for (const { ref } of [...virtualServices.get(key), ...destinationRules.get(key)].toSorted(byAge))
    work.findings.push(warning(ref, 'HostNotFound', `there is no function or Service ${key}`))
}

/** What a rule says for hosts outside means nothing to a host of the mesh. */
function reportOutsideSettings(work: Work, key: HostKey, rules: readonly DestinationRuleModel[]): void {
  for (const { ref, outside, subsets } of rules) {
    const all = [outside, ...subsets.map((subset) => subset.outside)]
    if (all.some((settings) => settings?.ports !== undefined))
      work.findings.push(warning(ref, 'TrafficPolicyIgnored', `portLevelSettings have no effect on ${key}: its workloads are reached by one port`))
    if (all.some((settings) => settings?.tls !== undefined && settings.tls.mode !== 'mesh'))
      work.findings.push(
        warning(ref, 'TrafficPolicyIgnored', `tls has no effect on ${key}: calls within the mesh carry the caller's certificate (ISTIO_MUTUAL)`),
      )
  }
}

/** A subset may be routed to at any time, so its workloads have their listeners ready. */
function referToSubsets(work: Work, endpoints: Endpoints, rules: readonly DestinationRuleModel[]): void {
  for (const { labels } of rules.flatMap((rule) => rule.subsets)) {
    for (const target of targetsOf(work, endpoints, labels, 1)) if (target.workload !== undefined) work.refersTo.add(target.workload)
  }
}

function hostOf(work: Work, endpoints: Endpoints, virtualServices: readonly VirtualServiceModel[]): MeshHost {
  const [namespace = '', name = ''] = endpoints.key.split('/')
  const { own, partly, consumers } = precedence(work, namespace, virtualServices)
  const owners = new Map([...(own === undefined ? [] : [own]), ...consumers].map((owner) => [owner.namespace, owner]))
  const attached = hostRoutes(work, endpoints.key, endpoints, owners)
  const routes = own === undefined || own.routes.length === 0 ? [...attached.producers, ...ownRoutes(work, endpoints)] : routesOf(work, own, inMesh)
  reportOwners(work, endpoints, own)
  reportSplit(work, endpoints, attached.producers)
  work.findings.push(...endpoints.findings)
  return {
    key: endpoints.key,
    namespace,
    name,
    fqdn: hostFqdn(namespace, name),
    ports: endpoints.ports,
    routes: [
      ...consumers.flatMap((consumer) => (consumer.routes.length === 0 ? [] : restrictedRoutes(work, consumer, [consumer.namespace]))),
      ...partly.flatMap((one) => (one.routes.length === 0 ? [] : restrictedRoutes(work, one, one.visibleIn ?? []))),
      ...attached.consumers,
      ...routes,
    ],
    ...(endpoints.owner.kind === 'Service' && endpoints.owner.model.visibleIn !== undefined ? { visibleIn: endpoints.owner.model.visibleIn } : {}),
    ...(endpoints.owner.model.isPrivate ? { isPrivate: true } : {}),
    ...(endpoints.tcpPorts.length === 0 ? {} : { tcp: { ports: endpoints.tcpPorts, routes: tcpRoutes(work, endpoints, { own, consumers }) } }),
  }
}

/** Whose routes hold: the one for everybody, those that are exported to some namespaces only, and those of other namespaces for themselves. */
interface Precedence {
  readonly own: Understood<VirtualServiceModel> | undefined
  readonly partly: readonly Understood<VirtualServiceModel>[]
  readonly consumers: readonly Understood<VirtualServiceModel>[]
}

/**
 * Whose routes hold: of the VirtualServices of the host's own namespace the oldest; before it, for callers of another namespace, the oldest of that
 * namespace. One namespace cannot take over what others call in a third.
 */
function precedence(work: Work, namespace: string, virtualServices: readonly VirtualServiceModel[]): Precedence {
  const first = new Map<string, Understood<VirtualServiceModel>>()
  const partly: Understood<VirtualServiceModel>[] = []
  for (const candidate of virtualServices) {
    if (!isUnderstood(candidate) || (candidate.namespace !== namespace && !isVisible(candidate, candidate.namespace))) continue
    const winner = first.get(candidate.namespace)
    if (winner !== undefined) reportConflict(work, candidate, winner)
    else if (candidate.namespace === namespace && candidate.visibleIn !== undefined) partly.push(candidate)
    else first.set(candidate.namespace, candidate)
  }
  const own = first.get(namespace)
  first.delete(namespace)
  return { own, partly, consumers: [...first.values()].toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1)) }
}

function isUnderstood(candidate: VirtualServiceModel): candidate is Understood<VirtualServiceModel> {
  return candidate.routes !== undefined
}

/** One that has the same name and comes too late; that a wildcard stands behind a name is what wildcards are for. */
function reportConflict(work: Work, candidate: VirtualServiceModel, winner: VirtualServiceModel): void {
  if (!candidate.hosts.some((host) => winner.hosts.includes(host))) return
  work.findings.push(warning(candidate.ref, 'HostConflict', `the VirtualService ${winner.key} is older and has the routes of a host of this one`))
}

/** Without a VirtualService: the header rules of the function, then its split; or what the Service selects. */
function ownRoutes(work: Work, endpoints: Endpoints): readonly MeshRoute[] {
  const { owner, revisions } = endpoints
  const targets = wholeShares(targetsOf(work, endpoints, undefined, splitSum(endpoints)))
  const rest: MeshRoute = { name: 'default', matches: [], targets, origin: owner.model.ref }
  const fn = functionBehind(work, endpoints)
  const last = fn === undefined ? [rest] : deliveryRoutes(fn, revisions, rest)
  if (owner.kind === 'Service') return last
  const rules = owner.model.matches.map(({ headers, revision }, index): MeshRoute => {
    const match: RouteMatch = {
      headers: headers.map(([name, value]) => ({ name, match: { kind: 'exact', value }, invert: false })),
      queryParameters: [],
    }
    const target = revisionTarget(owner.model, revisions, revision)
    if (target.missing !== undefined)
      work.findings.push(warning(owner.model.ref, 'RevisionNotFound', `${target.missing}; calls that the rule matches are answered 503`))
    return { name: `match-${index}`, matches: [match], targets: [{ weight: 100, ...target }], origin: owner.model.ref }
  })
  return [...rules, ...last]
}

/** The sum that keeps a function's weights as they were written; 100 for a Service. */
function splitSum({ owner }: Endpoints): number {
  if (owner.kind === 'Service') return 100
  return owner.model.traffic.reduce((sum, share) => sum + share.weight, 0) || 100
}

function reportOwners(work: Work, endpoints: Endpoints, own: Understood<VirtualServiceModel> | undefined): void {
  const { owner, key } = endpoints
  const fn = work.world.functions.get(key)
  if (fn !== undefined && owner.kind === 'Service' && endpoints.revisions.some((revision) => revision.function !== key)) {
    work.findings.push(
      warning(fn.ref, 'HostOwnedByService', `the Service ${key} has the host of this name; the function's own split is used only where the Service selects it`),
    )
  }
  if (fn !== undefined && own !== undefined && owner.kind === 'Function' && fn.pinned && splits(own, fn)) {
    work.findings.push(warning(fn.ref, 'SplitOwned', `the VirtualService ${own.key} owns the split of ${key}; change the weights there, or remove it`))
  }
}

function reportSplit(work: Work, { owner, key }: Endpoints, routes: readonly MeshRoute[]): void {
  const [first] = routes
  if (first === undefined || owner.kind !== 'Function' || !owner.model.pinned) return
  const { kind, name } = first.origin
  work.findings.push(warning(owner.model.ref, 'SplitOwned', `the ${kind} ${name} owns the split of ${key}; change the weights there, or remove it`))
}

/** Whether a VirtualService decides where calls go, rather than only how. */
function splits(virtualService: Understood<VirtualServiceModel>, fn: FunctionModel): boolean {
  const decides = virtualService.routes.some((route) => route.destinations.some((share) => share.subset !== undefined || share.host !== fn.key))
  return decides || fn.matches.length > 0
}

/** Whether a condition can hold for calls in the mesh. */
export function inMesh({ gateways }: RouteMatch): boolean {
  return gateways?.includes(MESH) ?? true
}

/** Routes that hold for callers of some namespaces alone; what none of them matches is answered 503, not by the host's own routes. */
function restrictedRoutes(work: Work, virtualService: Understood<VirtualServiceModel>, namespaces: readonly string[]): readonly MeshRoute[] {
  if (namespaces.length === 0) return []
  const anything = namespaces.map((sourceNamespace): RouteMatch => ({ headers: [], queryParameters: [], sourceNamespace }))
  const routes = routesOf(work, virtualService, inMesh).flatMap((route) => {
    const matches = (route.matches.length === 0 ? [{ headers: [], queryParameters: [] }] : route.matches).flatMap((match: RouteMatch) =>
      namespaces.filter((namespace) => (match.sourceNamespace ?? namespace) === namespace).map((sourceNamespace) => ({ ...match, sourceNamespace })),
    )
    return matches.length === 0 ? [] : [{ ...route, matches }]
  })
  const missing = `no route of the VirtualService ${virtualService.key} matches`
  const rest: MeshRoute = { name: 'no-route', matches: anything, targets: [{ weight: 100, workload: undefined, missing }], origin: virtualService.ref }
  return [...routes, rest]
}
