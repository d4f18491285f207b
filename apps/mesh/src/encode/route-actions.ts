import { escapeRe2 } from '@weft/mesh-model'
import type { Cors, Fault, FixedAnswer, MeshRoute, Mirror, Redirect, Refusal, Rewrite, RouteMatch } from '@weft/mesh-model'
import { any, duration, extension } from './json.ts'
import { directError } from './local-reply.ts'
import { regexMatcher, stringMatcher } from './matching.ts'
import type { PathPrefix } from './matching.ts'
import type { Json } from './types.ts'

const CORS_FILTER = 'envoy.filters.http.cors'
const FAULT_FILTER = 'envoy.filters.http.fault'

/** Filters of every listener that callers come to; they do what the route of a call says. */
export function callerFilters(): readonly Json[] {
  return [extension(CORS_FILTER, 'envoy.extensions.filters.http.cors.v3.Cors'), extension(FAULT_FILTER, 'envoy.extensions.filters.http.fault.v3.HTTPFault')]
}

/**
 * Whether calls must go through the callee's inbound listener on the direct path too: policy there sees what the route made of the call, and on the direct
 * path it would see what the caller sent. Retries that a user asked for have their budget there; and a try that took too long is not made again by replicas' rules.
 */
export function needsCalleeListener(route: MeshRoute): boolean {
  const changed = route.requestHeaders !== undefined || route.targets.some(({ requestHeaders }) => requestHeaders !== undefined)
  return changed || route.rewrite !== undefined || route.tryTimeoutMs !== undefined || (route.retries?.attempts ?? 0) > 0
}

// -- answers of the proxy -------------------------------------------------------------------------------------------------

const REDIRECT_CODES = { 301: 'MOVED_PERMANENTLY', 302: 'FOUND', 303: 'SEE_OTHER', 307: 'TEMPORARY_REDIRECT', 308: 'PERMANENT_REDIRECT' } as const

/** Envoy's action of a route without targets, for calls that fulfil the condition `path`. */
export function answerOf(answer: Redirect | FixedAnswer | Refusal, path: RouteMatch['path'], prefix: PathPrefix): Json {
  if (answer.kind === 'redirect') return { redirect: redirectOf(answer, path, prefix) }
  if (answer.kind === 'refusal') return directError('ROUTE_NOT_FOUND', { path: answer.reason })
  const { status, body } = answer
  if (body === undefined) return { direct_response: { status } }
  return { direct_response: { status, body: body.kind === 'text' ? { inline_string: body.value } : { inline_bytes: body.value } } }
}

function redirectOf({ status, path, pathPrefix, authority, scheme, port }: Redirect, match: RouteMatch['path'], prefix: PathPrefix): Json {
  return {
    response_code: REDIRECT_CODES[status],
    ...(path === undefined ? {} : redirectPath(path, authority === undefined ? prefix : undefined)),
    ...(pathPrefix === undefined ? {} : redirectSegments(pathPrefix, match, { prefix, stays: authority === undefined })),
    ...(authority === undefined ? {} : { host_redirect: authority }),
    ...(scheme === undefined ? {} : { scheme_redirect: scheme }),
    ...(port === undefined ? {} : { port_redirect: port }),
  }
}

/** Behind the ingress, a path of the same host is one of the same function. */
function redirectPath(path: string, prefix: PathPrefix): Json {
  if (prefix === undefined) return { path_redirect: path }
  return { regex_rewrite: { pattern: { regex: `^(${prefix}).*$` }, substitution: `\\1${literalSubstitution(path)}` } }
}

/** Another beginning of the path; behind the ingress it stays with the same function where the host does. */
function redirectSegments(to: string, match: RouteMatch['path'], { prefix, stays }: { readonly prefix: PathPrefix; readonly stays: boolean }): Json {
  if (prefix === undefined || !stays) return segmentsRewrite(to, match, prefix ?? '')
  const slashes = to === '' ? '/*' : ''
  return regexRewrite(`^(${prefix})${segmentsOf(match)}${slashes}`, `\\1${literalSubstitution(to === '' ? '/' : to)}`)
}

// -- rewrites -------------------------------------------------------------------------------------------------------------

/** What calls a rewrite is for, when one of our routes is written twice. */
interface RewriteVariant {
  readonly headers: readonly Json[]
  readonly rewrite: Rewrite | undefined
}

/**
 * A regular expression behind the ingress takes the function's name off in the same step, so that calls that it does not match need a route of their own,
 * which does just that.
 */
export function rewriteVariants(rewrite: Rewrite | undefined, prefix: PathPrefix): readonly RewriteVariant[] {
  if (prefix === undefined || rewrite?.path?.kind !== 'regex') return [{ headers: [], rewrite }]
  const { pattern } = rewrite.path
  const ends = /(?<!\\)\$$/.test(pattern)
  const whole = ends ? `${prefix}(?:${pattern.slice(1, -1)})(?:\\?.*)?` : `${prefix}(?:${pattern.slice(1)}).*`
  const { path: _path, ...rest } = rewrite
  return [
    { headers: [{ name: ':path', string_match: regexMatcher(whole) }], rewrite },
    { headers: [], rewrite: rest },
  ]
}

/** Envoy's rewrites of a route with the condition `path`, the prefix of the ingress taken off. */
export function rewriteOf(rewrite: Rewrite | undefined, path: RouteMatch['path'], prefix: PathPrefix): Json {
  return { ...pathRewrite(rewrite?.path, path, prefix), ...(rewrite?.authority === undefined ? {} : { host_rewrite_literal: rewrite.authority }) }
}

function pathRewrite(to: Rewrite['path'], path: RouteMatch['path'], prefix: PathPrefix): Json {
  if (to === undefined) return prefix === undefined ? {} : regexRewrite(`^${prefix}/*`, '/')
  if (to.kind === 'regex') return regexRewrite(prefix === undefined ? to.pattern : `^${prefix}(?:${to.pattern.slice(1)})`, to.substitution)
  if (to.kind === 'whole') return regexRewrite('^.*$', literalSubstitution(to.value))
  if (to.kind === 'segments') return segmentsRewrite(to.value, path, prefix ?? '')
  if (prefix === undefined) return { prefix_rewrite: to.value }
  const whole = path !== undefined && path.match.kind !== 'prefix' && path.match.kind !== 'segments'
  return regexRewrite(whole ? `^${prefix}.*$` : `^${prefix}/*${prefixRest(path)}`, literalSubstitution(to.value))
}

/** RE2 of the prefix that matched, without its first slash. */
function prefixRest(path: RouteMatch['path']): string {
  if (path?.match.kind !== 'prefix') return ''
  const rest = escapeRe2(path.match.value.replace(/^\//, ''))
  return path.ignoreCase ? `(?i:${rest})` : rest
}

/** `to` in place of the segments that matched; what follows them stays, and a path always begins with a slash. */
function segmentsRewrite(to: string, path: RouteMatch['path'], prefix: string): Json {
  const from = `^${prefix}${segmentsOf(path)}`
  return to === '' ? regexRewrite(`${from}/*`, '/') : regexRewrite(from, literalSubstitution(to))
}

/** RE2 of the segments that matched. */
function segmentsOf(path: RouteMatch['path']): string {
  return path?.match.kind === 'segments' ? escapeRe2(path.match.value) : ''
}

function regexRewrite(regex: string, substitution: string): Json {
  return { regex_rewrite: { pattern: { regex }, substitution } }
}

function literalSubstitution(text: string): string {
  return text.replaceAll('\\', '\\\\')
}

// -- copies, faults, CORS ---------------------------------------------------------------------------------------------------

/** A share in millionths as Envoy has it. */
export function fraction(millionths: number): Json {
  return { numerator: millionths, denominator: 'MILLION' }
}

/** Envoy's mirrors; a copy for a workload that is not there is not made. */
export function mirrorPolicies(mirrors: readonly Mirror[] | undefined, clusterOf: (mirror: Mirror) => string | undefined): Json {
  const policies = (mirrors ?? []).flatMap((mirror) => {
    const cluster = clusterOf(mirror)
    return cluster === undefined ? [] : [{ cluster, runtime_fraction: { default_value: fraction(mirror.millionths) } }]
  })
  return policies.length === 0 ? {} : { request_mirror_policies: policies }
}

/** What {@link callerFilters} do with calls of a route. */
export function filterConfig({ fault, cors }: MeshRoute): Json {
  if (fault === undefined && cors === undefined) return {}
  return {
    typed_per_filter_config: {
      ...(cors === undefined ? {} : { [CORS_FILTER]: corsPolicy(cors) }),
      ...(fault === undefined ? {} : { [FAULT_FILTER]: faultConfig(fault) }),
    },
  }
}

function faultConfig({ delay, abort }: Fault): Json {
  return any('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    ...(delay === undefined ? {} : { delay: { fixed_delay: duration(delay.ms), percentage: fraction(delay.millionths) } }),
    ...(abort === undefined ? {} : { abort: { [`${abort.status.kind}_status`]: abort.status.code, percentage: fraction(abort.millionths) } }),
  })
}

function corsPolicy(cors: Cors): Json {
  return any('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
    allow_origin_string_match: cors.origins.map((origin) => stringMatcher(origin)),
    allow_methods: cors.methods.join(','),
    allow_headers: cors.headers.join(','),
    expose_headers: cors.exposed.join(','),
    ...(cors.maxAgeMs === undefined ? {} : { max_age: String(Math.round(cors.maxAgeMs / 1000)) }),
    ...(cors.credentials === undefined ? {} : { allow_credentials: { value: cors.credentials } }),
    forward_not_matching_preflights: { value: cors.forwardUnmatched },
  })
}
