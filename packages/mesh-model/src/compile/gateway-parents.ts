import { warning } from '../read/finding.ts'
import type { ApiGatewayModel, ListenerModel } from '../read/gateway-api/gateways.ts'
import type { GatewayRouteModel, ParentModel } from '../read/gateway-api/models.ts'
import type { ResourceFinding } from '../snapshot.ts'
import type { ParentEntry } from '../status-book.ts'
import type { Dependency } from '../world/dependencies.ts'
import { commonName } from '../world/gateway-names.ts'
import type { World } from '../world/world.ts'
import { problemsOf, resolvedRefs, say } from './gateway-routes.ts'
import type { Work } from './routes.ts'

/** What became of a route at the Gateways that it names. */
export interface CompiledParents {
  readonly statuses: readonly ParentEntry[]
  readonly findings: readonly ResourceFinding[]
  /** Listeners that it is attached to, by {@link listenerId}. */
  readonly attached: ReadonlySet<string>
  readonly dependencies: ReadonlySet<Dependency>
}

/** A listener of a Gateway, by the keys of both. */
export function listenerId(gateway: string, listener: string): string {
  return `${gateway} ${listener}`
}

/** Finds the listeners that a route is attached to; what keeps it from the others. Gateways of other classes are somebody else's. */
export function compileParents(world: World, route: GatewayRouteModel): CompiledParents {
  const work: Work = { world, dependencies: new Set(), refersTo: new Set(), findings: [], statuses: [] }
  const parents = route.parents.filter(({ target }) => target.kind === 'gateway')
  const attached = parents.flatMap((parent) => attach(work, route, parent))
  return { statuses: work.statuses, findings: work.findings, attached: new Set(attached), dependencies: work.dependencies }
}

function attach(work: Work, route: GatewayRouteModel, parent: ParentModel): readonly string[] {
  const { key } = parent.target
  const gateway = work.world.apiGateways.models.get(key)
  if (gateway === undefined) {
    work.findings.push(warning(route.ref, 'GatewayNotFound', `there is no Gateway ${key} of the Gateway API; the routes have no effect there`))
    return []
  }
  if (!work.world.apiGateways.isOurs(gateway)) return []
  const { listeners, problem } = listenersFor(work, { route, parent, gateway })
  const problems = problemsOf(work, route)
  if (problem === undefined) {
    const names = listeners.map(({ name }) => name).join(', ')
    for (const { reason, message } of problems) work.findings.push(warning(route.ref, reason, `${message}; its share of the calls is not answered by it`))
    say(work, { route, parent }, [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: `attached to ${names} of ${key}` }, resolvedRefs(problems)])
    return listeners.map(({ name }) => listenerId(key, name))
  }
  if (problem.reason !== 'UnsupportedValue') work.findings.push(warning(route.ref, problem.reason, `${problem.message}; the routes have no effect there`))
  say(work, { route, parent }, [{ type: 'Accepted', status: 'False', ...problem }, resolvedRefs(problems)])
  return []
}

interface Attaching {
  readonly route: GatewayRouteModel
  readonly parent: ParentModel
  readonly gateway: ApiGatewayModel
}

interface Found {
  readonly listeners: readonly ListenerModel[]
  readonly problem?: {
    readonly reason: 'NoMatchingParent' | 'NotAllowedByListeners' | 'NoMatchingListenerHostname' | 'UnsupportedValue'
    readonly message: string
  }
}

function listenersFor(work: Work, { route, parent, gateway }: Attaching): Found {
  const { sectionName, port } = parent.reference
  const no = (reason: NonNullable<Found['problem']>['reason'], message: string): Found => ({ listeners: [], problem: { reason, message } })
  if (route.problem !== undefined) return no('UnsupportedValue', route.problem)
  const asked = gateway.listeners.filter((one) => (sectionName === undefined || one.name === sectionName) && (port === undefined || one.port === port))
  if (asked.length === 0) return no('NoMatchingParent', `the Gateway ${gateway.key} has no such listener`)
  const allowed = asked.filter((listener) => allows(work.world, { route, parent, gateway }, listener))
  if (allowed.length === 0) return no('NotAllowedByListeners', `no listener of ${gateway.key} takes a ${route.ref.kind} of the namespace ${route.namespace}`)
  const served = allowed.filter(({ hostname }) => route.names.some((name) => commonName(hostname, name) !== undefined))
  if (served.length === 0) return no('NoMatchingListenerHostname', `no listener of ${gateway.key} has one of the hosts ${route.names.join(', ')}`)
  return { listeners: served }
}

function allows(world: World, { route, gateway }: Attaching, listener: ListenerModel): boolean {
  const server = world.apiGateways.meantBy(gateway.key)?.servers.find(({ name }) => name === listener.name)
  const inside = server?.hosts.some(({ namespace }) => namespace === '*' || namespace === route.namespace) ?? false
  return inside && listener.kinds.includes(route.ref.kind)
}
