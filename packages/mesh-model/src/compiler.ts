import { DEFAULT_NAMESPACE, DEFAULT_TRUST_DOMAIN, NAMESPACE_ALIASES, refKey } from '@weft/core'
import { compileGateway, credentialOf, frontFindings } from './compile/gateway.ts'
import { compileGatewayHost, isApiRoute, type CompiledGatewayHost } from './compile/gateway-host.ts'
import { compileParents, type CompiledParents } from './compile/gateway-parents.ts'
import { classStatus, gatewayStatus } from './compile/gateway-status.ts'
import { Multimap } from './world/multimap.ts'
import type { ResourceStatus } from './resource-status.ts'
import type { IngressAuthentication } from './authentication.ts'
import { compileIngressAuthentication } from './compile/authentication.ts'
import { compileEgress } from './compile/egress.ts'
import { egressPortOf, egressWorkload } from './egress.ts'
import { compileExternal, type PlatformPlaces } from './compile/external.ts'
import { compileHost, type CompiledHost } from './compile/host.ts'
import { compileListener, compileNames } from './compile/listener.ts'
import { chosenTraffic } from './compile/traffic.ts'
import { placedOn } from './compile/placement.ts'
import { compileWorkload } from './compile/workload.ts'
import { equal, shared } from './equal.ts'
import { StatusBook } from './status-book.ts'
import type { MeshExternal } from './external.ts'
import { FindingBook } from './finding-book.ts'
import type { WorkloadTraffic } from './workload-traffic.ts'
import {
  SNAPSHOT_MAPS,
  type GatewayHost,
  type HostKey,
  type MapDifference,
  type MeshHost,
  type MeshListener,
  type MeshSnapshot,
  type MeshWorkload,
  type SnapshotDifference,
  type SnapshotMap,
  type WorkloadKey,
} from './snapshot.ts'
import { refOfChange, type Change } from './world/change.ts'
import { listenerKey, listenerOfKey, type IngressPorts } from './world/gateways.ts'
import { thingOf, type Causes } from './world/marks.ts'
import { FRONT, OUTSIDE, World, type Dirt } from './world/world.ts'

/** What is the same for the whole mesh. */
export interface CompilerSettings {
  readonly trustDomain?: string
  readonly path?: MeshSnapshot['path']
  readonly outbound?: MeshSnapshot['outbound']['policy']
  /** Xds node ids of the proxies over which the workloads are placed; at least one. */
  readonly proxies: readonly string[]
  /** Where the platform itself listens. */
  readonly platform?: PlatformPlaces
  /** The platform's ports for calls from outside, without and with TLS: ports 80 and 443 of Gateways. Default 8080 and 8443. */
  readonly ingressPorts?: IngressPorts
  /** Where the platform takes calls from outside, for the status of Gateways. */
  readonly ingressAddress?: string
}

/** A snapshot, and what is different in it from the one before. */
export interface Compilation {
  readonly snapshot: MeshSnapshot
  readonly difference: SnapshotDifference
}

/**
 * The compiler: takes changes of resources in, gives snapshots out. It holds the world in between, and touches nothing else. Any order and any batching of
 * the same changes ends in a snapshot of the same content.
 */
export interface MeshCompiler {
  readonly snapshot: MeshSnapshot
  /**
   * Takes in changes (whole resources; the last one of a resource wins) and compiles what they touch. Never throws for what stands in a resource.
   * Changes that mean nothing to the proxies give back the same snapshot, and an empty difference.
   */
  apply(changes: readonly Change[]): Compilation
}

const SAME: MapDifference = { set: [], removed: [] }
const NOTHING: SnapshotDifference = {
  workloads: SAME,
  hosts: SAME,
  gateways: SAME,
  listeners: SAME,
  chainNames: SAME,
  gatewayHosts: SAME,
  credentials: SAME,
  externals: SAME,
}
const INGRESS_PORTS: IngressPorts = { http: 8080, https: 8443 }

/** Makes a compiler of an empty world: its snapshot has version 0. */
export function createCompiler(settings: CompilerSettings): MeshCompiler {
  return new Compiler(settings)
}

class Compiler implements MeshCompiler {
  readonly #world: World
  readonly #proxies: readonly string[]
  readonly #platform: PlatformPlaces
  readonly #externalReferences = new Map<string, ReadonlySet<WorkloadKey>>()
  readonly #hosts = new Map<string, CompiledHost>()
  readonly #gatewayHosts = new Map<string, CompiledGatewayHost>()
  /** How many hosts refer to a workload. */
  readonly #references = new Map<WorkloadKey, number>()
  /** How a workload is reached, as each host says that it stands behind. */
  readonly #traffic = new Map<WorkloadKey, ReadonlyMap<HostKey, WorkloadTraffic>>()
  readonly #findings = new FindingBook()
  readonly #statuses = new StatusBook()
  /** Listeners of Gateways, and the routes that are attached to them. */
  readonly #attached = new Multimap<string>()
  readonly #parents = new Map<string, CompiledParents>()
  readonly #ingressAddress: string | undefined
  #ingressAuthentication: IngressAuthentication | undefined
  /** Gateways and GatewayClasses that a status was worked out for. */
  #saidOf: ReadonlySet<string> = new Set()
  #snapshot: MeshSnapshot

  constructor(settings: CompilerSettings) {
    const trustDomain = settings.trustDomain ?? DEFAULT_TRUST_DOMAIN
    this.#world = new World(trustDomain, settings.ingressPorts ?? INGRESS_PORTS)
    this.#proxies = settings.proxies
    this.#ingressAddress = settings.ingressAddress
    this.#platform = settings.platform ?? { addresses: [], ports: [] }
    this.#snapshot = {
      version: 0,
      cause: [],
      trustDomain,
      path: settings.path ?? 'encrypted',
      workloads: new Map(),
      hosts: new Map(),
      gateways: new Map(),
      listeners: new Map(),
      chainNames: compileNames(this.#world, new Map()),
      gatewayHosts: new Map(),
      credentials: new Map(),
      externals: new Map(),
      namespaces: new Set([DEFAULT_NAMESPACE]),
      outbound: { policy: settings.outbound ?? 'ALLOW_ANY' },
      findings: this.#findings.list(),
      statuses: this.#statuses.map(),
    }
  }

  get snapshot(): MeshSnapshot {
    return this.#snapshot
  }

  apply(changes: readonly Change[]): Compilation {
    const dirt = this.#world.apply(changes)
    const dirtyWorkloads = new Set(dirt.workloads)
    const drafts = draftsOf(this.#snapshot)
    for (const key of dirt.hosts) drafts.hosts.put(key, this.#compileHost(key, dirtyWorkloads))
    this.#compileGateways(dirt, drafts, dirtyWorkloads)
    this.#sayOfGateways(dirt, drafts)
    for (const key of dirt.externals) drafts.externals.put(key, this.#compileExternal(key, dirtyWorkloads))
    this.#markEgress(dirt, drafts, dirtyWorkloads)
    for (const key of dirtyWorkloads) drafts.workloads.put(key, this.#compileWorkload(key, drafts.listeners.result()))
    for (const key of dirt.findings) this.#findings.put(`resource ${key}`, this.#world.findings.get(key) ?? [])
    if (dirt.edges) this.#compileIngress()
    this.#sayFindings(dirt)
    return this.#publish(changes, dirt, drafts)
  }

  #compileGateways({ gateways: dirt }: Dirt, drafts: Drafts, dirtyWorkloads: Set<WorkloadKey>): void {
    const world = this.#world
    for (const key of dirt.gatewayHosts) drafts.gatewayHosts.put(key, this.#compileGatewayHost(key, dirtyWorkloads))
    for (const key of dirt.credentials) drafts.credentials.put(key, this.#isReferredTo(key) ? credentialOf(world, key) : undefined)
    const listeners = new Set(dirt.listeners)
    for (const key of dirt.gateways) {
      const { gateway, findings } = compileGateway(world, key)
      drafts.gateways.put(key, gateway)
      this.#findings.put(`gateway ${key}`, findings)
      for (const listener of world.gateways.listenersOf(key)) listeners.add(listener)
    }
    for (const key of listeners) {
      const { listener, findings } = compileListener(world, key, drafts.gateways.result())
      drafts.listeners.put(key, listener)
      this.#findings.put(`listener ${key}`, findings)
    }
    for (const key of dirt.fronts) this.#compileFront(key)
    if (listeners.size > 0 || drafts.gatewayHosts.keysChanged) this.#compileNames(drafts)
  }

  /** Ports of the egress gateway are workloads, whose policies are looked up as those of others. */
  #markEgress(dirt: Dirt, drafts: Drafts, dirtyWorkloads: Set<WorkloadKey>): void {
    const listeners = drafts.listeners.difference()
    const all = dirt.edges ? drafts.listeners.result().keys() : []
    for (const key of [...listeners.set, ...listeners.removed, ...all]) {
      const listener = listenerOfKey(key)
      if (listener?.placement === 'egress') dirtyWorkloads.add(egressWorkload(listener.port))
    }
  }

  #isReferredTo(credential: string): boolean {
    return this.#world.gateways.users.get(credential).size > 0
  }

  #compileFront(key: string): void {
    const front = this.#world.fronts.get(key)
    const parents = front !== undefined && isApiRoute(front) ? compileParents(this.#world, front) : undefined
    for (const listener of this.#parents.get(key)?.attached ?? []) this.#attached.delete(listener, key)
    for (const listener of parents?.attached ?? []) this.#attached.add(listener, key)
    if (parents === undefined) this.#parents.delete(key)
    else this.#parents.set(key, parents)
    this.#world.dependencies.set(`${FRONT}${key}`, parents?.dependencies ?? new Set())
    this.#statuses.put(`${FRONT}${key}`, parents?.statuses ?? [])
    this.#findings.put(`${FRONT}${key}`, parents?.findings ?? (front === undefined ? [] : frontFindings(this.#world, front)))
  }

  /** Nothing is said of a resource of which nothing was found out, and never was. */
  #sayFindings(dirt: Dirt): void {
    const touched = new Set([...this.#findings.takeTouched(), ...dirt.told])
    this.#statuses.putWhole(
      [...touched].flatMap((key): readonly (readonly [string, ResourceStatus | undefined])[] => {
        const told = this.#world.told.get(key)
        if (told === undefined) return dirt.told.has(key) ? [[key, undefined]] : []
        const findings = this.#findings.of(key)
        const { resource, generation } = told
        return [[key, findings.length > 0 || told.says ? { resource, generation, findings } : undefined]]
      }),
    )
  }

  /** Costs a look at each Gateway of the Gateway API. */
  #sayOfGateways({ gateways: dirt, apiGateways }: Dirt, drafts: Drafts): void {
    if (!apiGateways && Object.values(dirt).every((set) => set.size === 0)) return
    const { models, classes } = this.#world.apiGateways
    const around = {
      world: this.#world,
      listeners: drafts.listeners.result(),
      attached: (listener: string) => this.#attached.get(listener).size,
      address: this.#ingressAddress,
    }
    const said = new Map<string, ResourceStatus | undefined>([
      ...[...models.values()].map(
        (gateway) => [refKey(gateway.ref), this.#world.apiGateways.isOurs(gateway) ? gatewayStatus(gateway, around) : undefined] as const,
      ),
      ...[...classes.values()].map((one) => [refKey(one.ref), classStatus(one)] as const),
    ])
    const gone = [...this.#saidOf].filter((key) => !said.has(key)).map((key) => [key, undefined] as const)
    this.#statuses.putWhole([...gone, ...said])
    this.#saidOf = new Set(said.keys())
  }

  #compileNames(drafts: Drafts): void {
    const names = compileNames(this.#world, drafts.listeners.result())
    for (const key of this.#snapshot.chainNames.keys()) if (!names.has(key)) drafts.chainNames.put(key, undefined)
    for (const [key, value] of names) drafts.chainNames.put(key, value)
  }

  #compileGatewayHost(key: string, dirtyWorkloads: Set<WorkloadKey>): GatewayHost | undefined {
    const before = this.#gatewayHosts.get(key)
    const after = compileGatewayHost(this.#world, key)
    if (after.host === undefined) this.#gatewayHosts.delete(key)
    else this.#gatewayHosts.set(key, after)
    this.#world.dependencies.set(key, after.dependencies)
    this.#findings.put(`gateway host ${key}`, after.findings)
    this.#referAnew(before?.refersTo ?? new Set(), after.refersTo, dirtyWorkloads)
    return after.host
  }

  #compileHost(key: string, dirtyWorkloads: Set<WorkloadKey>): MeshHost | undefined {
    const before = this.#hosts.get(key)
    const after = compileHost(this.#world, key)
    const exists = after.host !== undefined || after.findings.length > 0 || after.statuses.length > 0
    if (exists) this.#hosts.set(key, after)
    else this.#hosts.delete(key)
    this.#world.dependencies.set(key, exists ? after.dependencies : new Set())
    this.#findings.put(`host ${key}`, after.findings)
    this.#statuses.put(`host ${key}`, after.statuses)
    this.#carry(key, before?.traffic ?? new Map(), after.traffic, dirtyWorkloads)
    this.#referAnew(before?.refersTo ?? new Set(), after.refersTo, dirtyWorkloads)
    return after.host
  }

  #compileExternal(key: string, dirtyWorkloads: Set<WorkloadKey>): MeshExternal | undefined {
    const before = this.#externalReferences.get(key)
    const { external, refersTo, findings, dependencies } = compileExternal(this.#world, key, this.#platform)
    const exists = external !== undefined || findings.length > 0
    this.#world.dependencies.set(OUTSIDE + key, exists ? dependencies : new Set())
    this.#findings.put(`outside ${key}`, findings)
    if (refersTo.size === 0) this.#externalReferences.delete(key)
    else this.#externalReferences.set(key, refersTo)
    this.#referAnew(before ?? new Set(), refersTo, dirtyWorkloads)
    return external
  }

  #referAnew(before: ReadonlySet<WorkloadKey>, after: ReadonlySet<WorkloadKey>, dirtyWorkloads: Set<WorkloadKey>): void {
    for (const workload of before) if (!after.has(workload)) this.#refer(workload, -1, dirtyWorkloads)
    for (const workload of after) if (!before.has(workload)) this.#refer(workload, 1, dirtyWorkloads)
  }

  /** Keeps what a host says of how its workloads are reached, and marks those for which it changed. */
  #carry(host: HostKey, before: CompiledHost['traffic'], after: CompiledHost['traffic'], dirtyWorkloads: Set<WorkloadKey>): void {
    for (const workload of new Set([...before.keys(), ...after.keys()])) {
      const traffic = after.get(workload)
      if (equal(before.get(workload), traffic)) continue
      const said = new Map(this.#traffic.get(workload))
      if (traffic === undefined) said.delete(host)
      else said.set(host, traffic)
      if (said.size === 0) this.#traffic.delete(workload)
      else this.#traffic.set(workload, said)
      dirtyWorkloads.add(workload)
    }
  }

  #refer(workload: WorkloadKey, by: 1 | -1, dirtyWorkloads: Set<WorkloadKey>): void {
    const count = (this.#references.get(workload) ?? 0) + by
    if (count === 0) this.#references.delete(workload)
    else this.#references.set(workload, count)
    if (count === 0 || (count === 1 && by === 1)) dirtyWorkloads.add(workload)
  }

  /** A revision is in the mesh while it is to be probed or runs (`Pending`, `Active`), or while a host refers to it. */
  #compileWorkload(key: WorkloadKey, listeners: MeshSnapshot['listeners']): MeshWorkload | undefined {
    const port = egressPortOf(key)
    if (port !== undefined) return this.#compileEgress(listeners.get(listenerKey('egress', port)))
    const revision = this.#world.revisions.get(key)
    const alive = revision?.phase === 'pending' || revision?.phase === 'active'
    if (revision === undefined || (!alive && !this.#references.has(key))) {
      this.#findings.put(`workload ${key}`, [])
      return undefined
    }
    const { workload, findings } = compileWorkload(
      this.#world,
      revision,
      placedOn(this.#proxies, key),
      chosenTraffic(this.#traffic.get(key), revision.function),
    )
    this.#findings.put(`workload ${key}`, findings)
    return workload
  }

  /** All of it is served by the first proxy. */
  #compileEgress(listener: MeshListener | undefined): MeshWorkload | undefined {
    const [proxy] = this.#proxies
    return listener === undefined || proxy === undefined ? undefined : compileEgress(this.#world, listener, proxy)
  }

  #compileIngress(): void {
    const after = compileIngressAuthentication(this.#world)
    if (!equal(this.#ingressAuthentication, after)) this.#ingressAuthentication = after
  }

  #publish(changes: readonly Change[], dirt: Dirt, drafts: Drafts): Compilation {
    const namespaces = dirt.namespaces ? this.#namespaces() : this.#snapshot.namespaces
    const findings = this.#findings.list()
    const statuses = this.#statuses.map()
    const ingressAuthentication = this.#ingressAuthentication
    const changed = SNAPSHOT_MAPS.some((name) => drafts[name].changed)
    const before = this.#snapshot
    const { ingressAuthentication: verified, causes: _causes, ...rest } = before
    const same = namespaces === before.namespaces && findings === before.findings && statuses === before.statuses && ingressAuthentication === verified
    if (!changed && same) return { snapshot: before, difference: NOTHING }
    this.#snapshot = {
      ...rest,
      ...(ingressAuthentication === undefined ? {} : { ingressAuthentication }),
      version: this.#snapshot.version + 1,
      cause: dirt.causes.all.length === 0 ? changes.map(refOfChange) : dirt.causes.all,
      ...narrowed(dirt.causes, drafts),
      workloads: drafts.workloads.result(),
      hosts: drafts.hosts.result(),
      gateways: drafts.gateways.result(),
      listeners: drafts.listeners.result(),
      chainNames: drafts.chainNames.result(),
      gatewayHosts: drafts.gatewayHosts.result(),
      credentials: drafts.credentials.result(),
      externals: drafts.externals.result(),
      namespaces,
      findings,
      statuses,
    }
    return { snapshot: this.#snapshot, difference: differenceOf(drafts) }
  }

  #namespaces(): ReadonlySet<string> {
    const names = new Set([DEFAULT_NAMESPACE, ...this.#world.namespaces.keys()])
    for (const alias of NAMESPACE_ALIASES.keys()) names.delete(alias)
    const before = this.#snapshot.namespaces
    return equal([...names].toSorted(), [...before].toSorted()) ? before : names
  }
}

/** What changed and is not by all that the batch has; of a very large one nothing is kept. */
function narrowed({ all, of }: Causes, drafts: Drafts): Pick<MeshSnapshot, 'causes'> {
  if (all.length < 2 || of.size === 0) return {}
  const changed = SNAPSHOT_MAPS.flatMap((name) => {
    const { set, removed } = drafts[name].difference()
    return [...set, ...removed].map((key) => thingOf(name, key))
  })
  return { causes: new Map(changed.flatMap((thing) => (of.has(thing) ? [[thing, of.get(thing) ?? []] as const] : []))) }
}

type Drafts = { readonly [name in SnapshotMap]: Draft<MeshSnapshot[name] extends ReadonlyMap<string, infer V> ? V : never> }

function draftsOf(snapshot: MeshSnapshot): Drafts {
  return {
    workloads: new Draft(snapshot.workloads),
    hosts: new Draft(snapshot.hosts),
    gateways: new Draft(snapshot.gateways),
    listeners: new Draft(snapshot.listeners),
    chainNames: new Draft(snapshot.chainNames),
    gatewayHosts: new Draft(snapshot.gatewayHosts),
    credentials: new Draft(snapshot.credentials),
    externals: new Draft(snapshot.externals),
  }
}

function differenceOf(drafts: Drafts): SnapshotDifference {
  return {
    workloads: drafts.workloads.difference(),
    hosts: drafts.hosts.difference(),
    gateways: drafts.gateways.difference(),
    listeners: drafts.listeners.difference(),
    chainNames: drafts.chainNames.difference(),
    gatewayHosts: drafts.gatewayHosts.difference(),
    credentials: drafts.credentials.difference(),
    externals: drafts.externals.difference(),
  }
}

/** A map that is copied when the first entry changes. Entries that say the same stay the same objects. */
class Draft<V> {
  readonly #before: ReadonlyMap<string, V>
  #after: Map<string, V> | undefined
  readonly #set: string[] = []
  readonly #removed: string[] = []

  constructor(before: ReadonlyMap<string, V>) {
    this.#before = before
  }

  get changed(): boolean {
    return this.#after !== undefined
  }

  /** Whether an entry came or went. */
  get keysChanged(): boolean {
    return this.#removed.length > 0 || this.#set.some((key) => !this.#before.has(key))
  }

  put(key: string, value: V | undefined): void {
    const before = this.#before.get(key)
    const after = value === undefined ? undefined : shared(before, value)
    if (after === before) return
    this.#after ??= new Map(this.#before)
    if (after === undefined) {
      this.#after.delete(key)
      this.#removed.push(key)
    } else {
      this.#after.set(key, after)
      this.#set.push(key)
    }
  }

  result(): ReadonlyMap<string, V> {
    return this.#after ?? this.#before
  }

  difference(): MapDifference {
    return { set: this.#set, removed: this.#removed }
  }
}
