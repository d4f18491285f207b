import type { Resource, ResourceRef } from '@weft/core'
import { refKey, refOf } from '@weft/core'
import { createCompiler, type Change, type MeshCompiler, type MeshSnapshot } from '../src/index.ts'

/** Resources as they are written, short enough for tables. */
type Labels = Readonly<Record<string, string>>
interface Place {
  readonly namespace?: string
  readonly created?: string
}

function written(
  apiVersion: string,
  kind: string,
  name: string,
  spec: unknown,
  { namespace = 'default', created = '2026-01-01T00:00:00Z' }: Place = {},
): Resource {
  return { apiVersion, kind, metadata: { name, namespace, creationTimestamp: created }, spec }
}

export interface FunctionParts extends Place {
  /** Short name → weight, of the status. */
  readonly traffic?: Readonly<Record<string, number>>
  readonly spec?: Readonly<Record<string, unknown>>
}

export function aFunction(name: string, { traffic = {}, spec = {}, ...place }: FunctionParts = {}): Resource {
  const shares = Object.entries(traffic).map(([revision, weight]) => ({ revision, weight }))
  return { ...written('weft.dev/v1alpha1', 'Function', name, { template: { runtime: 'node22' }, ...spec }, place), status: { traffic: shares } }
}

export interface RevisionParts extends Place {
  readonly phase?: 'Pending' | 'Active' | 'Retired' | 'Failed'
  readonly labels?: Labels
  readonly number?: number
  readonly template?: Readonly<Record<string, unknown>>
}

export function aRevision(fn: string, short: string, { phase = 'Active', labels = {}, number = 1, template = {}, ...place }: RevisionParts = {}): Resource {
  const spec = { function: fn, revision: short, number, template: { runtime: 'node22', labels, ...template } }
  return { ...written('weft.dev/v1alpha1', 'Revision', `${fn}-${short}`, spec, place), status: { phase } }
}

export function aService(name: string, selector: Labels, place: Place & { readonly ports?: readonly unknown[] } = {}): Resource {
  const { ports = [{ port: 8080, name: 'http' }], ...rest } = place
  return written('v1', 'Service', name, { selector, ports }, rest)
}

export function aVirtualService(name: string, spec: unknown, place: Place & { readonly version?: string } = {}): Resource {
  return written(`networking.istio.io/${place.version ?? 'v1'}`, 'VirtualService', name, spec, place)
}

export function aDestinationRule(host: string, subsets: Readonly<Record<string, Labels>>, place: Place & { readonly name?: string } = {}): Resource {
  const list = Object.entries(subsets).map(([name, labels]) => ({ name, labels }))
  return written('networking.istio.io/v1beta1', 'DestinationRule', place.name ?? host.split('.')[0] ?? host, { host, subsets: list }, place)
}

const GATEWAY_API = 'gateway.networking.k8s.io'

/** A parentRef to the host of a function or Service. */
export function toHost(name: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { group: '', kind: 'Service', name, ...more }
}

export function aHttpRoute(name: string, spec: unknown, place: Place & { readonly version?: string } = {}): Resource {
  return written(`${GATEWAY_API}/${place.version ?? 'v1'}`, 'HTTPRoute', name, spec, place)
}

export function aGrpcRoute(name: string, spec: unknown, place: Place = {}): Resource {
  return written(`${GATEWAY_API}/v1`, 'GRPCRoute', name, spec, place)
}

export function aHttpListener(name: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { name, port: 80, protocol: 'HTTP', ...more }
}

export function anApiGateway(
  name: string,
  listeners: readonly unknown[],
  { className = 'weft', ...place }: Place & { readonly className?: string } = {},
): Resource {
  return written(`${GATEWAY_API}/v1`, 'Gateway', name, { gatewayClassName: className, listeners }, place)
}

export function aReferenceGrant(name: string, spec: unknown, place: Place = {}): Resource {
  return written(`${GATEWAY_API}/v1beta1`, 'ReferenceGrant', name, spec, place)
}

/** `PARENT TYPE=STATUS REASON` of every condition of a route. */
export function conditionsOf(snapshot: MeshSnapshot, route: string, kind = 'HTTPRoute'): readonly string[] {
  const status = snapshot.statuses.get(refKey({ group: GATEWAY_API, kind, namespace: route.split('/')[0] ?? '', name: route.split('/')[1] ?? '' }))
  return (status?.parents ?? []).flatMap(({ parent, conditions }) =>
    conditions.map(({ type, status: holds, reason }) => `${parent.name}${parent.port === undefined ? '' : `:${parent.port}`} ${type}=${holds} ${reason}`),
  )
}

export function aPolicy(name: string, spec: unknown, place: Place & { readonly version?: string } = {}): Resource {
  return written(`security.istio.io/${place.version ?? 'v1'}`, 'AuthorizationPolicy', name, spec, place)
}

export function aPeerAuthentication(name: string, spec: unknown, place: Place = {}): Resource {
  return written('security.istio.io/v1', 'PeerAuthentication', name, spec, place)
}

export function aRequestAuthentication(name: string, spec: unknown, place: Place = {}): Resource {
  return written('security.istio.io/v1', 'RequestAuthentication', name, spec, place)
}

export function anAccount(name: string, grantedTo: string): Resource {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default', annotations: { 'weft.dev/granted-to': grantedTo } } }
}

export function aNamespace(name: string): Resource {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
}

export function set(resource: Resource): Change {
  return { type: 'set', resource }
}

export function removed(resource: Resource): Change {
  const ref: ResourceRef = refOf(resource)
  return { type: 'removed', ref }
}

export function newCompiler(trustDomain?: string): MeshCompiler {
  return createCompiler({ proxies: ['node'], ...(trustDomain === undefined ? {} : { trustDomain }) })
}

/** The snapshot of a world with these resources. */
export function compiled(...resources: readonly Resource[]): MeshSnapshot {
  return newCompiler().apply(resources.map(set)).snapshot
}

/** `workload=weight` of a host's last route, sorted; `?` for a share that goes nowhere. */
export function sharesOf(snapshot: MeshSnapshot, host: string, route = -1): readonly string[] {
  const targets = snapshot.hosts.get(host)?.routes.at(route)?.targets ?? []
  return targets.map((target) => `${target.workload ?? '?'}=${target.weight}`).toSorted()
}

/** `Kind/name Reason` of every finding. */
export function reasonsOf(snapshot: MeshSnapshot): readonly string[] {
  return snapshot.findings.map((finding) => `${finding.resource.kind}/${finding.resource.name} ${finding.reason}`)
}

export function aGateway(name: string, servers: readonly unknown[], place: Place = {}, selector: Labels = { istio: 'ingressgateway' }): Resource {
  return written('networking.istio.io/v1', 'Gateway', name, { selector, servers }, place)
}

/** A server of protocol HTTP. */
export function gatewayServer(number: number, hosts: readonly string[]): object {
  return { port: { number, name: `http-${number}`, protocol: 'HTTP' }, hosts }
}

/** A server of protocol HTTPS with the certificate of the Secret `shop`. */
export function tlsServer(hosts: readonly string[], { name = 'https', mode = 'SIMPLE', number = 443 } = {}): object {
  return { port: { number, name, protocol: 'HTTPS' }, hosts, tls: { mode, credentialName: 'shop' } }
}

export function aSecret(name: string, data: Labels, { namespace = 'default' }: Place = {}): Resource {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data } as Resource
}

export function anExternal(name: string, spec: unknown, place: Place = {}): Resource {
  return written('networking.istio.io/v1', 'ServiceEntry', name, spec, place)
}
