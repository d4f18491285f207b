import { SYSTEM_NAMESPACE } from '@weft/core'
import { isVisible } from '../find-external.ts'
import { failure, warning } from '../read/finding.ts'
import type { Destination, DestinationRuleModel, FrontModel, RouteModel } from '../read/models.ts'
import type { Mirror } from '../route-actions.ts'
import type { HostKey, MeshRoute, MeshTcpRoute, ResourceFinding, RouteMatch, RouteTarget, TcpMatch, WorkloadKey } from '../snapshot.ts'
import type { ParentEntry } from '../status-book.ts'
import { delegated } from './delegate.ts'
import { delivered } from './delivery.ts'
import { egressTarget } from './egress.ts'
import { outsideTarget } from './registered.ts'
import { rulesAt } from './rules.ts'
import { endpointsOf, targetsOf, type Endpoints, type Reading } from './endpoints.ts'
import { wholeShares } from './weights.ts'

/** Collects while routes are compiled. */
export interface Work extends Reading {
  readonly refersTo: Set<WorkloadKey>
  readonly findings: ResourceFinding[]
  /** What is to be said in the status of routes. */
  readonly statuses: ParentEntry[]
}

/** A model whose routes are understood. */
export type Understood<M extends FrontModel> = M & { readonly routes: readonly RouteModel[] }

/** Notes the workloads that routes may send calls to: they must have a listener. */
export function referToRoutes(work: Work, routes: readonly Pick<MeshRoute, 'targets' | 'mirrors'>[]): void {
  for (const route of routes) {
    for (const { workload } of [...route.targets, ...(route.mirrors ?? [])]) if (workload !== undefined) work.refersTo.add(workload)
  }
}

/** The routes of a VirtualService (or of what stands for one) for one place, those of its delegates in their places. `holds`: whether a condition can hold there. */
export function routesOf(work: Work, virtualService: Understood<FrontModel>, holds: (match: RouteMatch) => boolean): readonly MeshRoute[] {
  return routeGroupsOf(work, virtualService, holds).flat()
}

/** Like {@link routesOf}, each route in a group with what canaries do with its calls; the route itself comes last in it. */
export function routeGroupsOf(work: Work, virtualService: Understood<FrontModel>, holds: (match: RouteMatch) => boolean): readonly (readonly MeshRoute[])[] {
  return virtualService.routes.flatMap((whole): readonly (readonly MeshRoute[])[] => {
    const route = placed(whole, holds)
    if (route === undefined) return []
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
    return routes.flatMap((each) => {
      const there = placed(each, holds)
      return there === undefined ? [] : [routeOf(work, delegate, there)]
    })
  })
}

/** The route with the conditions that can hold in a place; `undefined` when none of them can. */
function placed(whole: RouteModel, holds: (match: RouteMatch) => boolean): RouteModel | undefined {
  const { matches } = whole.route
  if (matches.every((match) => match.gateways === undefined && holds(match))) return whole
  const there = matches.filter(holds).map(({ gateways: _gateways, ...match }) => match)
  return there.length === 0 ? undefined : { ...whole, route: { ...whole.route, matches: there } }
}

function routeOf(work: Work, virtualService: FrontModel, route: RouteModel): readonly MeshRoute[] {
  const copies = mirrorsOf(work, virtualService, route)
  return delivered(work, wholeDestination(work, route), {
    ...route.route,
    targets: route.route.answer === undefined ? sharesOf(work, virtualService, route) : [],
    ...(copies.length === 0 ? {} : { mirrors: copies }),
    origin: virtualService.ref,
  })
}

/** What stands behind the host that all calls of a route go to, and not to a subset of it. */
function wholeDestination(work: Work, { destinations }: RouteModel): Endpoints | undefined {
  const [only, ...others] = destinations.filter(({ weight }) => weight > 0)
  return only?.host === undefined || only.subset !== undefined || others.length > 0 ? undefined : endpointsOf(work, only.host)
}

/** Where copies go, each workload once; a host with several workloads gets its share of them in the shares of its calls. */
function mirrorsOf(work: Work, virtualService: FrontModel, route: RouteModel): readonly Mirror[] {
  const shares = new Map<WorkloadKey, number>()
  const outside: Mirror[] = []
  for (const { workload, external, weight } of route.mirrors.flatMap((mirror) => resolve(work, virtualService, mirror, 'it gets no copies'))) {
    if (workload !== undefined) shares.set(workload, (shares.get(workload) ?? 0) + weight)
    if (external !== undefined && weight > 0) outside.push({ workload: undefined, external, millionths: millionthsOf(weight) })
  }
  return [...[...shares].flatMap(([workload, weight]) => (weight === 0 ? [] : [{ workload, millionths: millionthsOf(weight) }])), ...outside]
}

function millionthsOf(weight: number): number {
  return Math.min(1_000_000, Math.max(1, Math.round(weight)))
}

/** Routes of connections for one place. `holds`: whether a condition can hold there. */
export function connectionRoutes(work: Work, front: FrontModel, holds: (match: TcpMatch) => boolean): readonly MeshTcpRoute[] {
  return (front.connections ?? []).flatMap((route): readonly MeshTcpRoute[] => {
    const there = route.matches.filter(holds).map(({ gateways: _gateways, ...match }) => match)
    if (route.matches.length > 0 && there.length === 0) return []
    const targets = wholeShares(route.destinations.flatMap((share) => resolve(work, front, share, 'this share of the connections is refused')))
    return [{ name: route.name, matches: there, targets, origin: front.ref }]
  })
}

function sharesOf(work: Work, virtualService: FrontModel, route: RouteModel): readonly RouteTarget[] {
  if (route.destinations.every((share) => share.weight === 0)) {
    work.findings.push(failure(virtualService.ref, 'WeightsInvalid', `the weights of the route ${route.route.name} add up to 0; its calls are answered 503`))
    return [{ weight: 100, workload: undefined, missing: 'all weights of the route are 0' }]
  }
  return wholeShares(route.destinations.flatMap((share) => shareTargets(work, virtualService, share)))
}

function shareTargets(work: Work, virtualService: FrontModel, share: Destination): readonly RouteTarget[] {
  const headers = {
    ...(share.requestHeaders === undefined ? {} : { requestHeaders: share.requestHeaders }),
    ...(share.responseHeaders === undefined ? {} : { responseHeaders: share.responseHeaders }),
  }
  return resolve(work, virtualService, share).map((target) => ({ ...target, ...headers }))
}

function resolve(work: Work, { ref, namespace }: FrontModel, share: Destination, outcome = 'this share of the calls is answered 503'): readonly RouteTarget[] {
  const missing = (reason: 'HostNotFound' | 'SubsetNotFound' | 'PortNotFound', message: string): readonly RouteTarget[] => {
    work.findings.push(warning(ref, reason, `${message}; ${outcome}`))
    return [{ weight: share.weight, workload: undefined, missing: message }]
  }
  const egress = egressTarget(work, namespace, share)
  if (egress !== undefined) return 'reason' in egress ? missing(egress.reason, egress.message) : [egress]
  const endpoints = share.host === undefined ? undefined : endpointsOf(work, share.host)
  if (endpoints === undefined) {
    const outside = outsideTarget(work, namespace, share)
    return 'reason' in outside ? missing(outside.reason, outside.message) : [outside]
  }
  if (share.port !== undefined && !endpoints.ports.includes(share.port))
    return missing('PortNotFound', `${endpoints.key} does not answer on port ${share.port}`)
  if (share.subset === undefined) return targetsOf(work, endpoints, undefined, share.weight)
  const labels = subsetLabels(work, endpoints.key, namespace, share.subset)
  if (labels === undefined) return missing('SubsetNotFound', `no DestinationRule of ${endpoints.key} has a subset ${share.subset}`)
  return targetsOf(work, endpoints, labels, share.weight)
}

/** A subset as the VirtualService's namespace has it, else the host's, else the whole mesh's (Istio's order of DestinationRules); the oldest wins. */
function subsetLabels(work: Work, host: HostKey, namespace: string, subset: string): DestinationRuleModel['subsets'][number]['labels'] | undefined {
  const rules = rulesAt(work, host).filter((rule) => isVisible(rule, namespace))
  for (const place of [namespace, host.split('/')[0], SYSTEM_NAMESPACE]) {
    for (const rule of rules.filter((candidate) => candidate.namespace === place)) {
      const found = rule.subsets.find((candidate) => candidate.name === subset)
      if (found !== undefined) return found.labels
    }
  }
  return undefined
}
