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
} from '@weft/api'
import type { GatewayKey, HeaderOperations, HostKey, ResourceFinding, RouteMatch, StringMatch } from '../snapshot.ts'
import { baseOf, field, refusals, selectorOf, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { failure, warning } from './finding.ts'
import type { Destination, DestinationRuleModel, Model, RouteModel, VirtualServiceModel } from './models.ts'
import { hostFqdn, hostKeyOf } from './names.ts'
import { millionths, readActions, readDuration, readRetries } from './route-actions.ts'
import { readConnections } from './connections.ts'
import { readText, type IstioText } from './text.ts'
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
    return { model: { ...base, findings: problems, hosts: [], bindings: [], names: [], routes: undefined, isDelegate: false } }
  }
  const { hosts: texts = [], gateways = [MESH], http = [] } = checked.value
  const notes: string[] = []
  const routes = http.map((route, index) => readRoute(route, index, base, notes))
  const connections = readConnections(checked.value, base, {
    destination: (share, only) => readDestination(share, only, base.namespace, { at: 'spec', notes }),
    gateway: (text) => (text === MESH ? MESH : gatewayKey(text, base.namespace)),
  })
  const bindings = gateways.filter((gateway) => gateway !== MESH).map((gateway) => ({ gateway: gatewayKey(gateway, base.namespace) }))
  const { hosts, unknown } = readHosts(gateways.includes(MESH) ? texts : [], base)
  // A name that a Gateway serves need not be one of the mesh.
  const findings = [...notes.map((note) => failure(base.ref, 'InvalidResource', note)), ...(bindings.length === 0 ? unknown : [])]
  return {
    model: {
      ...base,
      findings,
      hosts,
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

function readHosts(texts: readonly string[], base: Model): { readonly hosts: readonly HostKey[]; readonly unknown: readonly ResourceFinding[] } {
  const unknown: ResourceFinding[] = []
  const hosts = new Set<HostKey>()
  for (const text of texts) {
    const key = hostKeyOf(text, base.namespace)
    if (key !== undefined) hosts.add(key)
    else unknown.push(warning(base.ref, 'HostNotFound', `the host ${text} is no name of the mesh; its routes have no effect`))
  }
  return { hosts: [...hosts], unknown }
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
  const traffic = readTrafficPolicy(policies?.trafficPolicy, { at: 'spec.trafficPolicy', notes })
  const host = field(resource.spec, 'host')
  const subsets = subsetsOf(field(resource.spec, 'subsets')).map((subset, index) => {
    const own = readTrafficPolicy(policies?.subsets?.[index]?.trafficPolicy, { at: `spec.subsets[${index}].trafficPolicy`, notes })
    return own === undefined ? subset : { ...subset, traffic: own }
  })
  problems.push(...notes.map((note) => failure(base.ref, 'InvalidResource', note)))
  const names = new Set<string>()
  const unique = subsets.filter((subset) => !names.has(subset.name) && names.add(subset.name))
  if (unique.length < subsets.length) problems.push(warning(base.ref, 'SubsetConflict', 'two subsets have the same name; the first is used'))
  return { model: { ...base, findings: problems, host: typeof host === 'string' ? hostKeyOf(host, base.namespace) : undefined, traffic, subsets: unique } }
}

function subsetsOf(value: unknown): DestinationRuleModel['subsets'] {
  if (!Array.isArray(value)) return []
  return value.flatMap((subset: unknown) => {
    const name = field(subset, 'name')
    return typeof name === 'string' ? [{ name, labels: selectorOf(field(subset, 'labels')) }] : []
  })
}
