import { canonicalNamespace, type Resource } from '@weft/core'
import {
  DestinationRuleSpec,
  ROUTE_KINDS,
  VirtualServiceSpec,
  type HttpDestination,
  type HttpHeaders,
  type HttpMatch,
  type HttpRoute,
  type HttpRouteDestination,
  type TrafficPolicy,
} from '@weft/api'
import type { GatewayKey, HeaderOperations, ResourceFinding, RouteMatch, StringMatch } from '../snapshot.ts'
import { baseOf, field, refusals, selectorOf, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { readExportTo } from './export-to.ts'
import { failure, warning } from './finding.ts'
import type { Destination, DestinationRuleModel, Model, OutsideSettings, RouteModel, VirtualServiceModel } from './models.ts'
import { hostFqdn, hostKeyOf, nameKeyOf } from './names.ts'
import { millionths, readActions, readDuration, readRetries } from './route-actions.ts'
import { readConnections } from './connections.ts'
import { readText, type IstioText } from './text.ts'
import { readOutside } from './outside.ts'
import { readTrafficPolicy } from './traffic-policy.ts'

const checkVirtualService = checker(VirtualServiceSpec)
const checkDestinationRule = checker(DestinationRuleSpec)

/** Reads a VirtualService. One that is not understood has no routes, so that its host keeps the split of its function. */
export function readVirtualService(resource: Resource): Read<VirtualServiceModel> {
  const base = baseOf(resource)
  const problems = versionFindings(resource, base)
  const checked = checkVirtualService(resource.spec)
  if (!checked.ok) problems.push(...refusals(base.ref, checked))
  if (!checked.ok || problems.length > 0) {
    return { model: { ...base, findings: problems, hosts: [], visibleIn: [], bindings: [], names: [], routes: undefined, isDelegate: false } }
  }
  const { hosts: texts = [], gateways = [MESH], exportTo, http = [] } = checked.value
  const notes: string[] = []
  const routes = http.map((route, index) => readRoute(route, index, base, notes))
  const connections = readConnections(checked.value, base, {
    destination: (share, only) => readDestination(share, only, base.namespace, { at: 'spec', notes }),
    gateway: (text) => (text === MESH ? MESH : gatewayKey(text, base.namespace)),
  })
  const bindings = gateways.filter((gateway) => gateway !== MESH).map((gateway) => ({ gateway: gatewayKey(gateway, base.namespace) }))
  const hosts = gateways.includes(MESH) ? [...new Set(texts.map((text) => nameKeyOf(text, base.namespace)))] : []
  const findings = notes.map((note) => failure(base.ref, 'InvalidResource', note))
  return {
    model: {
      ...base,
      findings,
      hosts,
      visibleIn: readExportTo(exportTo, base.namespace),
      bindings,
      names: bindings.length === 0 ? [] : texts.map((text) => gatewayName(text, base.namespace)),
      routes: notes.length > 0 ? undefined : routes,
      ...(connections.length === 0 || notes.length > 0 ? {} : { connections }),
      isDelegate: texts.length === 0,
    },
  }
}

/** Istio's word for all proxies. The ingress' `/function/NAME` is one of them. */
export const MESH = 'mesh'

/** `NAME` or `NAMESPACE/NAME` of a Gateway as its key. */
function gatewayKey(text: string, namespace: string): GatewayKey {
  const slash = text.indexOf('/')
  return slash < 0 ? `${namespace}/${text}` : `${canonicalNamespace(text.slice(0, slash))}/${text.slice(slash + 1)}`
}

/** A host at a gateway; a name without dots is one of the mesh. */
function gatewayName(text: string, namespace: string): string {
  return text === '*' || text.includes('.') || text.includes(':') ? text.toLowerCase() : hostFqdn(namespace, text.toLowerCase())
}

function versionFindings(resource: Resource, base: Model): ResourceFinding[] {
  const problem = versionProblem(resource)
  return problem === undefined ? [] : [failure(base.ref, 'InvalidResource', problem)]
}

function readRoute(route: HttpRoute, index: number, base: Model, notes: string[]): RouteModel {
  const at = `spec.http[${index}]`
  const place = { at, notes }
  const kinds = ROUTE_KINDS.filter((kind) => route[kind] !== undefined)
  if (kinds.length !== 1) notes.push(`${at}: needs one of ${ROUTE_KINDS.join(', ')}`)
  const timeoutMs = route.timeout === undefined ? undefined : readDuration(route.timeout, `${at}.timeout`, notes)
  const shares = route.route ?? []
  return {
    route: {
      name: route.name ?? `${base.name}-${index}`,
      matches: (route.match ?? []).map((match, i) => readMatch(match, { at: `${at}.match[${i}]`, namespace: base.namespace, notes })),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(route.retries === undefined ? {} : { retries: readRetries(route.retries, place) }),
      ...readActions(route, place),
      ...readHeaders(route.headers, at, notes),
    },
    destinations: shares.map((share, i) => readDestination(share, shares.length === 1, base.namespace, { at: `${at}.route[${i}]`, notes })),
    mirrors: readMirrors(route, base.namespace),
    ...(route.delegate === undefined ? {} : { delegate: `${canonicalNamespace(route.delegate.namespace ?? base.namespace)}/${route.delegate.name}` }),
  }
}

function readMirrors({ mirror, mirrorPercentage, mirrorPercent, mirrors = [] }: HttpRoute, namespace: string): readonly Destination[] {
  const single = mirror === undefined ? [] : [{ destination: mirror, millionths: millionths(mirrorPercentage, mirrorPercent) }]
  const several = mirrors.map(({ destination, percentage }) => ({ destination, millionths: millionths(percentage) }))
  return [...single, ...several].map((one) => ({ ...destinationOf(one.destination, namespace), weight: one.millionths }))
}

function destinationOf({ host, subset, port }: HttpDestination, namespace: string): Omit<Destination, 'weight'> {
  return { host: hostKeyOf(host, namespace), text: host, subset, port: port?.number }
}

function readDestination(share: HttpRouteDestination, only: boolean, namespace: string, place: { readonly at: string; readonly notes: string[] }): Destination {
  // "If there is only one destination in a rule, all traffic will be routed to it irrespective of the weight" (Istio, HTTPRouteDestination.weight).
  return {
    ...destinationOf(share.destination, namespace),
    weight: only ? 100 : (share.weight ?? 0),
    ...readHeaders(share.headers, place.at, place.notes),
  }
}

interface MatchPlace {
  readonly at: string
  readonly namespace: string
  readonly notes: string[]
}

function readMatch(match: HttpMatch, { at, namespace, notes }: MatchPlace): RouteMatch {
  const text = (value: IstioText, name: string) => readText(value, `${at}.${name}`, notes)
  const headers = (map: Readonly<Record<string, IstioText>> | undefined, name: string, invert: boolean) =>
    headersOf(map).map(([header, value]) => ({ name: header.toLowerCase(), match: text(value, `${name}.${header}`), invert }))
  const claimsIn = (map: Readonly<Record<string, IstioText>> | undefined, name: string, invert: boolean) =>
    sorted(map).flatMap(([key, value]) => {
      const path = claimPath(key)
      return path === undefined ? [] : [{ path, match: text(value, `${name}.${key}`), invert }]
    })
  const claims = [...claimsIn(match.headers, 'headers', false), ...claimsIn(match.withoutHeaders, 'withoutHeaders', true)]
  return {
    ...(match.uri === undefined ? {} : { path: { match: text(match.uri, 'uri'), ignoreCase: match.ignoreUriCase ?? false } }),
    ...(match.scheme === undefined ? {} : { scheme: text(match.scheme, 'scheme') }),
    ...(match.method === undefined ? {} : { methods: [text(match.method, 'method')] }),
    headers: [...headers(match.headers, 'headers', false), ...headers(match.withoutHeaders, 'withoutHeaders', true)],
    ...(claims.length === 0 ? {} : { claims }),
    queryParameters: sorted(match.queryParams).map(([name, value]) => ({ name, match: text(value, `queryParams.${name}`) })),
    ...(match.sourceLabels === undefined ? {} : { sourceLabels: match.sourceLabels }),
    ...(match.sourceNamespace === undefined ? {} : { sourceNamespace: canonicalNamespace(match.sourceNamespace) }),
    ...(match.port === undefined ? {} : { port: match.port }),
    ...(match.authority === undefined ? {} : { authority: lowered(text(match.authority, 'authority')) }),
    ...(match.gateways === undefined ? {} : { gateways: match.gateways.map((name) => (name === MESH ? MESH : gatewayKey(name, namespace))) }),
  }
}

const CLAIMS = '@request.auth.claims'

/** The claim that a name among headers means: `@request.auth.claims.a.b` or `@request.auth.claims[a][b]`. */
function claimPath(name: string): readonly string[] | undefined {
  if (!name.startsWith(CLAIMS)) return undefined
  const rest = name.slice(CLAIMS.length)
  return rest.startsWith('[') ? rest.slice(1, -1).split('][') : rest.slice(1).split('.')
}

function headersOf(map: Readonly<Record<string, IstioText>> | undefined) {
  return sorted(map).filter(([name]) => claimPath(name) === undefined)
}

function lowered(match: StringMatch): StringMatch {
  return match.kind === 'exact' || match.kind === 'prefix' ? { kind: match.kind, value: match.value.toLowerCase() } : match
}

function sorted<T>(map: Readonly<Record<string, T>> | undefined): readonly (readonly [string, T])[] {
  return Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Headers that carry framing, routing or identity: a route that changed them could lie about who calls or smuggle a request. */
const RESERVED_HEADER =
  /^(?::|host$|connection$|content-length$|transfer-encoding$|te$|trailer$|upgrade$|keep-alive$|proxy-connection$|x-forwarded-client-cert$|x-weft-|x-envoy-)/

/** Whether a route may not change the header. */
export function isReservedHeader(name: string): boolean {
  return RESERVED_HEADER.test(name)
}

function readHeaders(headers: HttpHeaders | undefined, at: string, notes: string[]): Pick<Destination, 'requestHeaders' | 'responseHeaders'> {
  const request = readOperations(headers?.request, `${at}.headers.request`, notes)
  const response = readOperations(headers?.response, `${at}.headers.response`, notes)
  return { ...(request === undefined ? {} : { requestHeaders: request }), ...(response === undefined ? {} : { responseHeaders: response }) }
}

function readOperations(operations: HttpHeaders['request'], at: string, notes: string[]): HeaderOperations | undefined {
  if (operations === undefined) return undefined
  const result = { set: pairs(operations.set), add: pairs(operations.add), remove: (operations.remove ?? []).map((name) => name.toLowerCase()) }
  for (const name of [...result.set, ...result.add].map((pair) => pair.name).concat(result.remove)) {
    if (isReservedHeader(name)) notes.push(`${at}: the header ${name} belongs to the mesh`)
  }
  return result
}

function pairs(map: Readonly<Record<string, string>> | undefined): HeaderOperations['set'] {
  return sorted(map).map(([name, value]) => ({ name: name.toLowerCase(), value }))
}

/** Reads a DestinationRule. Where a field is not supported its subsets stand nevertheless: without them, calls would be lost. */
export function readDestinationRule(resource: Resource): Read<DestinationRuleModel> {
  const base = baseOf(resource)
  const checked = checkDestinationRule(resource.spec)
  const problems = [...versionFindings(resource, base), ...(checked.ok ? [] : refusals(base.ref, checked))]
  const notes: string[] = []
  const policies = checked.ok && problems.length === 0 ? checked.value : undefined
  const read = (policy: TrafficPolicy | undefined, at: string) => {
    const place = { at, notes }
    return { traffic: readTrafficPolicy(policy, place), outside: readOutside(policy, base.namespace, place) }
  }
  const whole = read(policies?.trafficPolicy, 'spec.trafficPolicy')
  const host = field(resource.spec, 'host')
  const subsets = subsetsOf(field(resource.spec, 'subsets')).map((subset, index) => {
    const { traffic, outside } = read(policies?.subsets?.[index]?.trafficPolicy, `spec.subsets[${index}].trafficPolicy`)
    return { ...subset, ...(traffic === undefined ? {} : { traffic }), ...(Object.keys(outside).length === 0 ? {} : { outside }) }
  })
  problems.push(
    ...notes.map((note) => failure(base.ref, 'InvalidResource', note)),
    ...unverified(base, [whole.outside, ...subsets.map(({ outside }) => outside)]),
  )
  const names = new Set<string>()
  const unique = subsets.filter((subset) => !names.has(subset.name) && names.add(subset.name))
  if (unique.length < subsets.length) problems.push(warning(base.ref, 'SubsetConflict', 'two subsets have the same name; the first is used'))
  const visibleIn = readExportTo(policies?.exportTo, base.namespace)
  const key = typeof host === 'string' ? nameKeyOf(host, base.namespace) : undefined
  return { model: { ...base, findings: problems, host: key, visibleIn, ...whole, subsets: unique } }
}

/** Says so where any certificate is taken. */
function unverified({ ref }: Model, all: readonly (OutsideSettings | undefined)[]): readonly ResourceFinding[] {
  const careless = all.some((settings) => [settings?.tls, ...(settings?.ports ?? []).map(({ tls }) => tls)].some((tls) => tls?.unverified === true))
  return careless ? [warning(ref, 'TlsNotVerified', 'insecureSkipVerify takes any certificate: whoever is on the way can read and change these calls')] : []
}

function subsetsOf(value: unknown): DestinationRuleModel['subsets'] {
  if (!Array.isArray(value)) return []
  return value.flatMap((subset: unknown) => {
    const name = field(subset, 'name')
    return typeof name === 'string' ? [{ name, labels: selectorOf(field(subset, 'labels')) }] : []
  })
}
