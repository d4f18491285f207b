import { retryConditions } from '@weft/api'
import { speaksHttp2 } from './clusters.ts'
import { brokenShare, refusedShare } from './broken-share.ts'
import type { HeaderOperations, MeshRoute, MeshWorkload, RetryPolicy, RouteMatch, RouteTarget } from '@weft/mesh-model'
import { addHeader, literal, STRANGERS_HEADERS, XFCC } from './headers.ts'
import { RESOLVE_FILTER } from './egress.ts'
import { GRPC_WEB_REQUEST } from './grpc-web.ts'
import { any, duration, extension, wrap } from './json.ts'
import { COUNT_HOP, LOOPED } from './loops.ts'
import { callIdleTimeout, directError } from './local-reply.ts'
import { headerMatcher, regexMatcher, routeMatch } from './matching.ts'
import type { PathPrefix } from './matching.ts'
import { MESH_HEADERS, MISSING_CLUSTER } from './names.ts'
import { isForwarded } from './outside-way.ts'
import type { OutsideWay } from './outside-way.ts'
import { answerOf, filterConfig, mirrorPolicies, needsCalleeListener, rewriteOf, rewriteVariants } from './route-actions.ts'
import { STREAM_REQUESTS } from './streams.ts'
import { hashPolicy } from './traffic.ts'
import type { Json, NodeLayout } from './types.ts'

/** Tells a client why its share of a route goes nowhere. */
export const REASON_HEADER = 'x-weft-reason'

/** RFC 9110 §9.2.2. */
const IDEMPOTENT_METHODS = 'GET|HEAD|OPTIONS|TRACE|PUT|DELETE'
const SAFE_RETRIES = ['connect-failure', 'refused-stream', 'reset-before-request']
/** What a VirtualService means that asks for retries and names no conditions (Istio, HTTPRetry.retryOn). */
const ISTIO_RETRIES = 'connect-failure,refused-stream,unavailable,cancelled'
const INFRASTRUCTURE_ATTEMPTS = 3

/** Which calls an Envoy route takes when one of ours is written twice. */
interface Variant {
  readonly headers: readonly Json[]
  readonly idempotent: boolean
  /** By the callee's inbound listener, also where other calls go straight to its endpoint. */
  readonly throughListener?: true
}

const IDEMPOTENT: readonly Variant[] = [
  { headers: [{ name: ':method', string_match: regexMatcher(IDEMPOTENT_METHODS) }], idempotent: true },
  { headers: [headerMatcher('idempotency-key', { kind: 'present' })], idempotent: true },
]
const OTHERS: Variant = { headers: [], idempotent: false }
/** Streams take the callee's inbound listener also where other calls need not: it knows them as long as they are open. */
const STREAMS: readonly Variant[] = STREAM_REQUESTS.map(byListener)
/** Calls in a circle are refused there. */
const CIRCLE = byListener(LOOPED)
/** gRPC of browsers is made gRPC there. */
const GRPC_WEB = byListener(GRPC_WEB_REQUEST)

function byListener(asked: Json): Variant {
  return { headers: [asked], idempotent: false, throughListener: true }
}

/** Every call, split by whether it may be sent again after a reset. Idempotent first: the last variant takes what is left. */
export function retryVariants(): readonly Variant[] {
  return [...IDEMPOTENT, OTHERS]
}

/** How to try again. `toReplicas`: the hop chooses among replicas, so that another one is tried, and then the hold listener (the next priority, from the second retry on). */
export function retryPolicy(idempotent: boolean, toReplicas: boolean, asked?: RetryPolicy): Json {
  const attempts = asked?.attempts ?? INFRASTRUCTURE_ATTEMPTS
  const { conditions, statuses } = conditionsOf(idempotent, asked)
  const byStatus = statuses.length === 0 ? [] : ['retriable-status-codes']
  const on = [...new Set([...SAFE_RETRIES, ...(idempotent ? ['reset'] : []), ...conditions, ...byStatus])].join(',')
  const backoffMs = asked?.backoffMs ?? 5
  const elsewhere = {
    retry_priority: extension('envoy.retry_priorities.previous_priorities', 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
      update_frequency: 2,
    }),
    retry_host_predicate: [extension('envoy.retry_host_predicates.previous_hosts', 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate')],
    host_selection_retry_max_attempts: 3,
  }
  return {
    retry_on: on,
    num_retries: wrap(attempts),
    retry_back_off: { base_interval: duration(backoffMs), max_interval: duration(Math.max(100, backoffMs * 10)) },
    ...(statuses.length === 0 ? {} : { retriable_status_codes: statuses }),
    ...(asked?.perTryTimeoutMs === undefined ? {} : { per_try_timeout: duration(asked.perTryTimeoutMs) }),
    ...(toReplicas ? elsewhere : {}),
  }
}

/** What gRPC services answer when they did nothing, or what the author of the route takes for that: such an answer says so itself, so that no method has to. */
const GRPC_CONDITIONS: ReadonlySet<string> = new Set(['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'])

function conditionsOf(idempotent: boolean, asked: RetryPolicy | undefined): { readonly conditions: readonly string[]; readonly statuses: readonly number[] } {
  if (asked === undefined) return { conditions: [], statuses: [] }
  const { conditions, statuses } = retryConditions(asked.retryOn ?? ISTIO_RETRIES)
  return idempotent ? { conditions, statuses } : { conditions: conditions.filter((word) => GRPC_CONDITIONS.has(word)), statuses: [] }
}

/** One way to a workload, as the caller's side of the compiler chose it. */
export interface Leg {
  readonly cluster: string
  /** `undefined`: outside of the mesh. */
  readonly workload?: MeshWorkload
  readonly outside?: OutsideWay
  /** One hop: this route chooses the replica and enforces the callee's policy. */
  readonly direct?: { readonly policy: Json; readonly xfcc: string }
}

/** What a leg leads to. */
export type LegTarget = Pick<RouteTarget, 'workload' | 'external'>

/** What routes of a host are written for. */
export interface RouteContext {
  /** Whether the caller's own listener verifies tokens, by whose claims routes may be chosen. */
  readonly verifiesTokens?: boolean
  readonly layout: NodeLayout
  readonly prefix: PathPrefix
  readonly port: number
  readonly callerNamespace: string
  /** `undefined`: a caller without labels (the ingress). */
  readonly callerLabels: Readonly<Record<string, string>> | undefined
  /** How the caller reaches a workload; `undefined` when it is not there. */
  readonly leg: (target: LegTarget, throughListener: boolean) => Leg | undefined
}

/** A name with routes. */
export interface Routed {
  /** As people write it. */
  readonly name: string
  readonly routes: readonly MeshRoute[]
}

/** Envoy's routes for a host, in order. Calls that none of them takes are answered 404 (no route). */
export function encodeRoutes(host: Routed, context: RouteContext): readonly Json[] {
  return host.routes.flatMap((route) => encodeRoute(host, route, context))
}

function encodeRoute(host: Routed, route: MeshRoute, context: RouteContext): readonly Json[] {
  const matches: readonly (RouteMatch | undefined)[] = route.matches.length === 0 ? [undefined] : route.matches.filter((match) => callerFits(match, context))
  if (route.answer !== undefined) {
    const { answer } = route
    const more = answer.kind === 'refusal' ? {} : { response_headers_to_add: added(route.responseHeaders), ...filterConfig(route) }
    return matches.map((match) => ({ name: route.name, match: routeMatch(match, context.prefix), ...answerOf(answer, match?.path, context.prefix), ...more }))
  }
  const broken = brokenShare(route)
  const sound = route.targets.filter((target) => target.missingStatus === undefined)
  const legsOf = (throughListener: boolean): Legs => sound.map((target) => ({ target, leg: context.leg(target, throughListener) }))
  const legs = legsOf(needsCalleeListener(route))
  const direct = legs.some(({ leg }) => leg?.direct !== undefined)
  const listenerLegs = direct ? legsOf(true) : legs
  const split = route.retries?.attempts !== 0 && (route.retries !== undefined || direct)
  const web = direct && legs.some(({ leg }) => leg?.workload?.protocol === 'grpc') ? [GRPC_WEB] : []
  const variants = [...(direct ? [CIRCLE, ...STREAMS] : []), ...web, ...(split ? retryVariants() : [OTHERS])]
  const refused = (match: RouteMatch | undefined) => (broken === undefined ? [] : [refusedShare(host, route, broken, routeMatch(match, context.prefix))])
  if (broken?.whole === true) return matches.flatMap(refused)
  return matches.flatMap((match) => [
    ...refused(match),
    ...rewriteVariants(route.rewrite, context.prefix).flatMap((rewriting) =>
      variants.map((variant) => ({
        name: route.name,
        match: routeMatch(match, context.prefix, [...rewriting.headers, ...variant.headers]),
        ...action(host, route, variant.throughListener ? listenerLegs : legs, variant.idempotent, {
          ...context,
          rewrite: rewriteOf(rewriting.rewrite, match?.path, context.prefix),
        }),
      })),
    ),
  ])
}

function callerFits(match: RouteMatch, context: RouteContext): boolean {
  if (match.port !== undefined && match.port !== context.port) return false
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== context.callerNamespace) return false
  if (context.verifiesTokens !== true && (match.claims ?? []).some(({ invert }) => !invert)) return false
  const labels = context.callerLabels ?? {}
  return Object.entries(match.sourceLabels ?? {}).every(([name, value]) => labels[name] === value)
}

type Legs = readonly { readonly target: RouteTarget; readonly leg: Leg | undefined }[]

function action(host: Routed, route: MeshRoute, legs: Legs, idempotent: boolean, context: RouteContext & { readonly rewrite: Json }): Json {
  const weighted = legs.filter(({ target }) => target.weight > 0)
  const [first] = weighted
  if (first === undefined || weighted.every(({ leg }) => leg === undefined)) {
    const reason = first === undefined ? 'no target of the route has a share' : (first.target.missing ?? 'the target does not exist')
    return directError('TARGET_MISSING', { host: host.name, reason })
  }
  const direct = weighted.some(({ leg }) => leg?.direct !== undefined)
  return {
    route: {
      ...clusters(weighted),
      ...timeouts(route, weighted, context.layout),
      ...hashOf(first.leg),
      ...context.rewrite,
      ...mirrorPolicies(route.mirrors, (mirror) => context.leg(mirror, true)?.cluster),
      ...(route.retries?.attempts === 0 ? {} : { retry_policy: { ...retryPolicy(idempotent, direct, route.retries), ...tryTimeout(route) } }),
    },
    ...headerChanges(route),
    ...withConfig(filterConfig(route), forwardedName(route, weighted)),
  }
}

/** Consistent hashing, where this hop chooses the place. */
function hashOf(leg: Leg | undefined): Json {
  if (leg?.outside !== undefined) return hashPolicy({ traffic: leg.outside.settings.traffic })
  return leg?.direct !== undefined && leg.workload !== undefined ? hashPolicy(leg.workload) : {}
}

/** The filter that resolves names must look at the host that the call will have. */
function forwardedName(route: MeshRoute, legs: Legs): Json {
  const authority = route.rewrite?.authority
  const forwarded = authority !== undefined && legs.some(({ leg }) => leg?.outside !== undefined && isForwarded(leg.outside))
  return forwarded
    ? { [RESOLVE_FILTER]: any('envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig', { host_rewrite_literal: authority }) }
    : {}
}

function withConfig(config: Json, more: Json): Json {
  const { typed_per_filter_config: own } = config
  return Object.keys(more).length === 0 ? config : { typed_per_filter_config: { ...(own as Json | undefined), ...more } }
}

function clusters(weighted: Legs): Json {
  return {
    weighted_clusters: {
      clusters: weighted.map(({ target, leg }) => ({ weight: wrap(target.weight), ...(leg === undefined ? missingShare(target) : share(target, leg)) })),
    },
  }
}

function missingShare(target: RouteTarget): Json {
  return {
    name: MISSING_CLUSTER,
    response_headers_to_add: [addHeader(REASON_HEADER, literal(target.missing ?? 'the target does not exist'), 'OVERWRITE_IF_EXISTS_OR_ADD')],
  }
}

function share(target: RouteTarget, leg: Leg): Json {
  const direct = leg.direct === undefined ? [] : [addHeader(XFCC, leg.direct.xfcc, 'OVERWRITE_IF_EXISTS_OR_ADD'), COUNT_HOP]
  return {
    name: leg.cluster,
    request_headers_to_add: [...added(target.requestHeaders), ...direct],
    // What our proxies tell each other is nobody else's business.
    request_headers_to_remove: [...removed(target.requestHeaders), ...(leg.outside === undefined ? [] : Object.values(MESH_HEADERS))],
    response_headers_to_add: added(target.responseHeaders),
    response_headers_to_remove: removed(target.responseHeaders),
    ...(leg.direct === undefined ? {} : { typed_per_filter_config: leg.direct.policy }),
  }
}

/**
 * A time-out that somebody wrote is the whole call's. Otherwise the runtime ends calls at the workload's time-out, and the proxy only those on which
 * nothing moves for longer than that (so that streams live).
 */
function timeouts(route: MeshRoute, legs: Legs, layout: NodeLayout): Json {
  return { ...ownTimeouts(route, legs, layout), ...deadlines(legs) }
}

/** A caller of gRPC says itself how long it waits (`grpc-timeout`): then the call ends everywhere, with DEADLINE_EXCEEDED. */
function deadlines(legs: Legs): Json {
  const some = legs.some(({ leg }) => leg?.workload !== undefined && speaksHttp2(leg.workload))
  return some ? { max_stream_duration: { grpc_timeout_header_max: duration(0) } } : {}
}

function ownTimeouts(route: MeshRoute, legs: Legs, layout: NodeLayout): Json {
  const longest = Math.max(...legs.map(({ leg }) => leg?.workload?.timeoutMs ?? 0))
  if (route.timeoutMs !== undefined && route.timeoutMs > 0) return { timeout: duration(route.timeoutMs), idle_timeout: duration(0) }
  if (legs.every(({ leg }) => leg?.workload === undefined || leg.workload.gateway !== undefined))
    return { timeout: duration(0), idle_timeout: duration(layout.limits.streamIdleTimeoutMs) }
  return { timeout: duration(0), idle_timeout: callIdleTimeout(longest, layout.activationTimeoutMs, layout.timeoutGraceMs) }
}

function tryTimeout({ tryTimeoutMs }: MeshRoute): Json {
  return tryTimeoutMs === undefined ? {} : { per_try_timeout: duration(tryTimeoutMs) }
}

function headerChanges(route: MeshRoute): Json {
  const noRetry = route.retries?.attempts === 0 ? [addHeader(MESH_HEADERS.retry, 'none', 'OVERWRITE_IF_EXISTS_OR_ADD')] : []
  return {
    request_headers_to_add: [...added(route.requestHeaders), ...noRetry],
    request_headers_to_remove: removed(route.requestHeaders),
    response_headers_to_add: added(route.responseHeaders),
    response_headers_to_remove: removed(route.responseHeaders),
  }
}

/** Headers by which proxies speak to each other are not a user's to set or remove. */
function ofUser({ name }: { readonly name: string }): boolean {
  return !STRANGERS_HEADERS.includes(name.toLowerCase())
}

function added(operations: HeaderOperations | undefined): readonly Json[] {
  return [
    ...(operations?.set ?? []).filter(ofUser).map(({ name, value }) => addHeader(name, literal(value), 'OVERWRITE_IF_EXISTS_OR_ADD', true)),
    ...(operations?.add ?? []).filter(ofUser).map(({ name, value }) => addHeader(name, literal(value), 'APPEND_IF_EXISTS_OR_ADD', true)),
  ]
}

function removed(operations: HeaderOperations | undefined): readonly string[] {
  return (operations?.remove ?? []).filter((name) => ofUser({ name }))
}
