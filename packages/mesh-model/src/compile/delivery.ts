import { cookieMatch } from '../read/delivery.ts'
import type { DeliveryModel, FunctionModel, RevisionModel } from '../read/models.ts'
import type { HeaderOperations, MeshRoute, RouteMatch, RouteTarget, StringMatch, WorkloadKey } from '../snapshot.ts'
import { revisionTarget } from './endpoints.ts'

/** What a canary's routes are made of. */
interface Parts {
  readonly fn: FunctionModel
  readonly delivery: DeliveryModel
  /** The candidate, where it exists. */
  readonly candidate: WorkloadKey
  /** The route of all calls, by the function's split. */
  readonly rest: MeshRoute
}

/**
 * The route of all calls to a function, and before it what its canary does: calls that match, and clients that were with the candidate before, go there; copies of
 * calls go there; cookies are given out and taken back.
 */
export function deliveryRoutes(fn: FunctionModel, revisions: readonly RevisionModel[], rest: MeshRoute): readonly MeshRoute[] {
  const { delivery } = fn
  if (delivery === undefined) return [rest]
  const { workload: candidate } = revisionTarget(fn, revisions, delivery.candidate)
  const expiring = delivery.expire === undefined ? [] : [expiringRoute(fn, rest, delivery.expire.cookie)]
  if (candidate === undefined) return [...expiring, rest]
  const parts: Parts = { fn, delivery, candidate, rest }
  return [...affinityRoutes(parts), ...matchRoutes(parts), ...expiring, ...mirrorRoutes(parts), withCookie(parts)]
}

function toCandidate({ fn, candidate }: Parts, name: string, matches: readonly RouteMatch[]): MeshRoute {
  return { name, matches, targets: [{ weight: 100, workload: candidate }], origin: fn.ref }
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
  const responseHeaders = setCookie(`${affinity.cookie}=${affinity.value}; Max-Age=${affinity.maxAgeSeconds}; Path=/; HttpOnly`)
  const targets = rest.targets.map((target): RouteTarget => (target.workload === candidate ? { ...target, responseHeaders } : target))
  return { ...rest, targets }
}

/** The run is over: its cookie is taken back from whoever still sends it. */
function expiringRoute(fn: FunctionModel, rest: MeshRoute, cookie: string): MeshRoute {
  const matches = [withCookieMatch(cookie, { kind: 'present' })]
  return { ...rest, name: 'canary-session-over', matches, responseHeaders: setCookie(`${cookie}=; Max-Age=0; Path=/; HttpOnly`), origin: fn.ref }
}

function setCookie(value: string): HeaderOperations {
  return { set: [], add: [{ name: 'set-cookie', value }], remove: [] }
}

function withCookieMatch(cookie: string, value: StringMatch): RouteMatch {
  const match = cookieMatch(cookie, value)
  return { headers: match === undefined ? [] : [{ name: 'cookie', match, invert: false }], queryParameters: [] }
}

/** Copies of calls by these methods; the others go their way alone. */
function mirrorRoutes({ delivery: { mirror }, candidate, rest }: Parts): readonly MeshRoute[] {
  if (mirror === undefined || mirror.methods.length === 0) return []
  const methods = mirror.methods.map((value): StringMatch => ({ kind: 'exact', value }))
  const mirrors = [{ workload: candidate, millionths: mirror.millionths }]
  return [{ ...rest, name: 'canary-mirror', matches: [{ methods, headers: [], queryParameters: [] }], mirrors }]
}
