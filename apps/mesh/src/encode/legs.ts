import type { ExternalTarget, MeshHost, MeshRoute, MeshSnapshot, MeshWorkload, WorkloadKey } from '@weft/mesh-model'
import { INGRESS_PREFIX, type PathPrefix } from './matching.ts'
import { directCluster, INGRESS_IDENTITY, localCluster, pairCluster, workloadSpiffeId } from './names.ts'
import type { PairParts } from './clusters.ts'
import { decidesByCaller, policyConfig } from './rbac.ts'
import { encodeOutsideCluster } from './outside-clusters.ts'
import { outsideCluster } from './outside-names.ts'
import { outsideWay } from './outside-way.ts'
import type { Leg, LegTarget, RouteContext } from './routes.ts'
import { speaksTcp, takesConnections } from './tcp.ts'
import type { EncodeInput, NodeLayout } from './types.ts'

/** Someone who calls, as its own proxy knows it. */
export interface Caller {
  readonly namespace: string
  readonly serviceAccount: string
  /** `undefined`: the ingress. */
  readonly workload: MeshWorkload | undefined
  /** What stands before the paths that functions see. */
  readonly prefix?: PathPrefix
}

/** The ingress as a caller of functions by their names in the path. */
export const INGRESS_CALLER: Caller = { ...INGRESS_IDENTITY, workload: undefined, prefix: INGRESS_PREFIX }

/** The ingress as a caller for names of Gateways. */
export const GATEWAY_CALLER: Caller = { ...INGRESS_IDENTITY, workload: undefined }

/** A workload as a caller. */
export function workloadCaller(workload: MeshWorkload): Caller & { readonly workload: MeshWorkload } {
  return { namespace: workload.namespace, serviceAccount: workload.serviceAccount, workload }
}

/**
 * Whether a call that its route leaves as it is, from this node to the workload, is one hop. Calls to a workload with rate limits are not: its inbound listener
 * counts them; nor to one whose tokens are verified, or of which every call is watched, there.
 */
function isDirect(input: EncodeInput, callee: MeshWorkload): boolean {
  return (
    input.snapshot.path === 'direct' &&
    callee.proxy === input.node &&
    callee.gateway === undefined &&
    callee.rates === undefined &&
    callee.watched === undefined &&
    callee.authentication === undefined &&
    decidesByCaller(callee.policy)
  )
}

/**
 * How `caller` reaches the target of a route; `undefined` when the workload or its proxy is not there. `throughListener`: through the callee's inbound
 * listener, whatever the path of other calls.
 */
export function legOf(input: EncodeInput, caller: Caller, target: LegTarget, throughListener: boolean): Leg | undefined {
  const callee = target.workload === undefined ? undefined : input.snapshot.workloads.get(target.workload)
  if (callee === undefined || speaksTcp(callee) || !input.layouts.has(callee.proxy)) return undefined
  if (throughListener || !isDirect(input, callee)) return { cluster: pairCluster(caller, callee.key), workload: callee }
  const spiffeId = workloadSpiffeId(input.snapshot, caller)
  const known = { principal: spiffeId.slice('spiffe://'.length), namespace: caller.namespace }
  return {
    cluster: caller.workload === undefined ? directCluster(callee.key) : localCluster(callee.key),
    workload: callee,
    direct: {
      policy: policyConfig(callee.policy, { caller: known, prefix: caller.prefix }),
      xfcc: `By=${workloadSpiffeId(input.snapshot, callee)};URI=${spiffeId}`,
    },
  }
}

/** One way of a connection of raw TCP. */
interface TcpLeg {
  readonly cluster: string
  readonly workload: MeshWorkload
}

/** How `caller` reaches the target of a connection of raw TCP: always by mutual TLS, since what it carries says nothing of who calls. */
export function tcpLegOf(input: EncodeInput, caller: Caller, target: LegTarget): TcpLeg | undefined {
  const callee = target.workload === undefined ? undefined : input.snapshot.workloads.get(target.workload)
  if (callee === undefined || !takesConnections(callee) || !input.layouts.has(callee.proxy)) return undefined
  return { cluster: pairCluster(caller, callee.key), workload: callee }
}

/** What the pair cluster from `caller` to the target is made of; `undefined` when the target's proxy is not there. */
export function pairParts(input: EncodeInput, layout: NodeLayout, caller: Caller, callee: MeshWorkload): PairParts | undefined {
  const calleeLayout = input.layouts.get(callee.proxy)
  return calleeLayout === undefined ? undefined : { caller, callee, trustDomain: input.snapshot.trustDomain, layout, calleeLayout }
}

/** Which of a host's workloads are called through their inbound listeners (all: streams are), and which straight too. */
export function waysOf(
  input: EncodeInput,
  host: Pick<MeshHost, 'routes'>,
): { readonly encrypted: readonly MeshWorkload[]; readonly direct: readonly MeshWorkload[] } {
  const all = targetsOf(input.snapshot, host)
  return { encrypted: all, direct: all.filter((callee) => isDirect(input, callee)) }
}

/** The context in which routes of a host are written for a caller. */
export function routeContext(input: EncodeInput, layout: NodeLayout, caller: Caller, port: number): RouteContext {
  return {
    layout,
    prefix: caller.prefix,
    port,
    callerNamespace: caller.namespace,
    callerLabels: caller.workload?.labels,
    verifiesTokens: caller.workload === undefined,
    leg: (target, throughListener) =>
      target.external === undefined ? legOf(input, caller, target, throughListener) : outsideLeg(input, layout, caller, target.external, port),
  }
}

function outsideLeg(input: EncodeInput, layout: NodeLayout, caller: Caller, target: ExternalTarget, port: number): Leg | undefined {
  const way = outsideWay(input.snapshot, layout, caller, target, port)
  return way === undefined || 'missing' in encodeOutsideCluster(way, layout, input) ? undefined : { cluster: outsideCluster(way), outside: way }
}

/** Places outside to which routes may send calls or copies, each once. */
export function outsideTargetsOf(routes: readonly MeshRoute[]): readonly ExternalTarget[] {
  const all = routes.flatMap((route) => [...route.targets, ...(route.mirrors ?? [])].flatMap(({ external }) => external ?? []))
  return [...new Map(all.map((target) => [JSON.stringify(target), target])).values()]
}

/** Port of a host that calls through the ingress are taken to be for. */
export function ingressPort(host: MeshHost): number {
  return host.ports.includes(8080) ? 8080 : (host.ports[0] ?? 80)
}

/** Keys of the workloads that routes of a host may choose or copy calls to. */
export function targetKeysOf(host: Pick<MeshHost, 'routes'>): ReadonlySet<WorkloadKey> {
  const keys = host.routes.flatMap((route) => [...route.targets, ...(route.mirrors ?? [])].map(({ workload }) => workload))
  return new Set(keys.filter((key) => key !== undefined))
}

/** The same as workloads, those that are there. */
export function targetsOf(snapshot: MeshSnapshot, host: Pick<MeshHost, 'routes'>): readonly MeshWorkload[] {
  return [...targetKeysOf(host)].flatMap((key) => {
    const workload = snapshot.workloads.get(key)
    return workload === undefined ? [] : [workload]
  })
}
