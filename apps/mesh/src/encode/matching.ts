import type { RouteMatch, RoutePath, StringMatch } from '@weft/mesh-model'
import { escapeRe2 } from '@weft/mesh-model'
import type { Json } from './types.ts'

/** An Envoy `StringMatcher` for a text. */
export function stringMatcher(match: StringMatch, ignoreCase = false): Json {
  switch (match.kind) {
    case 'exact':
      return { exact: match.value, ignore_case: ignoreCase }
    case 'prefix':
      return match.value === '' ? anyText : { prefix: match.value, ignore_case: ignoreCase }
    case 'suffix':
      return match.value === '' ? anyText : { suffix: match.value, ignore_case: ignoreCase }
    case 'regex':
      return regexMatcher(ignoreCase ? `(?i:${match.value})` : match.value)
    case 'present':
      return regexMatcher('.+')
    default:
      return match satisfies never
  }
}

const anyText = regexMatcher('.*')

/** A `StringMatcher` by RE2 over the whole text. */
export function regexMatcher(regex: string): Json {
  return { safe_regex: { regex } }
}

/** RE2 that matches what `match` matches in a text. */
export function stringRegex(match: StringMatch): string {
  switch (match.kind) {
    case 'exact':
      return escapeRe2(match.value)
    case 'prefix':
      return `${escapeRe2(match.value)}.*`
    case 'suffix':
      return `.*${escapeRe2(match.value)}`
    case 'regex':
      return `(?:${match.value})`
    case 'present':
      return '.+'
    default:
      return match satisfies never
  }
}

/**
 * What stands before the path that a function sees: RE2 over the path as the proxy sees it, and whether the bare prefix (`/function/NAME`) is there
 * for `/`. `undefined`: the function sees the path as it is.
 */
export type PathPrefix = '/function/[^/]+' | undefined

/** The prefix of the ingress; the scope of the route configuration says which names can stand in it. */
export const INGRESS_PREFIX = '/function/[^/]+'

/** RE2 over the proxy's path for a condition on the function's path. */
export function prefixedPathRegex(match: RoutePath): string {
  if (match.kind === 'segments') return INGRESS_PREFIX + segmentsRegex(match.value)
  const rest = match.kind === 'suffix' || match.kind === 'present' ? `/.*` : undefined
  if (match.kind === 'present') return `${INGRESS_PREFIX}(?:/.*)?`
  const bare = matchesRoot(match) ? `(?:${stringRegex(match)})?` : stringRegex(match)
  if (match.kind !== 'suffix') return INGRESS_PREFIX + bare
  const suffix = match.value.startsWith('/') ? `(?:${rest})?${escapeRe2(match.value)}` : `${rest}${escapeRe2(match.value)}`
  return INGRESS_PREFIX + (matchesRoot(match) ? `(?:${suffix})?` : suffix)
}

/** RE2 of whole segments and what is below them. */
function segmentsRegex(segments: string): string {
  return `${escapeRe2(segments)}(?:/.*)?`
}

/** Whether the condition holds for `/`, which is what a function sees of a call to its bare name. */
function matchesRoot(match: StringMatch): boolean {
  switch (match.kind) {
    case 'exact':
      return match.value === '/'
    case 'prefix':
      return '/'.startsWith(match.value)
    case 'suffix':
      return '/'.endsWith(match.value)
    case 'present':
      return true
    case 'regex':
      return regexMatchesRoot(match.value)
    default:
      return match satisfies never
  }
}

/** A pattern that JavaScript cannot read (RE2 knows some that it does not) is taken not to match the bare name. */
function regexMatchesRoot(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test('/')
  } catch {
    return false
  }
}

/** Envoy's path part of a route match. */
export function pathMatch(path: RouteMatch['path'], prefix: PathPrefix): Json {
  if (prefix !== undefined) {
    if (path === undefined) return { prefix: '/' }
    const regex = prefixedPathRegex(path.match)
    return { safe_regex: { regex: path.ignoreCase ? `(?i:${regex})` : regex } }
  }
  if (path === undefined) return { prefix: '/' }
  const { match, ignoreCase } = path
  const sensitive = ignoreCase ? { case_sensitive: { value: false } } : {}
  if (match.kind === 'exact') return { path: match.value, ...sensitive }
  if (match.kind === 'prefix') return { prefix: match.value === '' ? '/' : match.value, ...sensitive }
  if (match.kind === 'present' || (match.kind === 'segments' && match.value === '')) return { prefix: '/' }
  if (match.kind === 'segments') return { path_separated_prefix: match.value, ...sensitive }
  const regex = stringRegex(match)
  return { safe_regex: { regex: ignoreCase ? `(?i:${regex})` : regex } }
}

/** A header condition. An absent header does not match, so that it matches when inverted. */
export function headerMatcher(name: string, match: StringMatch, invert = false): Json {
  return { name, string_match: stringMatcher(match), ...(invert ? { invert_match: true, treat_missing_header_as_empty: true } : {}) }
}

/** Any of several methods. */
export function methodMatcher(methods: readonly StringMatch[]): Json {
  const [only] = methods
  if (methods.length === 1 && only !== undefined) return headerMatcher(':method', only)
  return { name: ':method', string_match: regexMatcher(methods.map(stringRegex).join('|')) }
}

/** On the host without its port, whatever its case. */
function authorityMatcher(match: StringMatch): Json {
  return { name: ':authority', string_match: regexMatcher(`(?i:${stringRegex(match)})(?::[0-9]*)?`) }
}

/** Envoy's `RouteMatch` for one of ours, without the parts on the caller (they are decided when routes are made). */
export function routeMatch(match: RouteMatch | undefined, prefix: PathPrefix, extraHeaders: readonly Json[] = []): Json {
  const headers = [
    ...(match?.scheme === undefined ? [] : [headerMatcher(':scheme', match.scheme)]),
    ...(match?.authority === undefined ? [] : [authorityMatcher(match.authority)]),
    ...(match?.methods === undefined ? [] : [methodMatcher(match.methods)]),
    ...(match?.headers ?? []).map((header) => headerMatcher(header.name, header.match, header.invert)),
    ...extraHeaders,
  ]
  const query = (match?.queryParameters ?? []).map(({ name, match: value }) => ({ name, string_match: stringMatcher(value) }))
  const claims = (match?.claims ?? []).map(({ path, match: value, invert }) => ({ ...claimMatcher(path, value), invert }))
  return {
    ...pathMatch(match?.path, prefix),
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query_parameters: query }),
    ...(claims.length === 0 ? {} : { dynamic_metadata: claims }),
  }
}

/** Where the verified JWT stands while a call is under way. */
export const JWT_FILTER = 'envoy.filters.http.jwt_authn'
export const JWT_PAYLOAD = 'payload'

/** An Envoy `MetadataMatcher` for a claim of the verified token: a text, or a list with such a text. */
export function claimMatcher(path: readonly string[], match: StringMatch): Json {
  const text = { string_match: stringMatcher(match) }
  return { ...claimOf(path), value: { or_match: { value_matchers: [text, { list_match: { one_of: text } }] } } }
}

/** Where a claim stands. */
export function claimOf(path: readonly string[]): Json {
  return { filter: JWT_FILTER, path: [JWT_PAYLOAD, ...path].map((key) => ({ key })) }
}
