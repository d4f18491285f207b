import { byAge } from '../read/base.ts'
import { warning } from '../read/finding.ts'
import type { BackendModel, GatewayRouteModel, ParentModel, RouteEntry } from '../read/gateway-api/models.ts'
import type { VirtualServiceModel } from '../read/models.ts'
import type { Mirror } from '../route-actions.ts'
import type { StatusCondition } from '../resource-status.ts'
import type { HostKey, MeshRoute, RouteMatch, RouteTarget, WorkloadKey } from '../snapshot.ts'
import { delivered } from './delivery.ts'
import type { Endpoints } from './endpoints.ts'
import { backendTargets, nowhere, resolveBackend, type BackendProblem, type Referrer } from './gateway-backends.ts'
import { inPrecedence } from './precedence.ts'
import type { Work } from './routes.ts'
import { wholeShares } from './weights.ts'

/** A route at one of its parents. */
export interface Attachment {
  readonly route: GatewayRouteModel
  readonly parent: ParentModel
}

/** Routes of the Gateway API for calls of one host. */
export interface HostRoutes {
  /** For callers of one namespace each, before the host's own. */
  readonly consumers: readonly MeshRoute[]
  /** For everybody; empty where there are none. */
  readonly producers: readonly MeshRoute[]
}

/** Who has the routes of a host already: the VirtualServices that hold, by their namespaces. */
export type Owners = ReadonlyMap<string, VirtualServiceModel>

/**
 * Routes that are attached to a host. Those of its own namespace hold for everybody (producers), those of another for the callers there (consumers), who have
 * nothing of the others then. What none of them matches is answered 404 (GEP-1426). A VirtualService of the same namespace has the host for itself.
 */
export function hostRoutes(work: Work, key: HostKey, endpoints: Endpoints | undefined, owners: Owners): HostRoutes {
  work.dependencies.add(`gateway-routes ${key}`)
  const attached = [...work.world.gatewayRoutes.get(key)].toSorted(byAge).flatMap((route) => attachmentsOf(route, key))
  const accepted = attached.filter((attachment) => isAccepted(work, attachment, endpoints, owners))
  const [namespace = ''] = key.split('/')
  const places = Map.groupBy(accepted, ({ route }) => route.namespace)
  const own = places.get(namespace) ?? []
  places.delete(namespace)
  return {
    consumers: [...places].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([place, some]) => routesOf(work, some, { endpoints, namespace, only: place })),
    producers: routesOf(work, own, { endpoints, namespace, only: undefined }),
  }
}

function attachmentsOf(route: GatewayRouteModel, key: HostKey): readonly Attachment[] {
  return route.parents.filter(({ target }) => target.kind !== 'gateway' && target.key === key).map((parent) => ({ route, parent }))
}

function isAccepted(work: Work, attachment: Attachment, endpoints: Endpoints | undefined, owners: Owners): boolean {
  const refused = refusal(work, attachment, endpoints, owners)
  if (refused === undefined) return true
  const { route, parent } = attachment
  if (route.problem === undefined) work.findings.push(warning(route.ref, refused.reason, `${refused.message}; the routes have no effect there`))
  say(work, attachment, [
    { type: 'Accepted', status: 'False', reason: refused.reason, message: refused.message },
    resolvedRefs(problemsOf(work, route, parent.target.key.split('/')[0])),
  ])
  return false
}

interface Refused {
  readonly reason: 'NoMatchingParent' | 'HostConflict' | 'UnsupportedValue'
  readonly message: string
}

function refusal(work: Work, { route, parent }: Attachment, endpoints: Endpoints | undefined, owners: Owners): Refused | undefined {
  const { reference, target } = parent
  if (route.problem !== undefined) return { reason: 'UnsupportedValue', message: route.problem }
  const exists = target.kind === 'function' ? work.world.functions.has(target.key) : endpoints !== undefined
  if (!exists || endpoints === undefined) return { reason: 'NoMatchingParent', message: `there is no ${reference.kind} ${target.key}` }
  const { sectionName, port } = reference
  const named = sectionName === undefined ? undefined : portNamed(endpoints, sectionName)
  if (sectionName !== undefined && named === undefined) return { reason: 'NoMatchingParent', message: `${target.key} has no port ${sectionName}` }
  if (port !== undefined && (!endpoints.ports.includes(port) || (named !== undefined && named !== port)))
    return { reason: 'NoMatchingParent', message: `${target.key} does not answer on port ${port}${sectionName === undefined ? '' : ` named ${sectionName}`}` }
  const owner = owners.get(route.namespace)
  return owner === undefined ? undefined : { reason: 'HostConflict', message: `the VirtualService ${owner.key} has the routes of ${target.key}` }
}

function portNamed({ owner }: Endpoints, name: string): number | undefined {
  if (owner.kind !== 'Service') return undefined
  return Object.hasOwn(owner.model.portNames, name) ? owner.model.portNames[name] : undefined
}

// -- routes -----------------------------------------------------------------------------------------------------------------

interface Scope {
  readonly endpoints: Endpoints | undefined
  /** Of the host. */
  readonly namespace: string
  /** Only for callers of this namespace. */
  readonly only: string | undefined
}

function routesOf(work: Work, attachments: readonly Attachment[], scope: Scope): readonly MeshRoute[] {
  if (attachments.length === 0) return []
  const reach = attachments.map((attachment) => ({ attachment, port: portOf(attachment, scope) }))
  const placed = reach.flatMap(({ attachment: { route }, port }) => route.entries.map((entry) => ({ route, entry, port })))
  const routes = placed
    .toSorted(inPrecedence)
    .flatMap(({ route, entry, port }) => meshRoutes(work, referrer(route, scope.namespace), { route, entry, limits: limits(scope, port) }))
  for (const { attachment } of reach) accept(work, attachment, scope)
  return [
    ...routes,
    nothing(
      attachments,
      reach.map(({ port }) => port),
      scope,
    ),
  ]
}

function portOf({ parent }: Attachment, { endpoints }: Scope): number | undefined {
  const { port, sectionName } = parent.reference
  if (port !== undefined) return port
  return sectionName === undefined || endpoints === undefined ? undefined : portNamed(endpoints, sectionName)
}

type Limits = Pick<RouteMatch, 'sourceNamespace' | 'port'>

function limits({ only }: Scope, port: number | undefined): Limits {
  return { ...(only === undefined ? {} : { sourceNamespace: only }), ...(port === undefined ? {} : { port }) }
}

const anything = (within: Limits): RouteMatch => ({ headers: [], queryParameters: [], ...within })

/** What is left of the ports that routes are attached to. */
function nothing(attachments: readonly Attachment[], ports: readonly (number | undefined)[], scope: Scope): MeshRoute {
  const [first] = attachments
  const kinds = [...new Set(attachments.map(({ route }) => `${route.ref.kind} ${route.key}`))].toSorted()
  const all = ports.includes(undefined)
  const matches = all ? [anything(limits(scope, undefined))] : [...new Set(ports)].map((port) => anything(limits(scope, port)))
  return {
    name: 'no-route',
    matches: all && scope.only === undefined ? [] : matches,
    targets: [],
    answer: { kind: 'refusal', reason: `no rule of ${kinds.join(', ')} takes this call` },
    origin: first?.route.ref ?? { group: '', kind: '', name: '' },
  }
}

function referrer({ ref, namespace }: GatewayRouteModel, parentNamespace?: string): Referrer {
  return { ref, namespace, ...(parentNamespace === undefined ? {} : { parentNamespace }) }
}

/** Our route of one entry, and before it what a canary does with its calls; `limits`: on calls beside its own match. */
export function meshRoutes(
  work: Work,
  by: Referrer,
  { route, entry, limits: within }: { readonly route: GatewayRouteModel; readonly entry: RouteEntry; readonly limits: Partial<RouteMatch> },
): readonly MeshRoute[] {
  const own = entry.route.matches
  const matches = Object.keys(within).length === 0 ? own : (own.length === 0 ? [anything({})] : own).map((match) => ({ ...match, ...within }))
  const mirrors = mirrorsOf(work, by, entry.mirrors)
  return delivered(work, wholeBackend(work, by, entry), {
    ...entry.route,
    matches,
    targets: entry.route.answer === undefined ? sharesOf(work, by, { route, entry }) : [],
    ...(mirrors.length === 0 ? {} : { mirrors }),
    origin: route.ref,
  })
}

/** What stands behind the backend that has all calls of a rule. */
function wholeBackend(work: Work, by: Referrer, { backends }: RouteEntry): Endpoints | undefined {
  const [only, ...others] = backends.filter(({ weight }) => weight > 0)
  return only === undefined || others.length > 0 ? undefined : resolveBackend(work, by, only).endpoints
}

function sharesOf(work: Work, by: Referrer, { route, entry }: { readonly route: GatewayRouteModel; readonly entry: RouteEntry }): readonly RouteTarget[] {
  const { backends } = entry
  if (backends.every(({ weight }) => weight === 0)) {
    const why = backends.length === 0 ? 'has no backendRefs' : 'has no backend with a weight'
    return [nowhere(100, `the rule ${entry.route.name} ${why}`, route.protocol)]
  }
  return wholeShares(
    backends.flatMap((backend) => {
      const { requestHeaders, responseHeaders } = backend
      const headers = { ...(requestHeaders === undefined ? {} : { requestHeaders }), ...(responseHeaders === undefined ? {} : { responseHeaders }) }
      return backendTargets(work, resolveBackend(work, by, backend), backend, route.protocol).map((target) => ({ ...target, ...headers }))
    }),
  )
}

/** Copies, each workload once. A backend that is not good gets none. */
function mirrorsOf(work: Work, by: Referrer, mirrors: readonly BackendModel[]): readonly Mirror[] {
  const shares = new Map<WorkloadKey, number>()
  for (const mirror of mirrors) {
    for (const { workload, weight } of backendTargets(work, resolveBackend(work, by, mirror), mirror, 'http'))
      if (workload !== undefined) shares.set(workload, (shares.get(workload) ?? 0) + weight)
  }
  return [...shares].flatMap(([workload, weight]) => (weight === 0 ? [] : [{ workload, millionths: Math.min(1_000_000, Math.max(1, Math.round(weight))) }]))
}

// -- what is said of it -----------------------------------------------------------------------------------------------------

function accept(work: Work, attachment: Attachment, { namespace }: Scope): void {
  const { route, parent } = attachment
  const problems = problemsOf(work, route, namespace)
  for (const { reason, message } of problems)
    work.findings.push(warning(route.ref, reason, `${message}; its share of the calls is answered ${route.protocol === 'http' ? 500 : 503}`))
  const message = `its rules are in force for ${parent.target.key}`
  say(work, attachment, [{ type: 'Accepted', status: 'True', reason: 'Accepted', message }, resolvedRefs(problems)])
}

/** What is wrong with a route's backends, copies included. */
export function problemsOf(work: Work, route: GatewayRouteModel, parentNamespace?: string): readonly BackendProblem[] {
  const backends = route.entries.flatMap(({ backends: shares, mirrors }) => [...shares, ...mirrors])
  const problems = backends.map((backend) => resolveBackend(work, referrer(route, parentNamespace), backend).problem)
  return [...new Map(problems.flatMap((each) => (each === undefined ? [] : [[each.message, each] as const]))).values()]
}

/** The condition on a route's references. */
export function resolvedRefs(problems: readonly BackendProblem[]): StatusCondition {
  const [first] = problems
  if (first === undefined) return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all backends are there' }
  return { type: 'ResolvedRefs', status: 'False', reason: first.reason, message: problems.map(({ message }) => message).join('; ') }
}

/** Notes the conditions of a route at a parent. */
export function say(work: Work, { route, parent }: Attachment, conditions: readonly StatusCondition[]): void {
  work.statuses.push({ resource: route.ref, generation: route.generation, index: parent.index, parent: parent.reference, conditions })
}
