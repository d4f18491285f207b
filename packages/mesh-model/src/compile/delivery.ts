import { cookieMatch } from '../read/delivery.ts'
import { escapeRe2 } from '../read/regex.ts'
import type { DeliveryModel, FunctionModel, RevisionModel } from '../read/models.ts'
import type { HeaderOperations, MeshRoute, RouteMatch, RouteTarget, StringMatch, WorkloadKey } from '../snapshot.ts'
import { functionBehind, revisionTarget, type Endpoints, type Reading } from './endpoints.ts'

/** What a canary's routes are made of. */
interface Parts {
  readonly delivery: DeliveryModel
  /** The candidate, where it exists. */
  readonly candidate: WorkloadKey
  /** The route of all calls, by the function's split. */
  readonly rest: MeshRoute
}

/**
 * A route whose calls all go to one host, not to a subset of it, and before it what the canary of the function there does. `endpoints`: of that host; `undefined`
 * where the route has no such host.
 */
export function delivered(reading: Reading, endpoints: Endpoints | undefined, rest: MeshRoute): readonly MeshRoute[] {
  const fn = endpoints === undefined ? undefined : functionBehind(reading, endpoints)
  if (endpoints === undefined || fn === undefined || rest.targets.every(({ workload }) => workload === undefined)) return [rest]
  return deliveryRoutes(fn, endpoints.revisions, rest)
}

/**
 * A route by a function's split, and before it what its canary does with the same calls: those that match, and those of clients that were with the candidate before,
 * go there; copies of calls go there; cookies are given out and taken back. What the route does beside that, it does in all of them.
 */
export function deliveryRoutes(fn: FunctionModel, revisions: readonly RevisionModel[], rest: MeshRoute): readonly MeshRoute[] {
  const { delivery } = fn
  if (delivery === undefined) return [rest]
  const { workload: candidate } = revisionTarget(fn, revisions, delivery.candidate)
  const expiring = delivery.expire === undefined ? [] : [expiringRoute(rest, delivery.expire.cookie)]
  if (candidate === undefined) return [...expiring, rest]
  const parts: Parts = { delivery, candidate, rest }
  return [...affinityRoutes(parts), ...matchRoutes(parts), ...expiring, ...mirrorRoutes(parts), withCookie(parts)]
}

/** The calls of a route that one of `conditions` holds for, too. */
function narrowed(rest: MeshRoute, name: string, conditions: readonly RouteMatch[]): MeshRoute {
  const matches = rest.matches.length === 0 ? conditions : rest.matches.flatMap((match) => conditions.map((condition) => bothHold(match, condition)))
  return { ...rest, name: rest.name === 'default' ? name : `${rest.name}-${name}`, matches }
}

/** Conditions of a canary are on headers and the method alone. */
function bothHold(match: RouteMatch, { headers, methods }: RouteMatch): RouteMatch {
  const all = { ...match, headers: [...match.headers, ...headers] }
  if (methods === undefined) return all
  return match.methods === undefined ? { ...all, methods } : { ...all, headers: [...all.headers, onMethod(methods)] }
}

function onMethod(methods: readonly StringMatch[]): RouteMatch['headers'][number] {
  const value = methods.flatMap((method) => (method.kind === 'exact' ? [escapeRe2(method.value)] : [])).join('|')
  return { name: ':method', match: { kind: 'regex', value }, invert: false }
}

/** The shares of one host have the same headers. */
function toCandidate({ candidate, rest }: Parts, name: string, conditions: readonly RouteMatch[]): MeshRoute {
  const { mirrors: _none, ...route } = narrowed(rest, name, conditions)
  const copies = othersThan(candidate, rest)
  const one = rest.targets.find(({ workload, weight }) => workload !== undefined && weight > 0)
  return { ...route, targets: [{ ...one, weight: 100, workload: candidate }], ...(copies.length === 0 ? {} : { mirrors: copies }) }
}

/** Copies that the route itself makes; none for whom the call goes to already. */
function othersThan(candidate: WorkloadKey, { mirrors = [] }: MeshRoute): NonNullable<MeshRoute['mirrors']> {
  return mirrors.filter(({ workload }) => workload !== candidate)
}

function matchRoutes(parts: Parts): readonly MeshRoute[] {
  return parts.delivery.matches.length === 0 ? [] : [toCandidate(parts, 'canary-match', parts.delivery.matches)]
}

/** A client that has the cookie of this run stays with the candidate, however the weights change. */
function affinityRoutes(parts: Parts): readonly MeshRoute[] {
  const { affinity } = parts.delivery
  if (affinity === undefined) return []
  return [toCandidate(parts, 'canary-session', [withCookieMatch(affinity.cookie, { kind: 'exact', value: affinity.value })])]
}

/** Who is answered by the candidate gets the cookie. */
function withCookie({ delivery: { affinity }, candidate, rest }: Parts): MeshRoute {
  if (affinity === undefined) return rest
  const cookie = `${affinity.cookie}=${affinity.value}; Max-Age=${affinity.maxAgeSeconds}; Path=/; HttpOnly`
  const targets = rest.targets.map((target): RouteTarget =>
    target.workload === candidate ? { ...target, responseHeaders: setCookie(target.responseHeaders, cookie) } : target,
  )
  return { ...rest, targets }
}

/** The run is over: its cookie is taken back from whoever still sends it. */
function expiringRoute(rest: MeshRoute, cookie: string): MeshRoute {
  const responseHeaders = setCookie(rest.responseHeaders, `${cookie}=; Max-Age=0; Path=/; HttpOnly`)
  return { ...narrowed(rest, 'canary-session-over', [withCookieMatch(cookie, { kind: 'present' })]), responseHeaders }
}

function setCookie(others: HeaderOperations = { set: [], add: [], remove: [] }, value: string): HeaderOperations {
  return { ...others, add: [...others.add, { name: 'set-cookie', value }] }
}

function withCookieMatch(cookie: string, value: StringMatch): RouteMatch {
  const match = cookieMatch(cookie, value)
  return { headers: match === undefined ? [] : [{ name: 'cookie', match, invert: false }], queryParameters: [] }
}

/** Copies of calls by these methods, beside those that the route makes itself; the others go their way alone. */
function mirrorRoutes({ delivery: { mirror }, candidate, rest }: Parts): readonly MeshRoute[] {
  if (mirror === undefined || mirror.methods.length === 0) return []
  const methods = mirror.methods.map((value): StringMatch => ({ kind: 'exact', value }))
  const mirrors = [...othersThan(candidate, rest), { workload: candidate, millionths: mirror.millionths }]
  return [{ ...narrowed(rest, 'canary-mirror', [{ methods, headers: [], queryParameters: [] }]), mirrors }]
}
