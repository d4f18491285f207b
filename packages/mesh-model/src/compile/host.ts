import type { Destination, DestinationRuleModel, FunctionModel, RouteModel, VirtualServiceModel } from '../read/models.ts'
import { byAge } from '../read/base.ts'
import { failure, warning } from '../read/finding.ts'
import { hostFqdn } from '../read/names.ts'
import type { Mirror } from '../route-actions.ts'
import type { HostKey, MeshHost, MeshRoute, ResourceFinding, RouteMatch, RouteTarget, WorkloadKey } from '../snapshot.ts'
import type { WorkloadTraffic } from '../workload-traffic.ts'
import type { Dependency } from '../world/dependencies.ts'
import type { World } from '../world/world.ts'
import { SYSTEM_NAMESPACE } from '@weft/core'
import { delegated } from './delegate.ts'
import { endpointsOf, revisionTarget, targetsOf, type Endpoints, type Reading } from './endpoints.ts'
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
  readonly dependencies: ReadonlySet<Dependency>
}

/** Collects while one host is compiled. */
interface Work extends Reading {
  readonly refersTo: Set<WorkloadKey>
  readonly findings: ResourceFinding[]
}

/** Compiles one host name. Reads only what it notes in `dependencies`. */
export function compileHost(world: World, key: HostKey): CompiledHost {
  const work: Work = { world, dependencies: new Set(), refersTo: new Set(), findings: [] }
  work.dependencies.add(`virtual-services ${key}`)
  work.dependencies.add(`destination-rules ${key}`)
  const endpoints = endpointsOf(work, key)
  const virtualServices = [...world.virtualServices.get(key)].toSorted(byAge)
  const rules = [...world.destinationRules.get(key)].toSorted(byAge)
  if (endpoints === undefined) reportUnknown(work, key, [...virtualServices, ...rules])
  const host = endpoints === undefined ? undefined : hostOf(work, endpoints, virtualServices)
  for (const route of host?.routes ?? []) {
    for (const { workload } of [...route.targets, ...(route.mirrors ?? [])]) if (workload !== undefined) work.refersTo.add(workload)
  }
  if (endpoints !== undefined) referToSubsets(work, endpoints, rules)
  const { traffic, ignored } = endpoints === undefined ? NO_TRAFFIC : hostTraffic(endpoints, rules)
  for (const { ref } of ignored)
    work.findings.push(
      warning(ref, 'TrafficPolicyIgnored', `the trafficPolicy of ${key} is said in its own namespace or in ${SYSTEM_NAMESPACE}; this one has no effect`),
    )
  return { host, refersTo: work.refersTo, traffic, findings: work.findings, dependencies: work.dependencies }
}

const NO_TRAFFIC: HostTraffic = { traffic: new Map(), ignored: [] }

function reportUnknown(work: Work, key: HostKey, by: readonly (VirtualServiceModel | DestinationRuleModel)[]): void {
  for (const { ref } of by) work.findings.push(warning(ref, 'HostNotFound', `there is no function or Service ${key}`))
}

/** A subset may be routed to at any time, so its workloads have their listeners ready. */
function referToSubsets(work: Work, endpoints: Endpoints, rules: readonly DestinationRuleModel[]): void {
  for (const { labels } of rules.flatMap((rule) => rule.subsets)) {
    for (const target of targetsOf(work, endpoints, labels, 1)) if (target.workload !== undefined) work.refersTo.add(target.workload)
  }
}

function hostOf(work: Work, endpoints: Endpoints, virtualServices: readonly VirtualServiceModel[]): MeshHost {
  const [namespace = '', name = ''] = endpoints.key.split('/')
  const { own, consumers } = precedence(work, namespace, virtualServices)
  const routes = own === undefined ? ownRoutes(work, endpoints) : routesOf(work, own)
  reportOwners(work, endpoints, own)
  return {
    key: endpoints.key,
    namespace,
    name,
    fqdn: hostFqdn(namespace, name),
    ports: endpoints.ports,
    routes: [...consumers.flatMap((consumer) => consumerRoutes(work, consumer)), ...routes],
  }
}

type Understood = VirtualServiceModel & { readonly routes: readonly RouteModel[] }

/**
 * Whose routes hold: of the VirtualServices of the host's own namespace the oldest; before it, for callers of another namespace, the oldest of that
 * namespace. One namespace cannot take over what others call in a third.
 */
function precedence(
  work: Work,
  namespace: string,
  virtualServices: readonly VirtualServiceModel[],
): { readonly own: Understood | undefined; readonly consumers: readonly Understood[] } {
  const first = new Map<string, Understood>()
  for (const candidate of virtualServices) {
    if (candidate.routes === undefined) continue
    const winner = first.get(candidate.namespace)
    if (winner === undefined) first.set(candidate.namespace, candidate as Understood)
    else work.findings.push(warning(candidate.ref, 'HostConflict', `the VirtualService ${winner.key} is older and has the routes of a host of this one`))
  }
  const own = first.get(namespace)
  first.delete(namespace)
  return { own, consumers: [...first.values()].toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1)) }
}

/** Without a VirtualService: the header rules of the function, then its split; or what the Service selects. */
function ownRoutes(work: Work, endpoints: Endpoints): readonly MeshRoute[] {
  const { owner, revisions } = endpoints
  const targets = wholeShares(targetsOf(work, endpoints, undefined, splitSum(endpoints)))
  const rest: MeshRoute = { name: 'default', matches: [], targets, origin: owner.model.ref }
  if (owner.kind === 'Service') return [rest]
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
  return [...rules, rest]
}

/** The sum that keeps a function's weights as they were written; 100 for a Service. */
function splitSum({ owner }: Endpoints): number {
  if (owner.kind === 'Service') return 100
  return owner.model.traffic.reduce((sum, share) => sum + share.weight, 0) || 100
}

function reportOwners(work: Work, endpoints: Endpoints, own: Understood | undefined): void {
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

/** Whether a VirtualService decides where calls go, rather than only how. */
function splits(virtualService: Understood, fn: FunctionModel): boolean {
  const decides = virtualService.routes.some((route) => route.destinations.some((share) => share.subset !== undefined || share.host !== fn.key))
  return decides || fn.matches.length > 0
}

// -- routes of a VirtualService -----------------------------------------------------------------------------------------

/** The routes of a VirtualService, those of its delegates in their places. */
function routesOf(work: Work, virtualService: Understood): readonly MeshRoute[] {
  return virtualService.routes.flatMap((route) => {
    if (route.delegate === undefined) return [routeOf(work, virtualService, route)]
    work.dependencies.add(`delegate ${route.delegate}`)
    const delegate = work.world.delegates.get(route.delegate)
    if (delegate?.routes === undefined) {
      const because = delegate === undefined ? 'is not there or has hosts of its own' : 'is not understood'
      work.findings.push(
        warning(virtualService.ref, 'DelegateNotFound', `the delegate ${route.delegate} ${because}; the route ${route.route.name} is left out`),
      )
      return []
    }
    const { routes, unreachable } = delegated(route, delegate.routes)
    for (const name of unreachable) {
      work.findings.push(warning(delegate.ref, 'DelegateConflict', `no call that ${virtualService.key} delegates can match the route ${name}; it is left out`))
    }
    return routes.map((each) => routeOf(work, delegate, each))
  })
}

function routeOf(work: Work, virtualService: VirtualServiceModel, route: RouteModel): MeshRoute {
  const copies = mirrorsOf(work, virtualService, route)
  return {
    ...route.route,
    targets: route.route.answer === undefined ? sharesOf(work, virtualService, route) : [],
    ...(copies.length === 0 ? {} : { mirrors: copies }),
    origin: virtualService.ref,
  }
}

/** Where copies go, each workload once; a host with several workloads gets its share of them in the shares of its calls. */
function mirrorsOf(work: Work, virtualService: VirtualServiceModel, route: RouteModel): readonly Mirror[] {
  const shares = new Map<WorkloadKey, number>()
  for (const { workload, weight } of route.mirrors.flatMap((mirror) => resolve(work, virtualService, mirror, 'it gets no copies'))) {
    if (workload !== undefined) shares.set(workload, (shares.get(workload) ?? 0) + weight)
  }
  return [...shares].flatMap(([workload, weight]) => (weight === 0 ? [] : [{ workload, millionths: Math.min(1_000_000, Math.max(1, Math.round(weight))) }]))
}

function sharesOf(work: Work, virtualService: VirtualServiceModel, route: RouteModel): readonly RouteTarget[] {
  if (route.destinations.every((share) => share.weight === 0)) {
    work.findings.push(failure(virtualService.ref, 'WeightsInvalid', `the weights of the route ${route.route.name} add up to 0; its calls are answered 503`))
    return [{ weight: 100, workload: undefined, missing: 'all weights of the route are 0' }]
  }
  return wholeShares(route.destinations.flatMap((share) => shareTargets(work, virtualService, share)))
}

function shareTargets(work: Work, virtualService: VirtualServiceModel, share: Destination): readonly RouteTarget[] {
  const headers = {
    ...(share.requestHeaders === undefined ? {} : { requestHeaders: share.requestHeaders }),
    ...(share.responseHeaders === undefined ? {} : { responseHeaders: share.responseHeaders }),
  }
  return resolve(work, virtualService, share).map((target) => ({ ...target, ...headers }))
}

function resolve(
  work: Work,
  { ref, namespace }: VirtualServiceModel,
  share: Destination,
  outcome = 'this share of the calls is answered 503',
): readonly RouteTarget[] {
  const missing = (reason: 'HostNotFound' | 'SubsetNotFound' | 'PortNotFound', message: string): readonly RouteTarget[] => {
    work.findings.push(warning(ref, reason, `${message}; ${outcome}`))
    return [{ weight: share.weight, workload: undefined, missing: message }]
  }
  const endpoints = share.host === undefined ? undefined : endpointsOf(work, share.host)
  if (endpoints === undefined) return missing('HostNotFound', `there is no function or Service ${share.host ?? share.text}`)
  if (share.port !== undefined && !endpoints.ports.includes(share.port))
    return missing('PortNotFound', `${endpoints.key} does not answer on port ${share.port}`)
  if (share.subset === undefined) return targetsOf(work, endpoints, undefined, share.weight)
  const labels = subsetLabels(work, endpoints.key, namespace, share.subset)
  if (labels === undefined) return missing('SubsetNotFound', `no DestinationRule of ${endpoints.key} has a subset ${share.subset}`)
  return targetsOf(work, endpoints, labels, share.weight)
}

/** A subset as the VirtualService's namespace has it, else the host's, else the whole mesh's (Istio's order of DestinationRules); the oldest wins. */
function subsetLabels(work: Work, host: HostKey, namespace: string, subset: string): DestinationRuleModel['subsets'][number]['labels'] | undefined {
  work.dependencies.add(`destination-rules ${host}`)
  const rules = [...work.world.destinationRules.get(host)].toSorted(byAge)
  for (const place of [namespace, host.split('/')[0], SYSTEM_NAMESPACE]) {
    for (const rule of rules.filter((candidate) => candidate.namespace === place)) {
      const found = rule.subsets.find((candidate) => candidate.name === subset)
      if (found !== undefined) return found.labels
    }
  }
  return undefined
}

/** Routes that hold for callers of the VirtualService's namespace alone; what none of them matches is answered 503, not by the host's own routes. */
function consumerRoutes(work: Work, virtualService: Understood): readonly MeshRoute[] {
  const { namespace } = virtualService
  const anything: RouteMatch = { headers: [], queryParameters: [], sourceNamespace: namespace }
  const routes = routesOf(work, virtualService).flatMap((route) => {
    const matches = (route.matches.length === 0 ? [anything] : route.matches)
      .filter((match) => (match.sourceNamespace ?? namespace) === namespace)
      .map((match) => ({ ...match, sourceNamespace: namespace }))
    return matches.length === 0 ? [] : [{ ...route, matches }]
  })
  const missing = `no route of the VirtualService ${virtualService.key} matches`
  const rest: MeshRoute = { name: 'no-route', matches: [anything], targets: [{ weight: 100, workload: undefined, missing }], origin: virtualService.ref }
  return [...routes, rest]
}
