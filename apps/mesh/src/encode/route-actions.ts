import type { Cors, Fault, FixedAnswer, MeshRoute, Mirror, Redirect, Rewrite, RouteMatch } from '@weft/mesh-model'
import { any, duration, escapeRegex, extension } from './json.ts'
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
 * path it would see what the caller sent. Retries that a user asked for have their budget there.
 */
export function needsCalleeListener(route: MeshRoute): boolean {
  const changed = route.requestHeaders !== undefined || route.targets.some(({ requestHeaders }) => requestHeaders !== undefined)
  return changed || route.rewrite !== undefined || (route.retries?.attempts ?? 0) > 0
}

// -- answers of the proxy -------------------------------------------------------------------------------------------------

const REDIRECT_CODES = { 301: 'MOVED_PERMANENTLY', 302: 'FOUND', 303: 'SEE_OTHER', 307: 'TEMPORARY_REDIRECT', 308: 'PERMANENT_REDIRECT' } as const

/** Envoy's action of a route without targets. */
export function answerOf(answer: Redirect | FixedAnswer, prefix: PathPrefix): Json {
  if (answer.kind === 'redirect') return { redirect: redirectOf(answer, prefix) }
  const { status, body } = answer
  if (body === undefined) return { direct_response: { status } }
  return { direct_response: { status, body: body.kind === 'text' ? { inline_string: body.value } : { inline_bytes: body.value } } }
}

function redirectOf({ status, path, authority, scheme, port }: Redirect, prefix: PathPrefix): Json {
  return {
    response_code: REDIRECT_CODES[status],
    ...(path === undefined ? {} : redirectPath(path, authority === undefined ? prefix : undefined)),
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
  if (prefix === undefined) return { prefix_rewrite: to.value }
  const whole = path !== undefined && path.match.kind !== 'prefix'
  return regexRewrite(whole ? `^${prefix}.*$` : `^${prefix}/*${prefixRest(path)}`, literalSubstitution(to.value))
}

/** RE2 of the prefix that matched, without its first slash. */
function prefixRest(path: RouteMatch['path']): string {
  if (path?.match.kind !== 'prefix') return ''
  const rest = escapeRegex(path.match.value.replace(/^\//, ''))
  return path.ignoreCase ? `(?i:${rest})` : rest
}

function regexRewrite(regex: string, substitution: string): Json {
  return { regex_rewrite: { pattern: { regex }, substitution } }
}

function literalSubstitution(text: string): string {
  return text.replaceAll('\\', '\\\\')
}

// -- copies, faults, CORS ---------------------------------------------------------------------------------------------------

function fraction(millionths: number): Json {
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
