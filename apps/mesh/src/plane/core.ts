import { join } from 'node:path'
import { keyOf, messageOf, splitKey, SYSTEM_NAMESPACE, WeftError, type NamespacedName, type ResourceRef } from '@weft/core'
import type { Log } from '@weft/kit'
import {
  authorize,
  createCompiler,
  describeHost,
  referredWorkloads,
  type AuthorizationAnswer,
  type AuthorizationQuestion,
  type CertificateStatus,
  type Change,
  type CompilerSettings,
  type Delivery,
  type HostDescription,
  type InvocationStatistics,
  type LoadReport,
  type MeshChanges,
  type MeshCompiler,
  type MeshReplica,
  type MeshStatus,
  type ProbeResult,
  type ResourceFinding,
  type RootRotation,
  type RuntimeSpan,
  type SnapshotEntry,
  type TapEvent,
  type TapRequest,
  type TrafficStatistics,
  type WakeResult,
  type WorkloadConfiguration,
  type WorkloadKey,
} from '@weft/mesh-model'
import { Activator } from '../activator/activator.ts'
import { activatorService } from '../activator/service.ts'
import { CredentialFiles } from '../credentials/files.ts'
import { LastGood } from '../credentials/last-good.ts'
import { activationSpans } from '../activator/spans.ts'
import { directCluster, inboundSocket, INGRESS_LISTENER, localCluster, SYSTEM_ACCOUNTS, TYPE_URLS, workloadSpiffeId } from '../encode/names.ts'
import { platformPlaces } from '../encode/outside-way.ts'
import type { TelemetrySettings, Touched } from '../encode/types.ts'
import { SpanExporter } from '../telemetry/exporter.ts'
import { runtimeSpan } from '../telemetry/runtime-span.ts'
import { sendSpans } from '../telemetry/send.ts'
import { certificateOf } from '../encode/server-tls.ts'
import { askAdmin } from '../envoy/admin.ts'
import { LogRotation } from '../envoy/log-rotation.ts'
import type { KeyKeeper } from '../jwks/keeper.ts'
import { openKeeper } from '../jwks/open.ts'
import { LoadReceiver } from '../load/service.ts'
import { SaidStatuses } from '../status/said.ts'
import type { StatusChange } from '../status/writer.ts'
import { adsService } from '../xds/ads.ts'
import { inForce } from '../xds/delivery.ts'
import { serveGrpc, type GrpcServer, type GrpcService } from '../xds/server.ts'
import { streamService } from '../streams/service.ts'
import { StreamWatch } from '../streams/watch.ts'
import { Taps } from '../tap/taps.ts'
import { causeOf } from './cause.ts'
import { configurationOf } from './configuration.ts'
import { credentialPaths, GatewayFindings, isTouched, referredSources, touchedBy } from './gateways.ts'
import type { MeshSettings } from './options.ts'
import type { CertificateSource } from './ports.ts'
import { probe } from './prober.ts'
import { Fleet } from './fleet.ts'
import { History } from './history.ts'
import { Numbers } from './numbers.ts'
import { Proxy } from './proxy.ts'
import { Replicas } from './replicas.ts'
import { TrustKeeper } from './trust-keeper.ts'

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
/** For the spans that were not sent yet, at the end. */
const LAST_SPANS_MS = 1000
const SHOWN_WARNINGS = 20
/** Before the proxy gives up a held call without a word, the activator says why. */
const ANSWER_FIRST_MS = 250
/** Sockets of the control plane, which all proxies share. */
function controlSockets({ runDirectory }: MeshSettings['layout']): { readonly xdsSocket: string; readonly activatorSocket: string } {
  return { xdsSocket: join(runDirectory, 'xds'), activatorSocket: join(runDirectory, 'act') }
}

function ingressPorts({ ingress }: MeshSettings['layout']): Pick<CompilerSettings, 'ingressPorts'> {
  return ingress === undefined ? {} : { ingressPorts: { http: ingress.port, https: ingress.tls?.port ?? DEFAULT_TLS_PORT } }
}

/** The mesh itself: compiler, certificates, xDS, Envoy, activator, numbers. One instance in one thread. */
export class MeshCore {
  readonly #settings: MeshSettings
  readonly #with: CoreSurroundings
  readonly #compiler: MeshCompiler
  readonly #fleet: Fleet
  readonly #exporter: SpanExporter
  readonly #replicas: Replicas
  readonly #numbers: Numbers
  readonly #files = new CredentialFiles({ changed: (files) => this.#credentialsChanged({ files }) })
  readonly #lastGood: LastGood
  readonly #said = new SaidStatuses()
  readonly #gatewayFindings = new GatewayFindings()
  readonly #activator: Activator
  readonly #load: LoadReceiver
  readonly #streams: StreamWatch
  readonly #taps: Taps
  readonly #keeper: KeyKeeper
  readonly #trust: TrustKeeper
  #servers: GrpcServer[] = []
  #pending: Change[] = []
  #compileSoon: NodeJS.Immediate | undefined
  #retryTimer: NodeJS.Timeout | undefined
  readonly #rotations: readonly LogRotation[]
  readonly #history = new History()
  #watched = ''

  constructor(settings: MeshSettings, surroundings: CoreSurroundings) {
    this.#settings = settings
    this.#with = surroundings
    const { layout, trustDomain, path, outbound } = settings
    const proxyOf = (of: MeshSettings['layout']): Proxy => new Proxy({ ...settings, ...surroundings, layout: of, ...controlSockets(layout) })
    this.#fleet = new Fleet(proxyOf(layout), (settings.others ?? []).map(proxyOf))
    const proxies = this.#fleet.all.map((proxy) => proxy.layout.node)
    this.#exporter = new SpanExporter({ send: sendSpans, log: surroundings.log }, layout.telemetry.tracing?.collector)
    const address = layout.ingress === undefined ? {} : { ingressAddress: layout.ingress.address }
    this.#compiler = createCompiler({ trustDomain, path, outbound, platform: platformPlaces(layout), proxies, ...ingressPorts(layout), ...address })
    this.#numbers = new Numbers(this.#fleet.all)
    this.#replicas = new Replicas({
      snapshot: () => this.#compiler.snapshot,
      serving: (workload) => this.#servingProxy(workload),
      changed: (workload) => {
        this.#publish({ workloads: [workload] })
        this.#watchLoad()
      },
      now: surroundings.now,
    })
    this.#streams = new StreamWatch({ calleeOf: (workload) => this.#compiler.snapshot.workloads.get(workload), log: surroundings.log })
    this.#lastGood = new LastGood({ now: surroundings.now, log: surroundings.log })
    this.#taps = new Taps({
      snapshot: () => this.#compiler.snapshot,
      proxies: this.#fleet.all,
      serving: (workload) => this.#servingProxy(workload),
      ask: askAdmin,
      ...surroundings,
    })
    this.#keeper = openKeeper(settings, surroundings.log, (name) => this.#publish({ keys: [name] }))
    this.#trust = new TrustKeeper({
      certificates: surroundings.certificates,
      renewSecrets: () => this.#fleet.renewSecrets(),
      inForce: (signal) => this.#fleet.secretsInForce(signal),
      rootsDropped: () => {
        this.#fleet.endOldConnections()
        this.#publish('everything')
      },
      log: surroundings.log,
    })
    this.#rotations = this.#fleet.all.map(
      (proxy) => new LogRotation({ file: proxy.layout.accessLogFile, moved: () => proxy.reopenLogs(), log: surroundings.log }),
    )
    this.#load = new LoadReceiver(
      (reports) => surroundings.load(reports),
      () => this.#activator.waiting(),
    )
    this.#activator = new Activator({
      knows: (workload) => this.#compiler.snapshot.workloads.has(workload),
      wake: (workload) => this.#wake(workload),
      endpointsInForce: (workload, signal) => this.#replicas.endpointsInForce(workload, signal),
      timeoutMs: Math.max(1, layout.activationTimeoutMs - ANSWER_FIRST_MS),
      log: surroundings.log,
      now: surroundings.now,
    })
  }

  /** Serves xDS and starts Envoy; resolves when it serves what is known until now. */
  async start(): Promise<void> {
    const { xdsSocket, activatorSocket } = controlSockets(this.#settings.layout)
    const ads = adsService({
      node: (id) => this.#fleet.get(id)?.state,
      subscribed: (node, typeUrl, names) => this.#subscribed(node.id, typeUrl, names),
      log: this.#with.log,
      now: this.#with.now,
    })
    this.#servers.push(await serveGrpc(xdsSocket, [ads, this.#load.service(), this.#taps.service()]))
    this.#servers.push(await serveGrpc(activatorSocket, [this.#activatorService(), streamService(this.#streams)]))
    this.#trust.start()
    this.#retryTimer = setInterval(() => {
      for (const proxy of this.#fleet.all) proxy.state.retryRejected(this.#with.now())
      const due = this.#lastGood.due()
      if (due !== undefined) this.#credentialsChanged(due)
      this.#sayStatuses()
    }, RETRY_TICK_MS)
    this.#compileNow()
    await this.#files.look(true)
    const problem = this.#platformTlsProblem()
    if (problem !== undefined) throw new WeftError('INVALID_CONFIG', { problems: `--tls-cert and --tls-key: ${problem}` })
    await Promise.all(this.#fleet.all.map((proxy) => proxy.start()))
    await this.#taps.start()
    await this.#ingressInForce()
    await this.#everythingInForce()
    for (const rotation of this.#rotations) rotation.start()
  }

  #activatorService(): GrpcService {
    return activatorService(this.#activator, { now: this.#with.now, activated: (activation) => this.#exporter.add(activationSpans(activation)) })
  }

  /** Why the platform's own certificate cannot be used. */
  #platformTlsProblem(): string | undefined {
    const own = this.#settings.layout.ingress?.tls?.certificate
    const known = { snapshot: this.#compiler.snapshot, files: this.#files.contents }
    const pair = own === undefined ? undefined : certificateOf({ kind: 'files', ...own }, known)
    return pair === undefined || pair.ok ? undefined : pair.reason
  }

  /** Envoy is ready without a listener that it refused: a taken address is found here. */
  async #ingressInForce(): Promise<void> {
    const { layout } = this.#settings
    if (layout.ingress === undefined || this.#fleet.front.pid === undefined) return
    const target = { typeUrl: TYPE_URLS.listener, name: INGRESS_LISTENER }
    const straggler = await inForce(this.#fleet.front.state, [target], AbortSignal.timeout(DEFAULT_DEADLINE_MS))
    if (straggler !== undefined) throw new WeftError('ENVOY_FAILED', { reason: `it ${straggler.reason}`, log: 'the log of the platform' })
  }

  /** The listeners of parked workloads come last. */
  async #everythingInForce(): Promise<void> {
    const { startTimeoutMs } = this.#settings
    if (this.#fleet.front.pid === undefined) return
    for (const straggler of await this.#fleet.settled(AbortSignal.timeout(startTimeoutMs)))
      this.#with.log.warn(straggler, 'the start does not wait any longer for all of the configuration')
  }

  // -- resources ----------------------------------------------------------------------------------------------------------

  /** Takes in changes of resources; what comes together is compiled together. */
  apply(changes: readonly Change[]): void {
    this.#pending.push(...changes)
    this.#compileSoon ??= setImmediate(() => this.#compileNow())
  }

  #compileNow(): void {
    const before = this.#compiler.snapshot
    clearImmediate(this.#compileSoon)
    this.#compileSoon = undefined
    const changes = this.#pending.splice(0)
    try {
      const { difference, snapshot } = this.#compiler.apply(changes)
      const touched = touchedBy(difference)
      this.#streams.changed(difference.workloads.set)
      this.#numbers.parted(before, difference.workloads)
      this.#wantKeys([...difference.workloads.set, ...difference.workloads.removed])
      // At the start nobody calls before everything is in force.
      if (this.#fleet.front.pid !== undefined) this.#replicas.greet(before, difference.workloads)
      this.#publish(touched)
      if ([difference.gateways, difference.listeners, difference.credentials].some(isTouched)) this.#gatewayFindings.renew()
      if (isTouched(difference.gateways) || isTouched(difference.externals)) this.#lastGood.retain(referredSources(snapshot, this.#settings.layout))
      this.#files.watch(credentialPaths(snapshot, this.#settings.layout))
    } catch (error) {
      this.#with.log.error({ changes: changes.length, reason: messageOf(error) }, 'changes could not be compiled; the last snapshot stays in force')
    }
    this.#history.keep(this.#compiler.snapshot, this.#with.now())
    this.#sayStatuses()
    this.#replicas.snapshotTaken()
  }

  #credentialsChanged(touched: Partial<Touched>): void {
    this.#gatewayFindings.renew()
    this.#publish(touched)
  }

  /** What shows only at the proxies is looked at once in a while, and when resources changed. */
  #sayStatuses(): void {
    const change = this.#said.next(this.#compiler.snapshot.statuses, this.#shown())
    if (change !== undefined) this.#with.statuses(change)
  }

  #shown(): readonly ResourceFinding[] {
    const known = { snapshot: this.#compiler.snapshot, files: this.#files.contents, lastGood: this.#lastGood }
    const rejections = this.#fleet.front.state.rejections()
    return [...this.#gatewayFindings.get(known, rejections, this.#with.now()), ...this.#keeper.findings()]
  }

  #wantKeys(workloads: readonly WorkloadKey[]): void {
    const { snapshot } = this.#compiler
    for (const key of workloads) this.#keeper.want(key, snapshot.workloads.get(key)?.authentication ?? [])
    this.#keeper.want('ingress', snapshot.ingressAuthentication?.rules ?? [])
  }

  #publish(touched: Partial<Touched> | 'everything', to?: readonly Proxy[]): void {
    const { snapshot } = this.#compiler
    const files = this.#files.contents
    this.#fleet.publish({ snapshot, replicas: this.#replicas.all, keys: this.#keeper.keys, files, lastGood: this.#lastGood }, touched, to)
  }

  /** Only what is made on demand has to be looked at again. */
  #subscribed(node: string, typeUrl: string, names: Iterable<string>): void {
    const proxy = this.#fleet.get(node)
    if (typeUrl === TYPE_URLS.secret) proxy?.answerSecrets(names)
    const touched = proxy?.demanded(typeUrl, names)
    if (proxy !== undefined && touched !== undefined) this.#publish(touched, [proxy])
  }

  /** Load is asked for where replicas are, or where calls wait for one. */
  #watchLoad(): void {
    const keys = new Set(this.#replicas.all.keys())
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
    const signal = AbortSignal.timeout(deadlineMs)
    const open = await this.#fleet.settled(signal)
    const refusing = await this.#replicas.newcomersAccept(signal)
    const stragglers = [...open, ...refusing.map((reason) => ({ proxy: this.#fleet.front.layout.node, reason }))]
    return {
      complete: stragglers.length === 0,
      stragglers,
      steps: [{ name: 'snapshot', ms: this.#with.now() - startedAt }],
    }
  }

  /** Everything is made anew; what says the same as before is not sent. */
  changeTelemetry(telemetry: TelemetrySettings): void {
    this.#fleet.changeTelemetry(telemetry)
    this.#exporter.configure(telemetry.tracing?.collector)
    this.#publish('everything')
  }

  /** Spans of replicas. */
  record(spans: readonly RuntimeSpan[]): void {
    this.#exporter.add(spans.map(runtimeSpan))
  }

  // -- replicas -----------------------------------------------------------------------------------------------------------

  setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs: number = DEFAULT_DEADLINE_MS): Promise<Delivery> {
    return this.#replicas.set(workload, replicas, deadlineMs)
  }

  #servingProxy(key: WorkloadKey): Proxy {
    return this.#fleet.serving(this.#compiler.snapshot, key)
  }

  #servingState(key: WorkloadKey): Proxy['state'] {
    return this.#servingProxy(key).state
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
      socket: inboundSocket(this.#servingProxy(known.key).layout, known.key),
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
    const findings = [...snapshot.findings, ...this.#shown()]
    const { trustDomain, path } = this.#settings
    const cause = (typeUrl: string, name: string): ResourceRef | undefined => causeOf(this.#compiler.snapshot, typeUrl, name)
    const proxies = this.#fleet.all.map((proxy) => proxy.status(cause))
    return { snapshotVersion: snapshot.version, trustDomain, path, proxies, findings, certificateWarnings: this.#certificateWarnings() }
  }

  snapshots(): readonly SnapshotEntry[] {
    return this.#history.entries()
  }

  changes(from?: number, to?: number): MeshChanges | undefined {
    return this.#history.changes(from, to)
  }

  configuration(host: NamespacedName): readonly WorkloadConfiguration[] {
    return configurationOf(this.#compiler.snapshot, (workload) => this.#servingState(workload), host)
  }

  /** @throws WeftError `TOO_MANY_TAPS` */
  openTap(request: TapRequest): Promise<number | undefined> {
    return this.#taps.open(request)
  }

  readTap(id: number): Promise<readonly TapEvent[] | undefined> {
    return this.#taps.read(id)
  }

  closeTap(id: number): Promise<void> {
    return this.#taps.close(id)
  }

  authorize(question: AuthorizationQuestion): AuthorizationAnswer | undefined {
    return authorize(this.#compiler.snapshot, question)
  }

  referred(workloads: readonly NamespacedName[]): readonly NamespacedName[] {
    return referredWorkloads(this.#compiler.snapshot, workloads.map(keyOf)).map(splitKey)
  }

  describe(host: NamespacedName): HostDescription | undefined {
    return describeHost(this.#compiler.snapshot, host)
  }

  #certificateWarnings(): readonly string[] {
    const all = this.certificates().flatMap(({ identity, serial, warning }) => (warning === undefined ? [] : [`${identity} (${serial}): ${warning}`]))
    return all.slice(0, SHOWN_WARNINGS)
  }

  certificates(): readonly CertificateStatus[] {
    return this.#with.certificates.certificates()
  }

  async rotate(): Promise<void> {
    await this.#with.certificates.rotateNow()
  }

  /** @throws WeftError `CA_UNCHANGED`, `CA_UNUSABLE` */
  rotateRoot(deadlineMs: number): Promise<RootRotation> {
    return this.#trust.rotateRoot(deadlineMs)
  }

  invocations(): Promise<readonly InvocationStatistics[]> {
    return this.#numbers.invocations(this.#compiler.snapshot)
  }

  traffic(): Promise<readonly TrafficStatistics[]> {
    return this.#numbers.traffic(this.#compiler.snapshot)
  }

  async reopenLogs(): Promise<void> {
    await Promise.all(this.#fleet.all.map((proxy) => proxy.reopenLogs()))
  }

  /** Process id of the Envoy that has the ingress. */
  envoyPid(): number | undefined {
    return this.#fleet.front.pid
  }

  /** Ends Envoy after at most `drainMs` for the calls under way, then the rest. Idempotent. */
  async stop(drainMs: number): Promise<void> {
    clearInterval(this.#retryTimer)
    await this.#taps.stop()
    this.#trust.stop()
    this.#keeper.stop()
    for (const rotation of this.#rotations) rotation.stop()
    clearImmediate(this.#compileSoon)
    this.#files.stop()
    // The callees' proxies end after the callers': what the ingress still carries needs them.
    for (const proxy of this.#fleet.all) await proxy.stop(drainMs)
    await this.#exporter.close(LAST_SPANS_MS)
    for (const server of this.#servers.splice(0)) await server.close()
    await this.#with.certificates.close()
  }
}
