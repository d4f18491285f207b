import type { DestinationRuleSpec } from '../istio/destination-rule.ts'
import type { HttpCors, HttpDirectResponse, HttpFault, HttpRetry, HttpRewrite } from '../istio/http-actions.ts'
import type { TcpRoute, TlsRoute } from '../istio/connection-routes.ts'
import type { IstioStringMatch } from '../istio/string-match.ts'
import type { HttpHeaders, HttpMatch, HttpRoute, VirtualServiceSpec } from '../istio/virtual-service.ts'
import type { TrafficPolicy } from '../istio/traffic-policy.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { checkHost, checkHostPattern, checkLabels, isHostPattern } from './metadata.ts'
import { checkClientTls } from './client-tls.ts'
import { re2Problem } from './re2.ts'
import { grpcStatusOf, retryConditions, ROUTE_KINDS } from './traffic-words.ts'

type Indexed<T> = readonly (readonly [T, string])[]

function each<T>(list: readonly T[] | undefined, path: string): Indexed<T> {
  return (list ?? []).map((item, index) => [item, child(path, index)])
}

/** What the schema of a VirtualService cannot say. */
export function checkVirtualService(spec: VirtualServiceSpec): readonly Violation[] {
  const hosts = spec.hosts ?? []
  const { http = [], tls = [], tcp = [] } = spec
  const chain = hosts.length === 0 && http.some((route) => route.delegate !== undefined)
  const connections = tls.length > 0 ? 'spec.tls' : 'spec.tcp'
  return [
    ...each(hosts, 'spec.hosts').flatMap(([host, path]) => checkHostPattern(host, path)),
    ...duplicates(hosts, 'spec.hosts'),
    ...(chain ? [{ field: 'spec.http', reason: 'a VirtualService without hosts is a delegate, and a delegate cannot delegate further' }] : []),
    ...(http.length + tls.length + tcp.length === 0 ? [{ field: 'spec', reason: 'has no routes: it needs one of http, tls and tcp' }] : []),
    ...(hosts.length === 0 && tls.length + tcp.length > 0 ? [{ field: connections, reason: 'only routes of http can be delegated to' }] : []),
    ...each(http, 'spec.http').flatMap(([route, path]) => checkRoute(route, path)),
    ...each(tls, 'spec.tls').flatMap(([route, path]) => [
      ...checkConnections(route, path),
      ...each(route.match, child(path, 'match')).flatMap(([{ sniHosts }, at]) => checkServerNames(sniHosts, hosts, child(at, 'sniHosts'))),
    ]),
    ...each(tcp, 'spec.tcp').flatMap(([route, path]) => checkConnections(route, path)),
  ]
}

function checkConnections(route: TcpRoute | TlsRoute, path: string): readonly Violation[] {
  const matches: TcpRoute['match'] = route.match
  return [
    ...checkWeights(route, child(path, 'route')),
    ...each(route.route, child(path, 'route')).flatMap(([{ destination }, at]) => checkHost(destination.host, `${at}.destination.host`)),
    ...each(matches, child(path, 'match')).flatMap(([{ sourceLabels = {} }, at]) => checkLabels(sourceLabels, `${at}.sourceLabels`)),
  ]
}

/** Istio: server names are hosts of the VirtualService, or names below one that begins with a star. */
function checkServerNames(names: readonly string[], hosts: readonly string[], path: string): readonly Violation[] {
  const fits = (name: string): boolean => hosts.some((host) => host === '*' || host === name || (host.startsWith('*.') && name.endsWith(host.slice(1))))
  return each(names, path).flatMap(([name, at]) => {
    if (!isHostPattern(name)) return [{ field: at, reason: `${shown(name)} is no name of a host` }]
    return fits(name) ? [] : [{ field: at, reason: `${shown(name)} is none of the hosts of the VirtualService` }]
  })
}

function checkRoute(route: HttpRoute, path: string): readonly Violation[] {
  return [
    ...checkKind(route, path),
    ...checkWeights(route, child(path, 'route')),
    ...each(route.route, child(path, 'route')).flatMap(([{ destination, headers }, at]) => [
      ...checkHost(destination.host, `${at}.destination.host`),
      ...checkHeaders(headers, `${at}.headers`),
    ]),
    ...each(route.match, child(path, 'match')).flatMap(([match, at]) => checkMatch(match, at)),
    ...checkHeaders(route.headers, `${path}.headers`),
    ...checkMirrors(route, path),
    ...checkRewrite(route.rewrite, `${path}.rewrite`),
    ...checkDirectResponse(route.directResponse, `${path}.directResponse`),
    ...checkFault(route.fault, `${path}.fault`),
    ...checkCors(route.corsPolicy, `${path}.corsPolicy`),
    ...checkRetries(route.retries, `${path}.retries`),
    ...(route.redirect?.port !== undefined && route.redirect.derivePort !== undefined
      ? [{ field: `${path}.redirect`, reason: 'has a port and a derivePort; only one can hold' }]
      : []),
    ...(route.redirect?.uri?.includes('%PREFIX()%') === true ? [{ field: `${path}.redirect.uri`, reason: '%PREFIX()% is not supported yet' }] : []),
  ]
}

/** A route does one thing. */
function checkKind(route: HttpRoute, path: string): readonly Violation[] {
  const kinds = ROUTE_KINDS.filter((kind) => route[kind] !== undefined)
  if (kinds.length === 0) return [{ field: path, reason: 'has no route, redirect, directResponse or delegate' }]
  if (kinds.length > 1) return [{ field: path, reason: `has ${kinds.join(' and ')}; only one can hold` }]
  return kinds[0] === 'redirect' && route.rewrite !== undefined ? [{ field: `${path}.rewrite`, reason: 'a redirect cannot be rewritten' }] : []
}

/** One destination takes everything; several share calls in the proportion of their weights, as Istio has it. */
function checkWeights({ route = [] }: { readonly route?: readonly { readonly weight?: number }[] }, path: string): readonly Violation[] {
  if (route.length < 2) return []
  return route.some(({ weight = 0 }) => weight > 0) ? [] : [{ field: path, reason: 'has several destinations, and none has a weight above 0' }]
}

function checkMirrors(route: HttpRoute, path: string): readonly Violation[] {
  const both = route.mirror !== undefined && route.mirrors !== undefined
  return [
    ...(route.mirror === undefined ? [] : checkHost(route.mirror.host, `${path}.mirror.host`)),
    ...each(route.mirrors, `${path}.mirrors`).flatMap(([{ destination }, at]) => checkHost(destination.host, `${at}.destination.host`)),
    ...(both ? [{ field: `${path}.mirrors`, reason: 'has both mirror and mirrors; only one can hold' }] : []),
  ]
}

function checkRewrite(rewrite: HttpRewrite | undefined, path: string): readonly Violation[] {
  const regex = rewrite?.uriRegexRewrite
  if (regex === undefined) return []
  const problem =
    re2Problem(regex.match) ?? (regex.match.startsWith('^/') ? undefined : `${shown(regex.match)} must start with ^/: paths are rewritten from their beginning`)
  return [
    ...(problem === undefined ? [] : [{ field: `${path}.uriRegexRewrite.match`, reason: problem }]),
    ...(/\\(?![0-9\\])/.test(regex.rewrite)
      ? [{ field: `${path}.uriRegexRewrite.rewrite`, reason: 'a backslash stands before a digit or another backslash' }]
      : []),
    ...(rewrite?.uri === undefined ? [] : [{ field: path, reason: 'has uri and uriRegexRewrite; only one can hold' }]),
  ]
}

const MAX_BODY_BYTES = 4096
/** What the proxy answers with these is always in the platform's one error format. */
const OWN_BODIES: ReadonlySet<number> = new Set([400, 403, 408, 413, 429, 431])

function checkDirectResponse(answer: HttpDirectResponse | undefined, path: string): readonly Violation[] {
  if (answer?.body === undefined) return []
  const bytes = new TextEncoder().encode(answer.body.string ?? '').length
  if (bytes > MAX_BODY_BYTES) return [{ field: `${path}.body.string`, reason: `has ${bytes} bytes; at most ${MAX_BODY_BYTES} are allowed` }]
  const reason = `an answer ${answer.status} has the platform's own body; leave it out, or use another status`
  return OWN_BODIES.has(answer.status) ? [{ field: `${path}.body`, reason }] : []
}

function checkFault(fault: HttpFault | undefined, path: string): readonly Violation[] {
  const abort = fault?.abort
  if (abort === undefined) return []
  const one = (abort.httpStatus === undefined) !== (abort.grpcStatus === undefined)
  const status = abort.grpcStatus
  return [
    ...(one ? [] : [{ field: `${path}.abort`, reason: 'needs one of httpStatus and grpcStatus' }]),
    ...(status !== undefined && grpcStatusOf(status) === undefined
      ? [{ field: `${path}.abort.grpcStatus`, reason: `${shown(status)} is not a gRPC status such as UNAVAILABLE or 14` }]
      : []),
  ]
}

function checkCors(cors: HttpCors | undefined, path: string): readonly Violation[] {
  return each(cors?.allowOrigins, `${path}.allowOrigins`).flatMap(([match, at]) => checkStringMatch(match, at))
}

function checkRetries(retries: HttpRetry | undefined, path: string): readonly Violation[] {
  const { unknown } = retryConditions(retries?.retryOn)
  return unknown.map((word) => ({ field: `${path}.retryOn`, reason: `${shown(word)} is not a condition of Envoy and not a status` }))
}

function checkMatch(match: HttpMatch, path: string): readonly Violation[] {
  const { uri, scheme, method, authority, headers = {}, withoutHeaders = {}, queryParams = {}, sourceLabels = {} } = match
  const single: readonly (readonly [string, IstioStringMatch | undefined])[] = [
    [`${path}.uri`, uri],
    [`${path}.scheme`, scheme],
    [`${path}.method`, method],
    [`${path}.authority`, authority],
  ]
  const named = [
    ['headers', headers],
    ['withoutHeaders', withoutHeaders],
    ['queryParams', queryParams],
  ] as const
  return [
    ...single.flatMap(([field, value]) => checkStringMatch(value, field)),
    ...named.flatMap(([name, values]) => Object.entries(values).flatMap(([key, value]) => checkStringMatch(value, child(child(path, name), key)))),
    ...checkLabels(sourceLabels, `${path}.sourceLabels`),
  ]
}

/** A text to compare with: RE2 can read it, and no control character is in it. */
export function checkStringMatch(match: IstioStringMatch | undefined, field: string): readonly Violation[] {
  const problem = match?.regex === undefined ? undefined : re2Problem(match.regex)
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  const control = Object.values(match ?? {}).some((value) => /[\u0000-\u001f\u007f]/.test(value))
  return [...(problem === undefined ? [] : [{ field: `${field}.regex`, reason: problem }]), ...(control ? [{ field, reason: 'has a control character' }] : [])]
}

/** Headers that carry identity, framing or the platform's own marks. */
export const RESERVED_HEADER =
  /^(host|connection|content-length|transfer-encoding|te|upgrade|keep-alive|proxy-.*|x-forwarded-client-cert|x-envoy-.*|x-weft-.*)$/i

function checkHeaders(headers: HttpHeaders | undefined, path: string): readonly Violation[] {
  return (['request', 'response'] as const).flatMap((side) => {
    const { set = {}, add = {}, remove = [] } = headers?.[side] ?? {}
    const names = [...Object.keys(set), ...Object.keys(add), ...remove]
    return names.flatMap((name) => (RESERVED_HEADER.test(name) ? [{ field: `${path}.${side}`, reason: `the header ${name} may not be changed` }] : []))
  })
}

/** What the schema of a DestinationRule cannot say. */
export function checkDestinationRule(spec: DestinationRuleSpec): readonly Violation[] {
  const subsets = spec.subsets ?? []
  return [
    ...checkHostPattern(spec.host, 'spec.host'),
    ...duplicates(
      subsets.map(({ name }) => name),
      'spec.subsets',
    ),
    ...checkTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy'),
    ...each(subsets, 'spec.subsets').flatMap(([{ labels = {}, trafficPolicy }, path]) => [
      ...checkLabels(labels, `${path}.labels`),
      ...checkTrafficPolicy(trafficPolicy, `${path}.trafficPolicy`),
    ]),
  ]
}

function checkTrafficPolicy(policy: TrafficPolicy | undefined, path: string): readonly Violation[] {
  const ports = policy?.portLevelSettings ?? []
  return [
    ...checkSettings(policy, path),
    ...duplicates(
      ports.map(({ port }) => String(port.number)),
      `${path}.portLevelSettings`,
    ),
    ...each(ports, `${path}.portLevelSettings`).flatMap(([settings, at]) => checkSettings(settings, at)),
  ]
}

function checkSettings(policy: Omit<TrafficPolicy, 'portLevelSettings'> | undefined, path: string): readonly Violation[] {
  return [...checkBalancer(policy, path), ...checkClientTls(policy?.tls, `${path}.tls`)]
}

function checkBalancer(policy: Omit<TrafficPolicy, 'portLevelSettings'> | undefined, path: string): readonly Violation[] {
  const { simple, consistentHash: hash, warmup } = policy?.loadBalancer ?? {}
  const at = `${path}.loadBalancer`
  if (hash === undefined) return simple === 'RANDOM' && warmup !== undefined ? [{ field: `${at}.warmup`, reason: 'has no effect with RANDOM' }] : []
  const keys = [hash.httpHeaderName, hash.httpCookie, hash.useSourceIp === true ? true : undefined, hash.httpQueryParameterName]
  const one = keys.filter((key) => key !== undefined).length === 1
  return [
    ...(one ? [] : [{ field: `${at}.consistentHash`, reason: 'needs one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName' }]),
    ...(simple === undefined ? [] : [{ field: at, reason: 'has simple and consistentHash; only one can hold' }]),
    ...(hash.ringHash !== undefined && hash.maglev !== undefined
      ? [{ field: `${at}.consistentHash`, reason: 'has ringHash and maglev; only one can hold' }]
      : []),
    ...(hash.maglev?.tableSize === undefined || isPrime(hash.maglev.tableSize)
      ? []
      : [{ field: `${at}.consistentHash.maglev.tableSize`, reason: 'must be a prime number' }]),
  ]
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
