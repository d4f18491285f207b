import { join } from 'node:path'
import { keyOf, messageOf, splitKey, SYSTEM_NAMESPACE, WeftError, type NamespacedName, type ResourceRef } from '@weft/core'
import type { Log } from '@weft/kit'
import {
  authorize,
  createCompiler,
  describeHost,
  type AuthorizationAnswer,
  type AuthorizationQuestion,
  type CertificateStatus,
  type Change,
  type CompilerSettings,
  type Delivery,
  type HostDescription,
  type InvocationStatistics,
  type LoadReport,
  type MeshCompiler,
  type MeshReplica,
  type MeshStatus,
  type ProbeResult,
  type TrafficStatistics,
  type WakeResult,
  type WorkloadConfiguration,
  type WorkloadKey,
} from '@weft/mesh-model'
import { Activator } from '../activator/activator.ts'
import { activatorService } from '../activator/service.ts'
import { CredentialFiles } from '../credentials/files.ts'
import {
  directCluster,
  inboundName,
  inboundSocket,
  INGRESS_LISTENER,
  localCluster,
  outboundListener,
  SYSTEM_ACCOUNTS,
  TYPE_URLS,
  workloadSpiffeId,
} from '../encode/names.ts'
import type { Touched } from '../encode/types.ts'
import { TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { askAdmin } from '../envoy/admin.ts'
import { LogRotation } from '../envoy/log-rotation.ts'
import type { KeyKeeper } from '../jwks/keeper.ts'
import { openKeeper } from '../jwks/open.ts'
import { LoadReceiver } from '../load/service.ts'
import { invocations, parseSamples } from '../statistics/prometheus.ts'
import { trafficOf } from '../statistics/traffic.ts'
import { statusChange } from '../status/changes.ts'
import type { StatusChange } from '../status/writer.ts'
import { adsService } from '../xds/ads.ts'
import { inForce } from '../xds/delivery.ts'
import type { Target } from '../xds/node.ts'
import { serveGrpc, type GrpcServer } from '../xds/server.ts'
import { streamService } from '../streams/service.ts'
import { StreamWatch } from '../streams/watch.ts'
import { causeOf } from './cause.ts'
import { configurationOf } from './configuration.ts'
import { credentialPaths, gatewayFindings, touchedBy } from './gateways.ts'
import type { MeshSettings } from './options.ts'
import { accepts } from './outbound-socket.ts'
import type { CertificateSource } from './ports.ts'
import { probe } from './prober.ts'
import { Proxy } from './proxy.ts'

/** What the core is connected with. */
export interface CoreSurroundings {
  readonly certificates: CertificateSource
  readonly log: Log
  readonly now: () => number
  /** Wakes a workload; called once however many calls wait. */
  wake(workload: NamespacedName): Promise<WakeResult>
  /** Told every 100 ms while something is under way. */
  load(reports: readonly LoadReport[]): void
  /** Told what statuses of resources are to say, when that changed. */
  statuses(change: StatusChange): void
}

const DEFAULT_DEADLINE_MS = 5_000
const DEFAULT_TLS_PORT = 8443
const RETRY_TICK_MS = 500
/** Before the proxy gives up a held call without a word, the activator says why. */
const ANSWER_FIRST_MS = 250
const TRAFFIC_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent(`^${TRAFFIC_PREFIX}\\.`)}`
const STATISTICS_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent('^cluster\\.fn/')}`
const servingSockets = (replicas: readonly MeshReplica[]) => new Set(replicas.flatMap(({ serving, inboundSocket: socket }) => (serving ? [socket] : [])))
/** Whether no replica gets calls now that got none before. */
function onlyFewer(before: readonly MeshReplica[], after: readonly MeshReplica[]): boolean {
  const known = servingSockets(before)
  return [...servingSockets(after)].every((socket) => known.has(socket))
}

const outboundSockets = (replicas: readonly MeshReplica[]) => replicas.flatMap((replica) => replica.outboundSocket ?? [])

function ingressPorts({ ingress }: MeshSettings['layout']): Pick<CompilerSettings, 'ingressPorts'> {
  return ingress === undefined ? {} : { ingressPorts: { http: ingress.port, https: ingress.tls?.port ?? DEFAULT_TLS_PORT } }
}

/** The mesh itself: compiler, certificates, xDS, Envoy, activator, numbers. One instance in one thread. */
export class MeshCore {
  readonly #settings: MeshSettings
  readonly #with: CoreSurroundings
  readonly #compiler: MeshCompiler
  readonly #proxy: Proxy
  readonly #layouts: ReadonlyMap<string, MeshSettings['layout']>
  readonly #replicas = new Map<WorkloadKey, readonly MeshReplica[]>()
  readonly #files = new CredentialFiles({ changed: (files) => this.#publish({ files }) })
  readonly #activator: Activator
  readonly #load: LoadReceiver
  readonly #streams: StreamWatch
  readonly #keeper: KeyKeeper
  #servers: GrpcServer[] = []
  #pending: Change[] = []
  #compileSoon: NodeJS.Immediate | undefined
  #retryTimer: NodeJS.Timeout | undefined
  readonly #rotation: LogRotation
  #watched = ''
  #snapshotWaiters: (() => void)[] = []

  constructor(settings: MeshSettings, surroundings: CoreSurroundings) {
    this.#settings = settings
    this.#with = surroundings
    const { layout, trustDomain, path, outbound } = settings
    this.#layouts = new Map([[layout.node, layout]])
    const address = layout.ingress === undefined ? {} : { ingressAddress: layout.ingress.address }
    this.#compiler = createCompiler({ trustDomain, path, outbound, proxy: layout.node, ...ingressPorts(layout), ...address })
    this.#proxy = new Proxy({
      ...settings,
      xdsSocket: join(layout.runDirectory, 'xds'),
      activatorSocket: join(layout.runDirectory, 'act'),
      certificates: surroundings.certificates,
      log: surroundings.log,
      now: surroundings.now,
    })
    this.#streams = new StreamWatch({ policyOf: (workload) => this.#compiler.snapshot.workloads.get(workload)?.policy, log: surroundings.log })
    this.#keeper = openKeeper(settings, surroundings.log, (name) => this.#publish({ keys: [name] }))
    this.#rotation = new LogRotation({ file: layout.accessLogFile, moved: () => this.#proxy.reopenLogs(), log: surroundings.log })
    this.#load = new LoadReceiver(
      (reports) => surroundings.load(reports),
      () => this.#activator.waiting(),
    )
    this.#activator = new Activator({
      knows: (workload) => this.#compiler.snapshot.workloads.has(workload),
      wake: (workload) => this.#wake(workload),
      endpointsInForce: async (workload, signal) => (await inForce(this.#proxy.state, this.#servingTargets(workload), signal))?.reason,
      timeoutMs: Math.max(1, layout.activationTimeoutMs - ANSWER_FIRST_MS),
      log: surroundings.log,
      now: surroundings.now,
    })
  }

  /** Serves xDS and starts Envoy; resolves when it serves what is known until now. */
  async start(): Promise<void> {
    const { layout } = this.#settings
    const ads = adsService({
      node: (id) => (id === layout.node ? this.#proxy.state : undefined),
      subscribed: (_node, typeUrl, names) => this.#subscribed(typeUrl, names),
      log: this.#with.log,
      now: this.#with.now,
    })
    this.#servers.push(await serveGrpc(join(layout.runDirectory, 'xds'), [ads, this.#load.service()]))
    this.#servers.push(await serveGrpc(join(layout.runDirectory, 'act'), [activatorService(this.#activator), streamService(this.#streams)]))
    this.#with.certificates.onRotated(() => void this.#proxy.renewSecrets())
    this.#retryTimer = setInterval(() => this.#proxy.state.retryRejected(this.#with.now()), RETRY_TICK_MS)
    this.#compileNow()
    await this.#files.look(true)
    await this.#proxy.start()
    await this.#ingressInForce()
    await this.#everythingInForce()
    this.#rotation.start()
  }

  /** Envoy is ready without a listener that it refused: a taken address is found here. */
  async #ingressInForce(): Promise<void> {
    const { layout } = this.#settings
    if (layout.ingress === undefined || this.#proxy.pid === undefined) return
    const target = { typeUrl: TYPE_URLS.listener, name: INGRESS_LISTENER }
    const straggler = await inForce(this.#proxy.state, [target], AbortSignal.timeout(DEFAULT_DEADLINE_MS))
    if (straggler !== undefined) throw new WeftError('ENVOY_FAILED', { reason: `it ${straggler.reason}`, log: 'the log of the platform' })
  }

  /** The listeners of parked workloads come last. */
  async #everythingInForce(): Promise<void> {
    const { startTimeoutMs } = this.#settings
    if (this.#proxy.pid === undefined) return
    const straggler = await inForce(this.#proxy.state, this.#proxy.openTargets(), AbortSignal.timeout(startTimeoutMs))
    if (straggler !== undefined) this.#with.log.warn(straggler, 'the start does not wait any longer for all of the configuration')
  }

  // -- resources ----------------------------------------------------------------------------------------------------------

  /** Takes in changes of resources; what comes together is compiled together. */
  apply(changes: readonly Change[]): void {
    this.#pending.push(...changes)
    this.#compileSoon ??= setImmediate(() => this.#compileNow())
  }

  #compileNow(): void {
    const before = this.#compiler.snapshot.statuses
    clearImmediate(this.#compileSoon)
    this.#compileSoon = undefined
    const changes = this.#pending.splice(0)
    try {
      const { difference, snapshot } = this.#compiler.apply(changes)
      const touched = touchedBy(difference)
      this.#streams.changed(difference.workloads.set)
      this.#wantKeys([...difference.workloads.set, ...difference.workloads.removed])
      this.#publish(touched)
      this.#files.watch(credentialPaths(snapshot, this.#settings.layout))
    } catch (error) {
      this.#with.log.error({ changes: changes.length, reason: messageOf(error) }, 'changes could not be compiled; the last snapshot stays in force')
    }
    const change = statusChange(before, this.#compiler.snapshot.statuses)
    if (change !== undefined) this.#with.statuses(change)
    for (const resolve of this.#snapshotWaiters.splice(0)) resolve()
  }

  #wantKeys(workloads: readonly WorkloadKey[]): void {
    const { snapshot } = this.#compiler
    for (const key of workloads) this.#keeper.want(key, snapshot.workloads.get(key)?.authentication ?? [])
    this.#keeper.want('ingress', snapshot.ingressAuthentication?.rules ?? [])
  }

  #publish(touched: Partial<Touched>): void {
    const { snapshot } = this.#compiler
    const world = { snapshot, layouts: this.#layouts, replicas: this.#replicas, keys: this.#keeper.keys, files: this.#files.contents }
    this.#proxy.publish(world, touched)
  }

  /** Only what is made on demand has to be looked at again. */
  #subscribed(typeUrl: string, names: Iterable<string>): void {
    if (typeUrl === TYPE_URLS.secret) this.#proxy.answerSecrets(names)
    const touched = this.#proxy.demanded(typeUrl, names)
    if (touched !== undefined) this.#publish(touched)
  }

  /** Load is asked for where replicas are, or where calls wait for one. */
  #watchLoad(): void {
    const keys = new Set([...this.#replicas].filter(([, replicas]) => replicas.length > 0).map(([key]) => key))
    for (const key of this.#activator.waiting().keys()) keys.add(key)
    // On the direct path the ingress counts for itself.
    const ways = this.#settings.path === 'direct' ? [localCluster, directCluster] : [localCluster]
    const clusters = [...keys].toSorted().flatMap((key) => ways.map((way) => way(key)))
    const watched = clusters.join(' ')
    if (watched === this.#watched) return
    this.#watched = watched
    this.#load.watch(clusters)
  }

  async settled(deadlineMs: number): Promise<Delivery> {
    const startedAt = this.#with.now()
    this.#compileNow()
    const straggler = await inForce(this.#proxy.state, this.#proxy.openTargets(), AbortSignal.timeout(deadlineMs))
    return {
      complete: straggler === undefined,
      stragglers: straggler === undefined ? [] : [straggler],
      steps: [{ name: 'snapshot', ms: this.#with.now() - startedAt }],
    }
  }

  // -- replicas -----------------------------------------------------------------------------------------------------------

  async setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs: number = DEFAULT_DEADLINE_MS): Promise<Delivery> {
    const key = keyOf(workload)
    const signal = AbortSignal.timeout(deadlineMs)
    const startedAt = this.#with.now()
    const before = this.#replicas.get(key) ?? []
    if (replicas.length === 0) this.#replicas.delete(key)
    else this.#replicas.set(key, replicas)
    if (onlyFewer(before, replicas) && this.#compiler.snapshot.workloads.has(key)) this.#proxy.publishEndpoints(key, replicas)
    this.#publish({ workloads: [key] })
    this.#watchLoad()
    const known = await this.#untilKnown(key, replicas, signal)
    const listeners = await this.#listenersInForce(key, replicas, known, signal)
    const listenersAt = this.#with.now()
    const endpoints = await this.#endpointsInForce(key, known, signal)
    const steps = [
      { name: 'listeners', ms: listenersAt - startedAt },
      { name: 'endpoints', ms: this.#with.now() - listenersAt },
    ]
    const reason = listeners ?? endpoints
    return { complete: reason === undefined, stragglers: reason === undefined ? [] : [{ proxy: this.#settings.layout.node, reason }], steps }
  }

  /** Replicas may be told before their revision has come from the store. */
  async #untilKnown(key: WorkloadKey, replicas: readonly MeshReplica[], signal: AbortSignal): Promise<boolean> {
    if (replicas.length === 0) return this.#compiler.snapshot.workloads.has(key)
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!this.#compiler.snapshot.workloads.has(key) && !signal.aborted) {
      await Promise.race([new Promise<void>((resolve) => this.#snapshotWaiters.push(resolve)), aborted])
    }
    return this.#compiler.snapshot.workloads.has(key)
  }

  async #listenersInForce(key: WorkloadKey, replicas: readonly MeshReplica[], known: boolean, signal: AbortSignal): Promise<string | undefined> {
    if (!known) return replicas.length === 0 ? undefined : `the mesh does not know the workload ${key}`
    const outbound = replicas.filter((replica) => replica.outboundSocket !== undefined).map((replica) => outboundListener(key, replica.id))
    const targets = [inboundName(key), ...outbound].map((name): Target => ({ typeUrl: TYPE_URLS.listener, name }))
    const straggler = await inForce(this.#proxy.state, targets, signal)
    if (straggler !== undefined) return straggler.reason
    const open = await Promise.all(outboundSockets(replicas).map(async (path) => ((await accepts(path, signal)) ? [] : [path])))
    return open.flat().length === 0 ? undefined : `does not accept on ${open.flat().join(', ')}`
  }

  async #endpointsInForce(key: WorkloadKey, known: boolean, signal: AbortSignal): Promise<string | undefined> {
    return known ? (await inForce(this.#proxy.state, this.#servingTargets(key), signal))?.reason : undefined
  }

  #servingTargets(key: WorkloadKey): readonly Target[] {
    const name = localCluster(key)
    return [
      { typeUrl: TYPE_URLS.cluster, name },
      { typeUrl: TYPE_URLS.endpoints, name },
    ]
  }

  #wake(key: WorkloadKey): Promise<WakeResult> {
    // Not before the flight is registered: the list of clusters is made from it.
    setImmediate(() => this.#watchLoad())
    return this.#with.wake(splitKey(key))
  }

  // -- questions ----------------------------------------------------------------------------------------------------------

  async probe(workload: NamespacedName, timeoutMs: number): Promise<ProbeResult> {
    const known = this.#compiler.snapshot.workloads.get(keyOf(workload))
    if (known === undefined) return { ok: false, ms: 0, reason: 'the mesh does not know this workload' }
    const { certificates, now } = this.#with
    const own = await certificates.issue({ namespace: SYSTEM_NAMESPACE, serviceAccount: SYSTEM_ACCOUNTS.prober })
    return probe({
      socket: inboundSocket(this.#settings.layout, known.key),
      expectedId: workloadSpiffeId(this.#settings, known),
      certificate: own.certificateChain,
      privateKey: own.privateKey,
      roots: certificates.bundle(),
      plain: known.mtls === 'disable',
      timeoutMs,
      now,
    })
  }

  status(): MeshStatus {
    const { snapshot } = this.#compiler
    const findings = [...snapshot.findings, ...gatewayFindings(snapshot, this.#files.contents, this.#proxy.state.rejections()), ...this.#keeper.findings()]
    const { trustDomain, path } = this.#settings
    const cause = (typeUrl: string, name: string): ResourceRef | undefined => causeOf(this.#compiler.snapshot, typeUrl, name)
    return { snapshotVersion: snapshot.version, trustDomain, path, proxies: [this.#proxy.status(cause)], findings }
  }

  configuration(host: NamespacedName): readonly WorkloadConfiguration[] {
    return configurationOf(this.#compiler.snapshot, this.#proxy.state, host)
  }

  authorize(question: AuthorizationQuestion): AuthorizationAnswer | undefined {
    return authorize(this.#compiler.snapshot, question)
  }

  describe(host: NamespacedName): HostDescription | undefined {
    return describeHost(this.#compiler.snapshot, host)
  }

  certificates(): readonly CertificateStatus[] {
    return this.#with.certificates.certificates()
  }

  async rotate(): Promise<void> {
    await this.#with.certificates.rotateNow()
  }

  async invocations(): Promise<readonly InvocationStatistics[]> {
    // Envoy merges its workers' histograms after it has answered: the first question is for the second one's sake.
    await askAdmin(this.#proxy.adminSocket, '/stats?filter=^$')
    const { body } = await askAdmin(this.#proxy.adminSocket, STATISTICS_PATH)
    return invocations(parseSamples(body), this.#compiler.snapshot.workloads)
  }

  async traffic(): Promise<readonly TrafficStatistics[]> {
    await askAdmin(this.#proxy.adminSocket, '/stats?filter=^$')
    const { body } = await askAdmin(this.#proxy.adminSocket, TRAFFIC_PATH)
    return trafficOf(body, this.#compiler.snapshot)
  }

  async reopenLogs(): Promise<void> {
    await this.#proxy.reopenLogs()
  }

  /** Process id of Envoy. */
  envoyPid(): number | undefined {
    return this.#proxy.pid
  }

  /** Ends Envoy after at most `drainMs` for the calls under way, then the rest. Idempotent. */
  async stop(drainMs: number): Promise<void> {
    clearInterval(this.#retryTimer)
    this.#rotation.stop()
    this.#keeper.stop()
    clearImmediate(this.#compileSoon)
    this.#files.stop()
    await this.#proxy.stop(drainMs)
    for (const server of this.#servers.splice(0)) await server.close()
    await this.#with.certificates.close()
  }
}
