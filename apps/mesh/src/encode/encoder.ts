import type { MeshHost, MeshReplica, MeshWorkload } from '@weft/mesh-model'
import {
  encodeConnectCluster,
  encodeEgressCluster,
  encodeEndpoints,
  encodeGatewayCluster,
  encodeLocalCluster,
  encodeMissingCluster,
  encodePairCluster,
} from './clusters.ts'
import { encodeHoldListener } from './hold.ts'
import { encodeInboundListener, encodeInboundRoutes } from './inbound.ts'
import { encodeControlRoutes, encodeControlScopes, encodeHostScopes, encodeIngressListener, encodeIngressRoutes } from './ingress.ts'
import { resource } from './json.ts'
import { ingressPort, INGRESS_CALLER, pairParts, routeContext, targetsOf, workloadCaller } from './legs.ts'
import type { Caller } from './legs.ts'
import { Memo } from './memo.ts'
import type { Bundle } from './memo.ts'
import { identitySecret, outboundRoutes, parsePairCluster, parseVirtualHost, TRUST_SECRET, TYPE_URLS } from './names.ts'
import {
  authoritiesOf,
  encodeConnectListener,
  encodeOutboundListener,
  encodeOutboundRoutes,
  encodeUnknownHost,
  encodeVirtualHost,
  parseAuthority,
} from './outbound.ts'
import type { EncodedNode, EncodeInput, EnvoyResource, Json, NodeLayout } from './types.ts'

const NO_REPLICAS: readonly MeshReplica[] = []
const NO_SECRETS: readonly string[] = []

/** Turns snapshots into the resources of one node. What did not change since the last call are the same objects. */
export interface Encoder {
  /** @throws RangeError when the node has no layout */
  encode(input: EncodeInput): EncodedNode
}

/**
 * Makes an encoder. A call costs a look at every workload and host (about two microseconds each) and the encoding of what changed.
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
  readonly #maps: Readonly<Record<string, Map<string, EnvoyResource>>> = Object.fromEntries(Object.values(TYPE_URLS).map((typeUrl) => [typeUrl, new Map()]))
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
    const { snapshot, node, demand } = this.#input
    this.#put('common', [], () => bundle([encodeHoldListener(this.#layout), encodeEgressCluster(this.#layout), encodeMissingCluster()]))
    if (this.#layout.ingress !== undefined) this.#ingress(this.#layout.ingress)
    for (const workload of snapshot.workloads.values()) if (workload.proxy === node) this.#workload(workload)
    for (const name of demand.virtualHosts) this.#virtualHost(name)
    for (const name of demand.clusters) this.#demandedCluster(name)
    return {
      listeners: this.#map(TYPE_URLS.listener),
      clusters: this.#map(TYPE_URLS.cluster),
      endpoints: this.#map(TYPE_URLS.endpoints),
      routes: this.#map(TYPE_URLS.route),
      scopedRoutes: this.#map(TYPE_URLS.scopedRoute),
      virtualHosts: this.#map(TYPE_URLS.virtualHost),
      secrets: this.#secrets,
    }
  }

  #map(typeUrl: string): Map<string, EnvoyResource> {
    const map = this.#maps[typeUrl]
    if (map === undefined) throw new RangeError(`${typeUrl} is not a type of resource`)
    return map
  }

  /** Puts resources, made only when one of their parts changed. The layout, the trust domain and the path are parts of everything. */
  #put(key: string, parts: readonly unknown[], make: () => Bundle): void {
    const { trustDomain, path } = this.#input.snapshot
    const { resources, secrets } = this.#memo.get(key, [this.#layout, trustDomain, path, ...parts], make)
    for (const each of resources) this.#map(each.typeUrl).set(each.name, each)
    for (const secret of secrets) this.#secrets.add(secret)
  }

  // -- calls from outside -----------------------------------------------------------------------------------------------

  #ingress(address: { readonly address: string; readonly port: number }): void {
    const layout = this.#layout
    const identity = identitySecret(INGRESS_CALLER.namespace, INGRESS_CALLER.serviceAccount)
    this.#put('ingress', [], () =>
      bundle([encodeGatewayCluster(layout), encodeIngressListener(layout, address, this.#direct), encodeControlRoutes(), ...encodeControlScopes()], [identity]),
    )
    for (const [key, host] of this.#input.snapshot.hosts) this.#ingressHost(key, host)
  }

  #ingressHost(key: string, host: MeshHost): void {
    const targets = targetsOf(this.#input.snapshot, host)
    this.#put(`ingress/${key}`, [host, ...targets], () => {
      const context = routeContext(this.#input, this.#layout, INGRESS_CALLER, ingressPort(host))
      return bundle([encodeIngressRoutes(key, host, context), ...encodeHostScopes(key, host)])
    })
    for (const callee of targets) this.#pair(INGRESS_CALLER, callee)
  }

  // -- one workload -----------------------------------------------------------------------------------------------------

  #workload(workload: MeshWorkload): void {
    const layout = this.#layout
    const { trustDomain } = this.#input.snapshot
    const { key } = workload
    const replicas = this.#input.replicas.get(key) ?? NO_REPLICAS
    this.#put(`workload/${key}`, [workload], () =>
      bundle(
        [encodeInboundListener(workload, layout, trustDomain), encodeInboundRoutes(workload, layout, trustDomain), encodeLocalCluster(workload, layout)],
        [identitySecret(workload.namespace, workload.serviceAccount)],
      ),
    )
    this.#put(`replicas/${key}`, [replicas], () => bundle([encodeEndpoints(key, replicas, layout), ...this.#outboundListeners(workload, replicas)]))
    if (replicas.some(calls)) this.#outboundRoutes(workload)
  }

  #outboundListeners(workload: MeshWorkload, replicas: readonly MeshReplica[]): readonly EnvoyResource[] {
    const callers = replicas.filter(calls)
    if (callers.length === 0) return []
    return [
      ...callers.map((replica) => encodeOutboundListener(workload, replica, replica.outboundSocket, this.#layout, this.#direct)),
      encodeConnectListener(workload, this.#layout, this.#direct),
      encodeConnectCluster(workload.key),
    ]
  }

  #outboundRoutes(workload: MeshWorkload): void {
    const { snapshot, demand } = this.#input
    const whole = this.#asksTooMuch(workload) ? [...snapshot.hosts.values()] : undefined
    const parts = [
      [...snapshot.namespaces].toSorted().join(' '),
      snapshot.outbound.policy,
      ...(whole === undefined ? [] : [snapshot, [...demand.virtualHosts].join(' ')]),
    ]
    this.#put(`outbound/${workload.key}`, parts, () => {
      const virtualHosts = whole?.flatMap((host) => this.#wholeHost(workload, host))
      return bundle([encodeOutboundRoutes({ workload, snapshot, layout: this.#layout, ...(virtualHosts === undefined ? {} : { whole: virtualHosts }) })])
    })
    if (whole !== undefined) for (const host of whole) this.#pairs(workloadCaller(workload), host)
  }

  /** A caller that makes up names would fill the proxy's memory; its routes are sent as a whole then, which are bounded by the hosts that exist. */
  #asksTooMuch(workload: MeshWorkload): boolean {
    const prefix = `${outboundRoutes(workload.key)}/`
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
    const key = `virtual-host/${name}`
    const made = (json: Json): Bundle => bundle([resource(TYPE_URLS.virtualHost, name, json)])
    if (workload === undefined || host === undefined || !host.ports.includes(port)) {
      this.#put(key, [host], () => made(encodeUnknownHost(name, asked.authority, { host, port }, asked.workload)))
      return
    }
    const caller = workloadCaller(workload)
    const targets = this.#pairs(caller, host)
    this.#put(key, [workload, host, ...targets], () =>
      made(encodeVirtualHost(name, asked.authority, host, asked.workload, routeContext(this.#input, this.#layout, caller, port))),
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
    this.#put(`pair/${caller.namespace}/${caller.serviceAccount}/${callee.key}`, [callee, parts.calleeLayout], () =>
      bundle([encodePairCluster(parts)], parts.direct ? NO_SECRETS : [identitySecret(caller.namespace, caller.serviceAccount)]),
    )
  }

  /** A cluster that a route named before this encoder gave it; only identities that this node serves get one. */
  #demandedCluster(name: string): void {
    const asked = parsePairCluster(name)
    const callee = asked === undefined ? undefined : this.#input.snapshot.workloads.get(asked.workload)
    if (asked === undefined || callee === undefined || this.#map(TYPE_URLS.cluster).has(name)) return
    for (const workload of this.#input.snapshot.workloads.values()) {
      const own = workload.proxy === this.#input.node && workload.namespace === asked.namespace && workload.serviceAccount === asked.serviceAccount
      if (own) return this.#pair(workloadCaller(workload), callee)
    }
  }
}

function bundle(resources: readonly EnvoyResource[], secrets: readonly string[] = NO_SECRETS): Bundle {
  return { resources, secrets }
}

function calls(replica: MeshReplica): replica is MeshReplica & { readonly outboundSocket: string } {
  return replica.outboundSocket !== undefined
}
