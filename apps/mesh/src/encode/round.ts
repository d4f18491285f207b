import { isVisible, keySourceName, keySourcesOf } from '@weft/mesh-model'
import type { HostKey, JwtRule, ListenerKey, MeshHost, MeshReplica, MeshWorkload, WorkloadKey } from '@weft/mesh-model'
import { encodeAuthentication, encodeEdgeAuthentication } from './authentication.ts'
import {
  encodeConnectCluster,
  encodeDirectCluster,
  encodeEgressCluster,
  encodeEndpoints,
  encodeGatewayCluster,
  encodeLocalCluster,
  encodeMissingCluster,
  encodePairCluster,
  encodeProbeCluster,
  speaksHttp2,
} from './clusters.ts'
import { encodeCollectorClusters } from './collector.ts'
import { TCP_HOSTS, type Accounts, type AskedNames, type TcpHosts } from './books.ts'
import { encodeEdgePolicy } from './edge-policy.ts'
import { egressCalls, egressConnections, encodeEgressRoutes } from './egress-gateway.ts'
import { CONNECTION_ROUTES, runGatewayGroup, type GatewayTools } from './gateway-groups.ts'
import { bytesHost } from './connections.ts'
import { encodeHoldListener } from './hold.ts'
import { encodeInboundListener, encodeInboundRoutes } from './inbound.ts'
import { encodeControlRoutes, encodeControlScopes, encodeHostScopes, encodeIngressListener, encodeIngressRoutes } from './ingress.ts'
import { resource } from './json.ts'
import { ingressPort, INGRESS_CALLER, pairParts, routeContext, targetKeysOf, targetsOf, tcpLegOf, waysOf, workloadCaller } from './legs.ts'
import type { Caller } from './legs.ts'
import { identitySecret, outboundRoutes, parsePairCluster, parseVirtualHost, TRUST_SECRET, TYPE_URLS } from './names.ts'
import {
  authoritiesOf,
  encodeConnectListener,
  encodeOutboundListener,
  encodeOutboundRoutes,
  encodeTcpHost,
  encodeUnknownHost,
  encodeVirtualHost,
  isMeshAuthority,
  namesOf,
  parseAuthority,
} from './outbound.ts'
import { authoritiesOfPlace, carriesHttp, findOutside, needOutside, parsePlace, placesOf, routedOutside, type Making, type Place } from './outside.ts'
import type { Routed } from './routes.ts'
import { encodePassthrough } from './outside-hosts.ts'
import { tcpRoutes } from './tcp.ts'
import type { EncodeInput, Json, NodeLayout } from './types.ts'
import { bundle, type Bundle, type UnitBook, type Wanted } from './units.ts'

const NO_REPLICAS: readonly MeshReplica[] = []

/** The identity of a workload, as groups look at it. */
export const accountOf = (account: { readonly namespace: string; readonly serviceAccount: string }) => `account/${account.namespace}/${account.serviceAccount}`

/** What is kept from one round to the next. */
export interface Books {
  readonly units: UnitBook
  readonly accounts: Accounts
  readonly asked: AskedNames
  readonly tcpHosts: TcpHosts
}

/** Makes one group. */
export class Round {
  /** Bundles of the group. */
  readonly wanted: Wanted[] = []
  readonly lookedAt = new Set<string>()
  readonly #input: EncodeInput
  readonly #layout: NodeLayout
  readonly #direct: boolean
  readonly #units: UnitBook
  readonly #accounts: Accounts
  readonly #asked: AskedNames
  readonly #tcpHosts: TcpHosts

  constructor(input: EncodeInput, layout: NodeLayout, { units, accounts, asked, tcpHosts }: Books) {
    this.#input = input
    this.#layout = layout
    this.#direct = input.snapshot.path === 'direct'
    this.#units = units
    this.#accounts = accounts
    this.#asked = asked
    this.#tcpHosts = tcpHosts
  }

  run(group: string): void {
    const slash = group.indexOf('/')
    const kind = slash < 0 ? group : group.slice(0, slash)
    const name = group.slice(slash + 1)
    if (kind === 'common') this.#common()
    else if (kind === 'ingress') this.#ingress()
    else if (kind === 'host') this.#ingressHost(name)
    else if (kind === 'workload') this.#workload(name)
    else if (kind === 'virtual-host') this.#virtualHost(name)
    else if (kind === 'cluster') this.#demandedCluster(name)
    else runGatewayGroup(kind, name, this.#gatewayTools())
  }

  #gatewayTools(): GatewayTools {
    return {
      ...this.#making,
      input: this.#input,
      targets: (host) => this.#targets(host),
      reach: (host, targets) => this.#ingressWays(host, targets),
    }
  }

  /** Wants resources, made only when one of their parts changed. The layout, the trust domain and the path are parts of everything. */
  #put(key: string, parts: readonly unknown[], make: () => Bundle): void {
    const { trustDomain, path } = this.#input.snapshot
    this.wanted.push(this.#units.want(key, [this.#layout, trustDomain, path, ...parts], make))
  }

  get #making(): Making {
    return {
      input: this.#input,
      layout: this.#layout,
      lookAt: (name) => void this.lookedAt.add(name),
      put: (key, parts, make) => this.#put(key, parts, make),
      connect: (caller, target) => {
        if (target.workload !== undefined) this.lookedAt.add(`workload/${target.workload}`)
        const leg = tcpLegOf(this.#input, caller, target)
        if (leg !== undefined) this.#pair(caller, leg.workload)
        return leg
      },
    }
  }

  #common(): void {
    this.#put('common', [], () =>
      bundle(
        [encodeHoldListener(this.#layout), encodeEgressCluster(this.#layout), encodeMissingCluster(), ...encodeCollectorClusters(this.#layout)],
        [TRUST_SECRET],
      ),
    )
  }

  // -- calls from outside -----------------------------------------------------------------------------------------------

  #ingress(): void {
    const layout = this.#layout
    const { ingress: address } = layout
    if (address === undefined) return
    const { ingressAuthentication: authentication } = this.#input.snapshot
    const keys = this.#keys(authentication?.rules ?? [])
    this.#put('policy/ingress', [authentication?.policy], () => bundle(encodeEdgePolicy(authentication?.policy)))
    this.#put('jwt/ingress', [authentication, ...keys.values()], () => bundle(encodeEdgeAuthentication(authentication, keys)))
    const identity = identitySecret(INGRESS_CALLER.namespace, INGRESS_CALLER.serviceAccount)
    this.#put('ingress', [], () =>
      bundle([encodeGatewayCluster(layout), encodeIngressListener(layout, address, this.#direct), encodeControlRoutes(), ...encodeControlScopes()], [identity]),
    )
  }

  #ingressHost(key: HostKey): void {
    const host = this.#input.snapshot.hosts.get(key)
    if (host === undefined || host.isPrivate === true || this.#layout.ingress === undefined || !isVisible(host, INGRESS_CALLER.namespace)) return
    const targets = this.#targets(host)
    const outside = needOutside(this.#making, INGRESS_CALLER, host.routes, ingressPort(host))
    this.#put(`ingress/${key}`, [host, ...targets, ...outside], () => {
      const context = routeContext(this.#input, this.#layout, INGRESS_CALLER, ingressPort(host))
      return bundle([encodeIngressRoutes(key, host, context), ...encodeHostScopes(key, host)])
    })
    this.#ingressWays(host, targets)
  }

  /** Clusters to where calls of the ingress go. */
  #ingressWays(host: Pick<MeshHost, 'routes'>, targets: readonly MeshWorkload[]): void {
    const { encrypted, direct } = waysOf(this.#input, host)
    // A call with one way waits for its cluster the first time, so that what is never called has none; a share or a copy of a call does not wait. What is
    // there already stays: calls are on their way to it.
    for (const callee of encrypted) if (targets.length > 1 || this.#units.has(pairUnit(INGRESS_CALLER, callee))) this.#pair(INGRESS_CALLER, callee)
    for (const callee of direct) this.#put(`direct/${callee.key}`, [callee], () => bundle([encodeDirectCluster(callee, this.#layout)]))
  }

  /** The workloads of a host's routes; those that are not there (yet) are looked at too. */
  #targets(host: Pick<MeshHost, 'routes'>): readonly MeshWorkload[] {
    for (const workload of targetKeysOf(host)) this.lookedAt.add(`workload/${workload}`)
    return targetsOf(this.#input.snapshot, host)
  }

  // -- one workload -----------------------------------------------------------------------------------------------------

  #workload(key: WorkloadKey): void {
    const { snapshot, node } = this.#input
    const workload = snapshot.workloads.get(key)
    if (workload?.proxy !== node) return
    const layout = this.#layout
    const { trustDomain } = snapshot
    if (workload.gateway !== undefined) {
      this.#gateway(workload, workload.gateway)
      return
    }
    const replicas = this.#input.replicas.get(key) ?? NO_REPLICAS
    this.#put(`workload/${key}`, [workload], () =>
      bundle(
        [
          encodeInboundListener(workload, layout, trustDomain),
          encodeInboundRoutes(workload, layout, trustDomain),
          encodeLocalCluster(workload, layout),
          ...(speaksHttp2(workload) ? [encodeProbeCluster(workload, layout)] : []),
        ],
        [identitySecret(workload.namespace, workload.serviceAccount)],
      ),
    )
    this.#authentication(workload)
    // Of the workload only its key is in there while nothing calls.
    this.#put(`endpoints/${key}`, [replicas], () => bundle([encodeEndpoints(key, replicas, layout)]))
    if (replicas.some(calls)) this.#outbound(workload, replicas)
  }

  /** A port of the egress gateway. Routes may come under names that nobody had before. */
  #gateway(workload: MeshWorkload, listener: ListenerKey): void {
    const { snapshot } = this.#input
    const identity = identitySecret(workload.namespace, workload.serviceAccount)
    this.#put(`workload/${workload.key}`, [workload], () => bundle([encodeInboundListener(workload, this.#layout, snapshot.trustDomain)], [identity]))
    this.#authentication(workload)
    this.lookedAt.add(CONNECTION_ROUTES)
    const caller = workloadCaller(workload)
    const port = workload.port ?? 0
    const hosts = [...snapshot.gatewayHosts.values()].filter(({ chain }) => chain === listener || chain.startsWith(`${listener}/`))
    const http = hosts.filter(({ tcp }) => tcp === undefined)
    const parts = http.flatMap((host) => [host, ...this.#pairs(caller, host), ...needOutside(this.#making, caller, host.routes, port)])
    const connections = hosts.filter(({ tcp }) => tcp !== undefined).map((host) => egressConnections(this.#making, workload, host))
    this.#put(`routes/${workload.key}`, [workload, ...parts, JSON.stringify(connections)], () => {
      const context = routeContext(this.#input, this.#layout, caller, port)
      return bundle([
        encodeEgressRoutes(
          workload,
          http.map((host) => egressCalls(host, context)),
          connections,
        ),
      ])
    })
  }

  #authentication({ key, authentication }: MeshWorkload): void {
    if (authentication === undefined) return
    const keys = this.#keys(authentication)
    this.#put(`jwt/${key}`, [authentication, ...keys.values()], () => bundle([encodeAuthentication(key, authentication, keys)]))
  }

  /** The fetched keys of rules. Those that are not there (yet) are looked at too. */
  #keys(rules: readonly JwtRule[]): ReadonlyMap<string, string> {
    const names = keySourcesOf(rules).map(keySourceName)
    for (const name of names) this.lookedAt.add(`keys/${name}`)
    return new Map(names.map((name) => [name, this.#input.keys?.get(name) ?? '']).filter(([, text]) => text !== '') as [string, string][])
  }

  #outbound(workload: MeshWorkload, replicas: readonly MeshReplica[]): void {
    this.#put(`callers/${workload.key}`, [workload.key, replicas], () =>
      bundle([
        // What the others send first calls through comes first: who finds them accepting finds it too.
        encodeConnectCluster(workload.key),
        encodeConnectListener(workload, this.#layout, this.#direct),
        ...replicas.filter(calls).map((replica) => encodeOutboundListener(workload, replica, replica.outboundSocket, this.#layout, this.#direct)),
      ]),
    )
    this.#outboundRoutes(workload)
  }

  #outboundRoutes(workload: MeshWorkload): void {
    const { snapshot, demand } = this.#input
    const whole = this.#asksTooMuch(workload) ? [...snapshot.hosts.values()] : undefined
    const connections = this.#connections(workload)
    if (whole === undefined) {
      this.#put(`outbound/${workload.key}`, [JSON.stringify(connections)], () => bundle([encodeOutboundRoutes({ workload, snapshot, connections })]))
      return
    }
    this.lookedAt.add('everything')
    const virtualHosts = [...whole.flatMap((host) => this.#wholeHost(workload, host)), ...this.#wholeOutside(workload)]
    this.#put(`outbound/${workload.key}`, [snapshot, [...demand.virtualHosts].join(' ')], () =>
      bundle([encodeOutboundRoutes({ workload, snapshot, connections, whole: virtualHosts })]),
    )
    for (const host of whole) this.#pairs(workloadCaller(workload), host)
  }

  /** Routes of a caller's connections to all ports of raw TCP (or of those to one host). Their clusters come when they are needed. */
  #connections(workload: MeshWorkload, hosts: Iterable<MeshHost> = this.#tcpHosts.values()): readonly Json[] {
    this.lookedAt.add(TCP_HOSTS)
    const caller = workloadCaller(workload)
    return [...hosts].flatMap((host) => {
      for (const route of host.tcp?.routes ?? [])
        for (const target of route.targets) if (target.workload !== undefined) this.lookedAt.add(`workload/${target.workload}`)
      return tcpRoutes(host, {
        callerNamespace: workload.namespace,
        callerLabels: workload.labels,
        leg: (target) => tcpLegOf(this.#input, caller, target),
        names: namesOf(host, workload.namespace),
      })
    })
  }

  /** A caller that makes up names would fill the proxy's memory; its routes are sent as a whole then, which are bounded by the hosts that exist. */
  #asksTooMuch(workload: MeshWorkload): boolean {
    const prefix = `${outboundRoutes(workload.key)}/`
    let unknown = 0
    for (const name of this.#asked.of(workload.key)) if (!this.#isKnown(workload, name.slice(prefix.length))) unknown += 1
    return unknown > this.#layout.limits.maxUnknownHosts
  }

  /** Names below a wildcard are as many as a caller likes. */
  #isKnown(workload: MeshWorkload, authority: string): boolean {
    if (this.#find(workload, authority).host !== undefined) return true
    const place = parsePlace(authority)
    return findOutside(this.#making, workload, place).entry?.entry.host === place.host
  }

  #isAsked(workload: MeshWorkload, authority: string): boolean {
    return this.#input.demand.virtualHosts.has(`${outboundRoutes(workload.key)}/${authority}`)
  }

  #wholeOutside(workload: MeshWorkload): readonly Json[] {
    return placesOf(this.#input.snapshot).flatMap((place) => {
      const domains = authoritiesOfPlace(place).filter((authority) => !this.#isAsked(workload, authority))
      const [name] = domains
      const made = name === undefined ? undefined : this.#outsideHost(workload, place, { name, domains })
      return made === undefined ? [] : [made.json]
    })
  }

  #wholeHost(workload: MeshWorkload, host: MeshHost): readonly Json[] {
    if (!isVisible(host, workload.namespace)) return []
    return authoritiesOf(host, workload.namespace).flatMap((authority): readonly Json[] => {
      if (this.#isAsked(workload, authority)) return []
      const port = parseAuthority(authority, workload.namespace)?.port ?? 80
      return [encodeVirtualHost(authority, [authority], named(host), workload.key, routeContext(this.#input, this.#layout, workloadCaller(workload), port))]
    })
  }

  // -- what is asked for by name ------------------------------------------------------------------------------------------

  #find(caller: MeshWorkload, authority: string): { readonly host: MeshHost | undefined; readonly port: number } {
    const asked = parseAuthority(authority, caller.namespace)
    if (asked !== undefined) this.lookedAt.add(`host/${asked.namespace}/${asked.name}`)
    const host = asked === undefined ? undefined : this.#input.snapshot.hosts.get(`${asked.namespace}/${asked.name}`)
    return { host: host !== undefined && isVisible(host, caller.namespace) ? host : undefined, port: asked?.port ?? 80 }
  }

  #virtualHost(name: string): void {
    const asked = parseVirtualHost(name)
    if (asked === undefined || !this.#input.demand.virtualHosts.has(name)) return
    this.lookedAt.add(`workload/${asked.workload}`)
    const workload = this.#input.snapshot.workloads.get(asked.workload)
    const { host, port } = workload === undefined ? { host: undefined, port: 0 } : this.#find(workload, asked.authority)
    const key = `virtual-host/${name}`
    const made = (json: Json): Bundle => bundle([resource(TYPE_URLS.virtualHost, name, json)])
    const outside =
      workload === undefined || host !== undefined ? undefined : this.#outsideHost(workload, parsePlace(asked.authority), { name, domains: [asked.authority] })
    if (outside !== undefined) {
      this.#put(key, outside.parts, () => made(outside.json))
      return
    }
    if (workload === undefined || host === undefined || !host.ports.includes(port)) {
      this.#unknownHost(name, asked.authority, { host, port, workload })
      return
    }
    if (host.tcp?.ports.includes(port) === true) {
      const connections = this.#connections(workload, [host])
      this.#put(key, [host, JSON.stringify(connections)], () => made(encodeTcpHost(name, asked.authority, host, connections)))
      return
    }
    const caller = workloadCaller(workload)
    const targets = this.#pairs(caller, host)
    const outsideParts = needOutside(this.#making, caller, host.routes, port)
    this.#put(key, [workload, host, ...targets, ...outsideParts], () =>
      made(encodeVirtualHost(name, [asked.authority], named(host), asked.workload, routeContext(this.#input, this.#layout, caller, port))),
    )
  }

  /** A name of the mesh that it does not know, or any other one, which is passed on or refused. */
  #unknownHost(
    name: string,
    authority: string,
    { host, port, workload }: { readonly host: MeshHost | undefined; readonly port: number; readonly workload: MeshWorkload | undefined },
  ): void {
    const { namespaces, outbound } = this.#input.snapshot
    const key = `virtual-host/${name}`
    const caller = parseVirtualHost(name)?.workload ?? ''
    if (host === undefined) this.lookedAt.add('namespaces')
    const ofMesh = workload === undefined || host !== undefined || isMeshAuthority(authority, namespaces)
    this.#put(key, [host, ofMesh, outbound.policy], () =>
      bundle([
        resource(
          TYPE_URLS.virtualHost,
          name,
          ofMesh ? encodeUnknownHost(name, authority, { host, port }, caller) : encodePassthrough(name, authority, outbound.policy),
        ),
      ]),
    )
  }

  /** The virtual host of a registered place outside; `undefined` where nothing is registered. */
  #outsideHost(
    workload: MeshWorkload,
    place: Place,
    names: { readonly name: string; readonly domains: readonly string[] },
  ): { readonly json: Json; readonly parts: readonly unknown[] } | undefined {
    const found = findOutside(this.#making, workload, place)
    if (found.entry === undefined && found.routes === undefined) return undefined
    const caller = workloadCaller(workload)
    const parts = [workload, ...found.parts]
    if (!carriesHttp(found)) {
      const bytes = bytesHost(this.#making, caller, { place, found }, names)
      return { json: bytes, parts: [...parts, JSON.stringify(bytes)] }
    }
    const host = routedOutside(found, place)
    const targets = this.#pairs(caller, host)
    const outside = needOutside(this.#making, caller, host.routes, place.port)
    const json = encodeVirtualHost(names.name, names.domains, host, workload.key, routeContext(this.#input, this.#layout, caller, place.port))
    return { json, parts: [...parts, ...targets, ...outside] }
  }

  /** Clusters that routes to the host need for this caller. */
  #pairs(caller: Caller, host: Pick<MeshHost, 'routes'>): readonly MeshWorkload[] {
    const targets = this.#targets(host)
    for (const callee of waysOf(this.#input, host).encrypted) this.#pair(caller, callee)
    return targets
  }

  #pair(caller: Caller, callee: MeshWorkload): void {
    const parts = pairParts(this.#input, this.#layout, caller, callee)
    if (parts === undefined) return
    this.#put(pairUnit(caller, callee), [callee, parts.calleeLayout], () =>
      bundle([encodePairCluster(parts)], [identitySecret(caller.namespace, caller.serviceAccount)]),
    )
  }

  /** A cluster that a route named before this encoder gave it; only identities that this node serves get one. */
  #demandedCluster(name: string): void {
    const asked = parsePairCluster(name)
    if (asked === undefined || !this.#input.demand.clusters.has(name)) return
    this.lookedAt.add(`workload/${asked.workload}`)
    this.lookedAt.add(accountOf(asked))
    const callee = this.#input.snapshot.workloads.get(asked.workload)
    const caller = this.#callerOf(accountOf(asked))
    if (callee !== undefined && caller !== undefined) this.#pair(caller, callee)
  }

  #callerOf(account: string): Caller | undefined {
    if (account === accountOf(INGRESS_CALLER)) return this.#layout.ingress === undefined ? undefined : INGRESS_CALLER
    const workload = this.#input.snapshot.workloads.get(this.#accounts.one(account) ?? '')
    return workload === undefined ? undefined : workloadCaller(workload)
  }
}

/** A host of the mesh as messages name it. */
const named = ({ name, namespace, routes }: MeshHost): Routed => ({ name: `${name}.${namespace}`, routes })

const pairUnit = (caller: Caller, callee: MeshWorkload) => `pair/${caller.namespace}/${caller.serviceAccount}/${callee.key}`

function calls(replica: MeshReplica): replica is MeshReplica & { readonly outboundSocket: string } {
  return replica.outboundSocket !== undefined
}
