import { parseDurationMs } from '@weft/core'
import type { GrpcRouteMatch, GrpcRouteSpec } from '../gateway-api/grpc-route.ts'
import type { HttpRouteFilter, HttpRouteMatch, HttpRouteRule, HttpRouteSpec, PathModifier } from '../gateway-api/http-route.ts'
import { GATEWAY_API, type BackendReference, type HeaderModifier, type RouteParent } from '../gateway-api/shared.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { re2Problem } from './re2.ts'
import { RESERVED_HEADER } from './traffic.ts'

type Indexed<T> = readonly (readonly [T, string])[]

function each<T>(list: readonly T[] | undefined, path: string): Indexed<T> {
  return (list ?? []).map((item, index) => [item, child(path, index)])
}

/** All matches of a route together, as the Gateway API has it. */
const MAX_MATCHES = 128

/** What the schema of an HTTPRoute cannot say. */
export function checkHttpRoute(spec: HttpRouteSpec): readonly Violation[] {
  return [
    ...checkParents(spec.parentRefs),
    ...checkCount(spec.rules),
    ...each(spec.rules, 'spec.rules').flatMap(([rule, path]) => [
      ...each(rule.matches, `${path}.matches`).flatMap(([match, at]) => checkHttpMatch(match, at)),
      ...checkFilters(rule.filters, `${path}.filters`),
      ...checkPathChanges(rule, path),
      ...checkTimeouts(rule.timeouts, `${path}.timeouts`),
      ...checkBackends(rule.backendRefs, `${path}.backendRefs`),
    ]),
  ]
}

/** What the schema of a GRPCRoute cannot say. */
export function checkGrpcRoute(spec: GrpcRouteSpec): readonly Violation[] {
  return [
    ...checkParents(spec.parentRefs),
    ...checkCount(spec.rules),
    ...each(spec.rules, 'spec.rules').flatMap(([rule, path]) => [
      ...each(rule.matches, `${path}.matches`).flatMap(([match, at]) => checkGrpcMatch(match, at)),
      ...checkFilters(rule.filters, `${path}.filters`),
      ...checkBackends(rule.backendRefs, `${path}.backendRefs`),
    ]),
  ]
}

/** Each parent once; of a parent that is there several times, each names another part. */
function checkParents(parents: readonly RouteParent[] | undefined): readonly Violation[] {
  const keys = (parents ?? []).map(({ group = GATEWAY_API, kind = 'Gateway', namespace = '', name, sectionName = '', port = '' }) =>
    [group, kind, namespace, name, sectionName, port].join('/'),
  )
  return duplicates(keys, 'spec.parentRefs')
}

function checkCount(rules: readonly { readonly matches?: readonly unknown[] }[] | undefined): readonly Violation[] {
  const count = (rules ?? []).reduce((sum, { matches = [] }) => sum + matches.length, 0)
  return count > MAX_MATCHES ? [{ field: 'spec.rules', reason: `all matches together must be at most ${MAX_MATCHES}, and are ${count}` }] : []
}

// -- matches ----------------------------------------------------------------------------------------------------------------

interface Compared {
  readonly type?: 'Exact' | 'RegularExpression'
  readonly value: string
}

function checkHttpMatch(match: HttpRouteMatch, path: string): readonly Violation[] {
  const named = (['headers', 'queryParams'] as const).flatMap((list) => each<Compared>(match[list], child(path, list)))
  return [...checkPath(match.path, `${path}.path.value`), ...named.flatMap(([one, at]) => checkRegex(one.type, one.value, `${at}.value`))]
}

function checkRegex(type: string | undefined, value: string, field: string): readonly Violation[] {
  const problem = type === 'RegularExpression' ? re2Problem(value) : undefined
  return problem === undefined ? [] : [{ field, reason: problem }]
}

/** Paths are compared after normalisation, so that one that is not normal would never match. */
function checkPath(path: HttpRouteMatch['path'], field: string): readonly Violation[] {
  const { type = 'PathPrefix', value = '/' } = path ?? {}
  if (type === 'RegularExpression') return checkRegex(type, value, field)
  if (!value.startsWith('/')) return [{ field, reason: `${shown(value)} must start with "/"` }]
  if (/\/\/|\/\.{1,2}(\/|$)|%2f/i.test(value)) return [{ field, reason: `${shown(value)} has "//", "/./", "/../" or an escaped slash, which no path has` }]
  const plain = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(value)
  return plain ? [] : [{ field, reason: `${shown(value)} has characters that no path has` }]
}

function checkGrpcMatch({ method, headers }: GrpcRouteMatch, path: string): readonly Violation[] {
  const { type, service, method: name } = method ?? {}
  return [
    ...checkGrpcName(type, service, /^[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*$/, `${path}.method.service`),
    ...checkGrpcName(type, name, /^[A-Za-z_][A-Za-z_0-9]*$/, `${path}.method.method`),
    ...each<Compared>(headers, `${path}.headers`).flatMap(([one, at]) => checkRegex(one.type, one.value, `${at}.value`)),
  ]
}

function checkGrpcName(type: string | undefined, name: string | undefined, form: RegExp, field: string): readonly Violation[] {
  if (name === undefined) return []
  if (type === 'RegularExpression') return checkRegex(type, name, field)
  return form.test(name) ? [] : [{ field, reason: `${shown(name)} is not a name of gRPC` }]
}

// -- filters ----------------------------------------------------------------------------------------------------------------

/** The field that belongs to a type of filter. */
const FIELD_OF = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
} as const

type Filter = { readonly type: HttpRouteFilter['type'] } & Omit<HttpRouteFilter, 'type'>

function checkFilters(filters: readonly Filter[] | undefined, path: string): readonly Violation[] {
  const types = (filters ?? []).map(({ type }) => type)
  const once = types.filter((type) => type !== 'RequestMirror')
  return [
    ...duplicates(once, path),
    ...(types.includes('RequestRedirect') && types.includes('URLRewrite') ? [{ field: path, reason: 'a redirect cannot be rewritten' }] : []),
    ...each(filters, path).flatMap(([filter, at]) => checkFilter(filter, at)),
  ]
}

function checkFilter(filter: Filter, path: string): readonly Violation[] {
  const own = FIELD_OF[filter.type]
  const others = Object.values(FIELD_OF).filter((field) => field !== own && filter[field] !== undefined)
  const { requestMirror: mirror } = filter
  return [
    ...(filter[own] === undefined ? [{ field: child(path, own), reason: `is missing; a filter of type ${filter.type} needs it` }] : []),
    ...others.map((field) => ({ field: child(path, field), reason: `does not belong to a filter of type ${filter.type}` })),
    ...checkModifier(filter.requestHeaderModifier, `${path}.requestHeaderModifier`),
    ...checkModifier(filter.responseHeaderModifier, `${path}.responseHeaderModifier`),
    ...(mirror === undefined ? [] : checkMirror(mirror, `${path}.requestMirror`)),
  ]
}

function checkModifier(modifier: HeaderModifier | undefined, path: string): readonly Violation[] {
  const { set = [], add = [], remove = [] } = modifier ?? {}
  const names = [...set.map(({ name }) => name), ...add.map(({ name }) => name), ...remove]
  const lists = [set.map(({ name }) => name.toLowerCase()), add.map(({ name }) => name.toLowerCase()), remove.map((name) => name.toLowerCase())]
  return [
    ...names.flatMap((name) => (RESERVED_HEADER.test(name) ? [{ field: path, reason: `the header ${name} may not be changed` }] : [])),
    ...lists.flatMap((list) => duplicates(list, path)),
  ]
}

function checkMirror({ backendRef, percent, fraction }: NonNullable<HttpRouteFilter['requestMirror']>, path: string): readonly Violation[] {
  const { numerator = 0, denominator = 100 } = fraction ?? {}
  return [
    ...checkBackend(backendRef, `${path}.backendRef`),
    ...(percent !== undefined && fraction !== undefined ? [{ field: path, reason: 'has percent and fraction; only one can hold' }] : []),
    ...(numerator > denominator
      ? [{ field: `${path}.fraction.numerator`, reason: `must be at most the denominator (${denominator}), and is ${numerator}` }]
      : []),
  ]
}

/** What depends on more than one filter or match. */
function checkPathChanges({ matches = [], filters = [], backendRefs = [] }: HttpRouteRule, path: string): readonly Violation[] {
  const redirect = filters.some(({ type }) => type === 'RequestRedirect')
  const onePrefix = matches.length <= 1 && (matches[0]?.path?.type ?? 'PathPrefix') === 'PathPrefix'
  return [
    ...(redirect && backendRefs.length > 0 ? [{ field: `${path}.backendRefs`, reason: 'a rule that redirects sends no calls anywhere' }] : []),
    ...each(filters, `${path}.filters`).flatMap(([filter, at]) => [
      ...checkPathModifier(filter.requestRedirect?.path, onePrefix, `${at}.requestRedirect.path`),
      ...checkPathModifier(filter.urlRewrite?.path, onePrefix, `${at}.urlRewrite.path`),
    ]),
  ]
}

function checkPathModifier(modifier: PathModifier | undefined, onePrefix: boolean, path: string): readonly Violation[] {
  if (modifier === undefined) return []
  const { type, replaceFullPath: full, replacePrefixMatch: prefix } = modifier
  const own = type === 'ReplaceFullPath' ? full : prefix
  const other = type === 'ReplaceFullPath' ? prefix : full
  return [
    ...(own === undefined ? [{ field: path, reason: `needs ${type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch'}` }] : []),
    ...(other === undefined ? [] : [{ field: path, reason: `has more than its type ${type} says` }]),
    ...(type === 'ReplacePrefixMatch' && !onePrefix ? [{ field: path, reason: 'ReplacePrefixMatch needs exactly one match, of type PathPrefix' }] : []),
  ]
}

// -- shares -----------------------------------------------------------------------------------------------------------------

function checkTimeouts(timeouts: HttpRouteRule['timeouts'], path: string): readonly Violation[] {
  const { request, backendRequest } = timeouts ?? {}
  if (request === undefined || backendRequest === undefined) return []
  const [whole, one] = [parseDurationMs(request, 'request'), parseDurationMs(backendRequest, 'backendRequest')]
  return whole !== 0 && one > whole
    ? [{ field: `${path}.backendRequest`, reason: `must not be longer than request (${request}), and is ${backendRequest}` }]
    : []
}

function checkBackends(backends: readonly (BackendReference & { readonly filters?: readonly Filter[] })[] | undefined, path: string): readonly Violation[] {
  return each(backends, path).flatMap(([backend, at]) => [...checkBackend(backend, at), ...checkFilters(backend.filters, `${at}.filters`)])
}

function checkBackend({ group = '', kind = 'Service', port }: BackendReference, path: string): readonly Violation[] {
  return group === '' && kind === 'Service' && port === undefined ? [{ field: `${path}.port`, reason: 'is missing; a Service needs it' }] : []
}
