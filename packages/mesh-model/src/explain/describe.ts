import { SYSTEM_NAMESPACE, type NamespacedName, type ResourceRef } from '@weft/core'
import type { ExternalTarget } from '../external.ts'
import type { HostKey, MeshHost, MeshRoute, MeshSnapshot, MeshTcpRoute, MeshWorkload, ResourceFinding, WorkloadKey, WorkloadPolicy } from '../snapshot.ts'
import { authorize, identityOf, workloadsOf } from './authorize.ts'
import { isEgressHost } from '../egress.ts'
import { describedHost } from './egress-host.ts'
import { tokensText } from './tokens.ts'
import { connectionsWhenText, resourceText, routeWhenText, ruleText } from './words.ts'

/** A host in plain words: sentences are for people, the rest for programs. */
export interface HostDescription {
  readonly host: HostKey
  readonly fqdn: string
  readonly ports: readonly number[]
  /** Whether it is closed to calls from outside by its own name. */
  readonly isPrivate: boolean
  /** Names of gateways under which calls from outside come to its workloads: `https://shop.example.com`, with the port that is bound. */
  readonly names: readonly { readonly name: string; readonly port: number; readonly gateway: ResourceRef }[]
  readonly routes: readonly DescribedRoute[]
  readonly workloads: readonly DescribedWorkload[]
  /** What the compiler has to say about the resources that are concerned. */
  readonly findings: readonly ResourceFinding[]
}

/** Where some calls go, and why. */
export interface DescribedRoute {
  readonly name: string
  readonly when: string
  readonly shares: readonly { readonly percent: number; readonly workload?: WorkloadKey; readonly outside?: string; readonly missing?: string }[]
  readonly also: readonly string[]
  readonly origin: ResourceRef
}

/** One version, and who may call it. */
export interface DescribedWorkload {
  readonly workload: WorkloadKey
  readonly function: string
  readonly revision: string
  readonly identity: string
  readonly mtls: MeshWorkload['mtls']
  readonly mtlsText: string
  readonly callers: readonly string[]
  /** Tokens that are verified; a call without one passes unless a policy asks for it. */
  readonly tokens: readonly string[]
  /** Whether `GET /` from outside, through the ingress, is allowed. */
  readonly fromOutside: boolean
  readonly policies: readonly ResourceRef[]
}

/** Describes a host. @returns `undefined` when the mesh has none of that name */
export function describeHost(snapshot: MeshSnapshot, name: NamespacedName): HostDescription | undefined {
  const host = describedHost(snapshot, name)
  if (host === undefined) return undefined
  const outside = new Map(outsideChecks(snapshot, host))
  const workloads = workloadsOf(snapshot, host).map((workload) => describeWorkload(snapshot, workload, outside.get(workload.key) === true))
  return {
    host: host.key,
    fqdn: host.fqdn,
    ports: host.ports,
    isPrivate: host.isPrivate === true,
    names: namesOf(snapshot, workloads),
    routes: [
      ...onwardRoutes(snapshot, workloads),
      ...(host.tcp?.routes ?? []).map(describeConnections),
      ...(onlyTcp(host) ? [] : host.routes.map(describeRoute)),
    ],
    workloads,
    findings: findingsOf(snapshot, host, workloads),
  }
}

/** Looks at every name of every gateway: for a person who asks, not for calls. */
function namesOf(snapshot: MeshSnapshot, workloads: readonly DescribedWorkload[]): HostDescription['names'] {
  const own = new Set(workloads.map(({ workload }) => workload))
  const leads = (routes: readonly MeshRoute[]) => routes.some(({ targets }) => targets.some(({ workload }) => workload !== undefined && own.has(workload)))
  return [...snapshot.gatewayHosts.values()]
    .filter(({ routes }) => leads(routes))
    .map(({ chain, domain, origin }) => {
      const port = Number(/:(\d+)/.exec(chain)?.[1])
      return { name: `${chain.includes('/') ? 'https' : 'http'}://${domain}`, port, gateway: origin }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function outsideChecks(snapshot: MeshSnapshot, host: MeshHost): readonly (readonly [WorkloadKey, boolean])[] {
  const { namespace, name } = host
  // What the ingress carries by paths is HTTP, and the egress gateway has no path.
  if (onlyTcp(host) || isEgressHost(host.key)) return []
  const answer = authorize(snapshot, { from: { kind: 'ingress' }, to: { namespace, name }, method: 'GET', path: '/' })
  return (answer?.checks ?? []).map((check) => [check.workload, check.allowed] as const)
}

/** Whether nothing of a host is HTTP. */
const onlyTcp = ({ ports, tcp }: MeshHost): boolean => ports.every((port) => tcp?.ports.includes(port))

/** Where a gateway sends calls on, by the name that they are for. */
function onwardRoutes(snapshot: MeshSnapshot, workloads: readonly DescribedWorkload[]): readonly DescribedRoute[] {
  const listeners = workloads.flatMap(({ workload }) => snapshot.workloads.get(workload)?.gateway ?? [])
  return [...snapshot.gatewayHosts.values()]
    .filter(({ chain }) => listeners.some((listener) => chain === listener || chain.startsWith(`${listener}/`)))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap(({ domain, routes, tcp = [] }) =>
      [...tcp.map(describeConnections), ...routes.map(describeRoute)].map((route) => ({ ...route, when: `For ${domain}: ${route.when}` })),
    )
}

function describeConnections(route: MeshTcpRoute): DescribedRoute {
  return { name: route.name, when: connectionsWhenText(route), shares: sharesOf(route.targets), also: [], origin: route.origin }
}

function describeRoute(route: MeshRoute): DescribedRoute {
  return { name: route.name, when: routeWhenText(route), shares: sharesOf(route.targets), also: alsoText(route), origin: route.origin }
}

function sharesOf(targets: MeshRoute['targets']): DescribedRoute['shares'] {
  const sum = targets.reduce((total, target) => total + target.weight, 0)
  return targets.map(({ weight, workload, external, missing }) => ({
    percent: sum === 0 ? 0 : Math.round((weight / sum) * 1000) / 10,
    ...(workload === undefined ? {} : { workload }),
    ...(external === undefined ? {} : { outside: outsideText(external) }),
    ...(missing === undefined ? {} : { missing }),
  }))
}

/** A place outside as people write it. */
function outsideText({ host, port, subset }: ExternalTarget): string {
  return `${host}${port === undefined ? '' : `:${port}`}${subset === undefined ? '' : ` (subset ${subset})`}`
}

function alsoText({ timeoutMs, retries, requestHeaders, responseHeaders }: MeshRoute): readonly string[] {
  const time = timeoutMs === undefined ? [] : [timeoutMs === 0 ? 'no time-out' : `at most ${timeoutMs} ms`]
  const tries = retries === undefined ? [] : [retries.attempts === 0 ? 'no retries' : `up to ${retries.attempts} retries`]
  const headers = requestHeaders === undefined && responseHeaders === undefined ? [] : ['headers are changed']
  return [...time, ...tries, ...headers]
}

const MTLS_TEXT: Readonly<Record<MeshWorkload['mtls'], string>> = {
  strict: 'mutual TLS only: callers must prove who they are',
  permissive: 'mutual TLS, and plain text from callers that prove nothing',
  disable: 'plain text only: nobody proves who they are',
}

function describeWorkload(snapshot: MeshSnapshot, workload: MeshWorkload, fromOutside: boolean): DescribedWorkload {
  const { policy } = workload
  const refs = [...policy.deny, ...(policy.allow ?? [])].map((rule) => rule.policy).concat(policy.broken?.policy ?? [])
  return {
    workload: workload.key,
    function: workload.function,
    revision: workload.revision,
    identity: identityOf(snapshot, workload),
    mtls: workload.mtls,
    mtlsText: MTLS_TEXT[workload.mtls],
    callers: callersText(policy),
    tokens: tokensText(workload),
    fromOutside,
    policies: [...new Map(refs.map((ref) => [resourceText(ref), ref])).values()],
  }
}

function callersText({ broken, deny, allow }: WorkloadPolicy): readonly string[] {
  if (broken !== undefined) return [`Nobody: ${resourceText(broken.policy)} cannot be understood (${broken.reason})`]
  const refused = deny.map((rule) => `Refused: ${ruleText(rule)}`)
  if (allow === undefined) return [...refused, refused.length === 0 ? 'Everybody: no AuthorizationPolicy selects it' : 'Everybody else']
  if (allow.length === 0) return [...refused, 'Nobody: an ALLOW policy without rules selects it']
  return [...refused, ...allow.map((rule) => `Allowed: ${ruleText(rule)}`), 'Nobody else']
}

function findingsOf(snapshot: MeshSnapshot, host: MeshHost, workloads: readonly DescribedWorkload[]): readonly ResourceFinding[] {
  const { namespace, name } = host
  const concerned = new Set([
    ...host.routes.map((route) => resourceText(route.origin)),
    ...workloads.flatMap((workload) => workload.policies.map(resourceText)),
    ...workloads.map(({ workload }) => `Revision ${workload}`),
    `Function ${namespace}/${name}`,
    `Service ${namespace}/${name}`,
    `DestinationRule ${namespace}/${name}`,
  ])
  return snapshot.findings.filter(
    ({ resource }) => concerned.has(resourceText(resource)) || (resource.namespace === SYSTEM_NAMESPACE && resource.kind === 'AuthorizationPolicy'),
  )
}
