import type { Resource } from '@weft/core'
import { GrpcRouteSpec, HttpRouteSpec, type GrpcRouteMatch, type GrpcRouteRule, type HttpRouteMatch, type HttpRouteRule, type RouteParent } from '@weft/api'
import type { MeshRoute, RouteMatch, RoutePath, StringMatch } from '../../snapshot.ts'
import { baseOf, refusals } from '../base.ts'
import { checker } from '../check.ts'
import type { Read } from '../core-kinds.ts'
import { failure } from '../finding.ts'
import type { Model } from '../models.ts'
import { regexProblem } from '../regex.ts'
import { readDuration } from '../route-actions.ts'
import { readBackend, readFilters, readMirrors, readShareFilters, segments, type FilterPlace } from './filters.ts'
import { apiGatewayKey } from './gateways.ts'
import type { GatewayRouteModel, ParentModel, RouteEntry } from './models.ts'
import { readParents } from './parents.ts'

const checkHttp = checker(HttpRouteSpec)
const checkGrpc = checker(GrpcRouteSpec)

/** Reads an HTTPRoute. */
export function readHttpRoute(resource: Resource): Read<GatewayRouteModel> {
  const base = baseOf(resource)
  const checked = checkHttp(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const place = { namespace: base.namespace, notes: [] as string[] }
  const entries = (checked.value.rules ?? [{}]).flatMap((rule, index) => httpEntries(rule, index, base, place))
  return { model: modelOf(resource, base, { ...checked.value, protocol: 'http', entries, notes: place.notes }) }
}

/** Reads a GRPCRoute: a method is a path of HTTP/2. */
export function readGrpcRoute(resource: Resource): Read<GatewayRouteModel> {
  const base = baseOf(resource)
  const checked = checkGrpc(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const place = { namespace: base.namespace, notes: [] as string[] }
  const entries = (checked.value.rules ?? [{}]).flatMap((rule, index) => grpcEntries(rule, index, base, place))
  return { model: modelOf(resource, base, { ...checked.value, protocol: 'grpc', entries, notes: place.notes }) }
}

interface Parts {
  readonly parentRefs?: readonly RouteParent[]
  readonly hostnames?: readonly string[]
  readonly protocol: GatewayRouteModel['protocol']
  readonly entries: readonly RouteEntry[]
  readonly notes: readonly string[]
}

function modelOf(resource: Resource, base: Model, { parentRefs, hostnames = [], protocol, entries, notes }: Parts): GatewayRouteModel {
  const problem = notes.length === 0 ? undefined : notes.join('; ')
  const parents = readParents(parentRefs, base.namespace)
  return {
    ...base,
    findings: problem === undefined ? [] : [failure(base.ref, 'UnsupportedValue', problem)],
    generation: resource.metadata.generation,
    protocol,
    parents,
    bindings: parents.flatMap((parent) => bindingOf(parent)),
    names: hostnames.length === 0 ? ['*'] : hostnames,
    routes: undefined,
    entries: problem === undefined ? entries : [],
    problem,
  }
}

function bindingOf({ target, reference: { sectionName, port } }: ParentModel): GatewayRouteModel['bindings'] {
  if (target.kind !== 'gateway') return []
  return [{ gateway: apiGatewayKey(target.key), ...(sectionName === undefined ? {} : { server: sectionName }), ...(port === undefined ? {} : { port }) }]
}

type Match = { readonly rank: readonly number[]; readonly match: RouteMatch | undefined }

/** One entry for each match: the matches of a rule go to their own places among all others. */
function entriesOf(rule: HttpRouteRule | GrpcRouteRule, index: number, base: Model, more: { readonly matches: readonly Match[]; readonly place: FilterPlace }) {
  const { place, matches } = more
  const effects: Partial<MeshRoute> = readFilters(rule.filters, place)
  const backends = (rule.backendRefs ?? []).map((backend) => ({
    ...readBackend(backend, base.namespace),
    weight: backend.weight ?? 1,
    ...readShareFilters(backend.filters, place),
  }))
  const mirrors = readMirrors(rule.filters, place)
  const name = rule.name ?? `${base.name}-${index}`
  return matches.map(({ rank, match }): RouteEntry => ({
    rank,
    route: { name, matches: match === undefined ? [] : [match], ...effects },
    backends,
    mirrors,
  }))
}

// -- HTTP -------------------------------------------------------------------------------------------------------------------

function httpEntries(rule: HttpRouteRule, index: number, base: Model, place: FilterPlace): readonly RouteEntry[] {
  const written: readonly HttpRouteMatch[] = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches
  const matches = written.map((match): Match => ({ rank: httpRank(match), match: readHttpMatch(match, place.notes) }))
  const timeouts = readTimeouts(rule.timeouts, `spec.rules[${index}].timeouts`, place.notes)
  return entriesOf(rule, index, base, { matches, place }).map((entry) => ({ ...entry, route: { ...entry.route, ...timeouts } }))
}

function readTimeouts(timeouts: HttpRouteRule['timeouts'], at: string, notes: string[]): Pick<MeshRoute, 'timeoutMs' | 'tryTimeoutMs'> {
  const { request, backendRequest } = timeouts ?? {}
  const whole = request === undefined ? undefined : readDuration(request, `${at}.request`, notes)
  const one = backendRequest === undefined ? undefined : readDuration(backendRequest, `${at}.backendRequest`, notes)
  return { ...(whole === undefined ? {} : { timeoutMs: whole }), ...(one === undefined || one === 0 ? {} : { tryTimeoutMs: one }) }
}

/** GRPCRoutes are more special than HTTPRoutes (GEP-1426). */
const HTTP_RANK = 0
const GRPC_RANK = 1
const PATH_RANK = { Exact: 2, RegularExpression: 1, PathPrefix: 0 } as const

/**
 * Exact path, longest prefix, method, number of headers, number of query parameters (Gateway API, HTTPRouteRule.matches). A regular expression, whose place
 * the Gateway API leaves open, stands before prefixes, so that it is not hidden by a rule for everything.
 */
function httpRank({ path, method, headers = [], queryParams = [] }: HttpRouteMatch): readonly number[] {
  const { type = 'PathPrefix', value = '/' } = path ?? {}
  return [
    HTTP_RANK,
    PATH_RANK[type],
    type === 'PathPrefix' ? segments(value).length : value.length,
    method === undefined ? 0 : 1,
    headers.length,
    queryParams.length,
  ]
}

function readHttpMatch({ path, method, headers, queryParams }: HttpRouteMatch, notes: string[]): RouteMatch | undefined {
  const read = readPath(path, notes)
  if (read === undefined && method === undefined && headers === undefined && queryParams === undefined) return undefined
  return {
    ...(read === undefined ? {} : { path: { match: read, ignoreCase: false } }),
    ...(method === undefined ? {} : { methods: [{ kind: 'exact', value: method }] }),
    headers: readHeaders(headers, notes),
    queryParameters: unique(queryParams ?? [], ({ name }) => name).map((one) => ({ name: one.name, match: readText(one, notes) })),
  }
}

/** `undefined`: any path. */
function readPath({ type = 'PathPrefix', value = '/' }: NonNullable<HttpRouteMatch['path']> = {}, notes: string[]): RoutePath | undefined {
  if (type === 'Exact') return { kind: 'exact', value }
  if (type === 'RegularExpression') return readText({ type, value }, notes)
  return segments(value) === '' ? undefined : { kind: 'segments', value: segments(value) }
}

interface Written {
  readonly name: string
  readonly type?: 'Exact' | 'RegularExpression'
  readonly value: string
}

function readText({ type, value }: Omit<Written, 'name'>, notes: string[]): StringMatch {
  if (type !== 'RegularExpression') return { kind: 'exact', value }
  const problem = regexProblem(value)
  if (problem !== undefined) notes.push(problem)
  return { kind: 'regex', value }
}

/** "If multiple entries specify equivalent header names, only the first entry with an equivalent name MUST be considered" (HTTPHeaderMatch.name). */
function readHeaders(headers: readonly Written[] | undefined, notes: string[]): RouteMatch['headers'] {
  return unique(headers ?? [], ({ name }) => name.toLowerCase()).map((one) => ({ name: one.name.toLowerCase(), match: readText(one, notes), invert: false }))
}

function unique<T>(list: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const seen = new Set<string>()
  return list.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)))
}

// -- gRPC -------------------------------------------------------------------------------------------------------------------

function grpcEntries(rule: GrpcRouteRule, index: number, base: Model, place: FilterPlace): readonly RouteEntry[] {
  const written: readonly GrpcRouteMatch[] = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches
  return entriesOf(rule, index, base, { matches: written.map((match): Match => ({ rank: grpcRank(match), match: readGrpcMatch(match, place.notes) })), place })
}

/** Exact name, longest service, longest method, number of headers (Gateway API, GRPCRouteRule.matches). */
function grpcRank({ method, headers = [] }: GrpcRouteMatch): readonly number[] {
  const { type = 'Exact', service = '', method: name = '' } = method ?? {}
  return [GRPC_RANK, type === 'Exact' && method !== undefined ? 1 : 0, service.length, name.length, headers.length]
}

function readGrpcMatch({ method, headers }: GrpcRouteMatch, notes: string[]): RouteMatch | undefined {
  const path = method === undefined ? undefined : readMethod(method, notes)
  if (path === undefined && headers === undefined) return undefined
  return { ...(path === undefined ? {} : { path: { match: path, ignoreCase: false } }), headers: readHeaders(headers, notes), queryParameters: [] }
}

/** The path of a call is `/SERVICE/METHOD`; service names have no character that means something in RE2 but dots. */
function readMethod({ type, service, method }: NonNullable<GrpcRouteMatch['method']>, notes: string[]): StringMatch {
  if (type === 'RegularExpression') return readText({ type, value: `/${group(service)}/${group(method)}` }, notes)
  if (service !== undefined && method !== undefined) return { kind: 'exact', value: `/${service}/${method}` }
  return service === undefined
    ? { kind: 'regex', value: `/[^/]+/${method === undefined ? '[^/]+' : RegExp.escape(method)}` }
    : { kind: 'prefix', value: `/${service}/` }
}

function group(pattern: string | undefined): string {
  return pattern === undefined ? '[^/]+' : `(?:${pattern})`
}
