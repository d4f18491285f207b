import type { MeshHost, MeshReplica, MeshWorkload } from '@weft/mesh-model'
import { encodeConnectCluster, encodeEgressCluster, encodeEndpoints, encodeGatewayCluster, encodeLocalCluster, encodeMissingCluster, encodePairCluster } from './clusters.ts'
import { encodeHoldListener } from './hold.ts'
import { encodeInboundListener, encodeInboundRoutes } from './inbound.ts'
import { encodeControlRoutes, encodeControlScopes, encodeHostScopes, encodeIngressListener, encodeIngressRoutes } from './ingress.ts'
import { resource } from './json.ts'
import { ingressPort, INGRESS_CALLER, pairParts, routeContext, targetsOf, workloadCaller } from './legs.ts'
import type { Caller } from './legs.ts'
import { Memo } from './memo.ts'
import { identitySecret, outboundRoutes, pairCluster, parsePairCluster, parseVirtualHost, TRUST_SECRET, TYPE_URLS } from './names.ts'
import { authoritiesOf, encodeConnectListener, encodeOutboundListener, encodeOutboundRoutes, encodeUnknownHost, encodeVirtualHost, parseAuthority } from './outbound.ts'
import type { EncodedNode, EncodeInput, EnvoyResource, Json, NodeLayout } from './types.ts'

const NO_REPLICAS: readonly MeshReplica[] = []

/** Turns snapshots into the resources of one node. What did not change since the last call are the same objects. */
export interface Encoder {
  /** @throws RangeError when the node has no layout */
  encode(input: EncodeInput): EncodedNode
}

/**
 * Makes an encoder. A call costs a look at every workload and host (about a microsecond each) and the encoding of what changed.
 */
export function createEncoder(): Encoder {
  const memo = new Memo()
  return {
    encode(input) {
      memo.begin()
      const encoded = new Round(input, memo).run()
      memo.end()
      return encoded
    },
  }
}

/** One pass over a snapshot. */
class Round {
  readonly #input: EncodeInput
  readonly #memo: Memo
  readonly #layout: NodeLayout
  readonly #direct: boolean
  readonly #listeners = new Map<string, EnvoyResource>()
  readonly #clusters = new Map<string, EnvoyResource>()
  readonly #endpoints = new Map<string, EnvoyResource>()
  readonly #routes = new Map<string, EnvoyResource>()
  readonly #scopedRoutes = new Map<string, EnvoyResource>()
  readonly #virtualHosts = new Map<string, EnvoyResource>()
  readonly #secrets = new Set<string>([TRUST_SECRET])

  constructor(input: EncodeInput, memo: Memo) {
    const layout = input.layouts.get(input.node)
    if (layout === undefined) throw new RangeError(`no layout for node ${input.node}`)
    this.#input = input
    this.#memo = memo
    this.#layout = layout
    this.#direct = input.snapshot.path === 'direct'
  }

  run(): EncodedNode {
    this.#common()
    if (this.#layout.ingress !== undefined) this.#ingress(this.#layout.ingress)
    for (const workload of this.#input.snapshot.workloads.values()) if (workload.proxy === this.#input.node) this.#workload(workload)
    for (const name of this.#input.demand.virtualHosts) this.#virtualHost(name)
    for (const name of this.#input.demand.clusters) this.#demandedCluster(name)
    return {
      listeners: this.#listeners,
      clusters: this.#clusters,
      endpoints: this.#endpoints,
      routes: this.#routes,
      scopedRoutes: this.#scopedRoutes,
      virtualHosts: this.#virtualHosts,
      secrets: this.#secrets,
    }
  }

  /** Puts a resource, made only when one of its parts changed. The layout and the trust domain are parts of everything. */
  #put(into: Map<string, EnvoyResource>, key: string, parts: readonly unknown[], make: () => EnvoyResource): void {
    const made = this.#memo.get(key, [this.#layout, this.#input.snapshot.trustDomain, this.#input.snapshot.path, ...parts], make)
    into.set(made.name, made)
  }

  #common(): void {
    const layout = this.#layout
    this.#put(this.#listeners, 'hold', [], () => encodeHoldListener(layout))
    this.#put(this.#clusters, 'egress', [], () => encodeEgressCluster(layout))
    this.#put(this.#clusters, 'missing', [], () => encodeMissingCluster())
  }

  // -- calls from outside -----------------------------------------------------------------------------------------------

  #ingress(address: { readonly address: string; readonly port: number }): void {
    const layout = this.#layout
    this.#put(this.#clusters, 'gateway', [], () => encodeGatewayCluster(layout))
    this.#put(this.#listeners, 'ingress', [], () => encodeIngressListener(layout, address, this.#direct))
    this.#put(this.#routes, 'control', [], () => encodeControlRoutes())
    for (const scope of CONTROL) this.#scopedRoutes.set(scope.name, scope)
    this.#secrets.add(identitySecret(INGRESS_CALLER.namespace, INGRESS_CALLER.serviceAccount))
    for (const [key, host] of this.#input.snapshot.hosts) this.#ingressHost(key, host)
  }

  #ingressHost(key: string, host: MeshHost): void {
    const targets = targetsOf(this.#input.snapshot, host)
    const context = routeContext(this.#input, this.#layout, INGRESS_CALLER, ingressPort(host))
    this.#put(this.#routes, `ingress/${key}`, [host, ...targets], () => encodeIngressRoutes(key, host, context))
    for (const scope of this.#scopes(key, host)) this.#scopedRoutes.set(scope.name, scope)
    for (const callee of targets) this.#pair(INGRESS_CALLER, callee)
  }

  #scopes(key: string, host: MeshHost): readonly EnvoyResource[] {
    return encodeHostScopes(key, host).map((scope) => this.#memo.get(scope.name, [key], () => scope))
  }

  // -- one workload -----------------------------------------------------------------------------------------------------

  #workload(workload: MeshWorkload): void {
    const layout = this.#layout
    const { trustDomain } = this.#input.snapshot
    const { key } = workload
    const replicas = this.#input.replicas.get(key) ?? NO_REPLICAS
    this.#put(this.#listeners, `listener/${key}`, [workload], () => encodeInboundListener(workload, layout, trustDomain))
    this.#put(this.#routes, `routes/${key}`, [workload], () => encodeInboundRoutes(workload, layout, trustDomain))
    this.#put(this.#clusters, `local/${key}`, [workload], () => encodeLocalCluster(workload, layout))
    this.#put(this.#endpoints, `endpoints/${key}`, [replicas], () => encodeEndpoints(key, replicas, layout))
    this.#secrets.add(identitySecret(workload.namespace, workload.serviceAccount))
    this.#outbound(workload, replicas)
  }

  #outbound(workload: MeshWorkload, replicas: readonly MeshReplica[]): void {
    const layout = this.#layout
    let calls = false
    for (const replica of replicas) {
      const socket = replica.outboundSocket
      if (socket === undefined) continue
      calls = true
      this.#put(this.#listeners, `outbound/${workload.key}/${replica.id}`, [workload.key, socket], () =>
        encodeOutboundListener(workload, replica, socket, layout, this.#direct),
      )
    }
    if (!calls) return
    this.#put(this.#listeners, `connect/${workload.key}`, [workload.key], () => encodeConnectListener(workload, layout, this.#direct))
    this.#put(this.#clusters, `connect-cluster/${workload.key}`, [], () => encodeConnectCluster(workload.key))
    this.#outboundRoutes(workload)
  }

  #outboundRoutes(workload: MeshWorkload): void {
    const { snapshot } = this.#input
    const whole = this.#asksTooMuch(workload) ? [...snapshot.hosts.values()] : undefined
    const parts = [workload.key, [...snapshot.namespaces].toSorted().join(' '), snapshot.outbound.policy, ...(whole === undefined ? [] : [snapshot, [...this.#input.demand.virtualHosts].join(' ')])]
    this.#put(this.#routes, `outbound-routes/${workload.key}`, parts, () =>
      encodeOutboundRoutes({ workload, snapshot, layout: this.#layout, ...(whole === undefined ? {} : { whole: whole.flatMap((host) => this.#wholeHost(workload, host)) }) }),
    )
    if (whole !== undefined) for (const host of whole) this.#pairs(workloadCaller(workload), host)
  }

  /** A caller that makes up names would fill the proxy's memory; its routes are sent as a whole then, which are bounded by the hosts that exist. */
  #asksTooMuch(workload: MeshWorkload): boolean {
    const prefix = `outbound/${workload.key}/`
    let unknown = 0
    for (const name of this.#input.demand.virtualHosts) {
      if (name.startsWith(prefix) && this.#find(workload, name.slice(prefix.length)).host === undefined) unknown += 1
    }
    return unknown > this.#layout.limits.maxUnknownHosts
  }

  #wholeHost(workload: MeshWorkload, host: MeshHost): readonly Json[] {
    const { virtualHosts } = this.#input.demand
    const asked = (authority: string): boolean => virtualHosts.has(`${outboundRoutes(workload.key)}/${authority}`)
    return authoritiesOf(host, workload.namespace).flatMap((authority): readonly Json[] => {
      if (asked(authority)) return []
      const port = parseAuthority(authority, workload.namespace)?.port ?? 80
      return [encodeVirtualHost(authority, authority, host, workload.key, routeContext(this.#input, this.#layout, workloadCaller(workload), port))]
    })
  }

  // -- what is asked for by name ------------------------------------------------------------------------------------------

  #find(caller: MeshWorkload, authority: string): { readonly host: MeshHost | undefined; readonly port: number } {
    const asked = parseAuthority(authority, caller.namespace)
    return { host: asked === undefined ? undefined : this.#input.snapshot.hosts.get(`${asked.namespace}/${asked.name}`), port: asked?.port ?? 80 }
  }

  #virtualHost(name: string): void {
    const asked = parseVirtualHost(name)
    if (asked === undefined) return
    const workload = this.#input.snapshot.workloads.get(asked.workload)
    const { host, port } = workload === undefined ? { host: undefined, port: 0 } : this.#find(workload, asked.authority)
    if (workload === undefined || host === undefined || !host.ports.includes(port)) {
      this.#put(this.#virtualHosts, `virtual-host/${name}`, [host], () => resource(TYPE_URLS.virtualHost, name, encodeUnknownHost(name, asked.authority, { host, port }, asked.workload)))
      return
    }
    const caller = workloadCaller(workload)
    const targets = this.#pairs(caller, host)
    this.#put(this.#virtualHosts, `virtual-host/${name}`, [workload, host, ...targets], () =>
      resource(TYPE_URLS.virtualHost, name, encodeVirtualHost(name, asked.authority, host, asked.workload, routeContext(this.#input, this.#layout, caller, port))),
    )
  }

  /** Clusters that routes to the host need for this caller. */
  #pairs(caller: Caller, host: MeshHost): readonly MeshWorkload[] {
    const targets = targetsOf(this.#input.snapshot, host)
    for (const callee of targets) this.#pair(caller, callee)
    return targets
  }

  #pair(caller: Caller, callee: MeshWorkload): void {
    const parts = pairParts(this.#input, this.#layout, caller, callee)
    if (parts === undefined) return
    this.#put(this.#clusters, pairCluster(caller, callee.key), [callee, parts.calleeLayout], () => encodePairCluster(parts))
    if (!parts.direct) this.#secrets.add(identitySecret(caller.namespace, caller.serviceAccount))
  }

  /** A cluster that a route named before this encoder gave it; only identities that this node serves get one. */
  #demandedCluster(name: string): void {
    const asked = parsePairCluster(name)
    const callee = asked === undefined ? undefined : this.#input.snapshot.workloads.get(asked.workload)
    if (asked === undefined || callee === undefined || this.#clusters.has(name)) return
    for (const workload of this.#input.snapshot.workloads.values()) {
      const own = workload.proxy === this.#input.node && workload.namespace === asked.namespace && workload.serviceAccount === asked.serviceAccount
      if (own) return this.#pair(workloadCaller(workload), callee)
    }
  }
}

const CONTROL = encodeControlScopes()
