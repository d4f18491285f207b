import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@weft/core'
import type { LastGood } from '../credentials/last-good.ts'
import type { Log } from '@weft/kit'
import type { MeshReplica, MeshSnapshot, ProxyStatus, WorkloadKey } from '@weft/mesh-model'
import { createEncoder, encodeEndpoints } from '../encode/index.ts'
import { inboundName, parseIdentitySecret, parseInboundName, parsePairCluster, TRUST_SECRET, TYPE_URLS } from '../encode/names.ts'
import type { NodeLayout, ResourceChanges, ResourceName, Touched } from '../encode/types.ts'
import { bootstrap } from '../envoy/bootstrap.ts'
import { EnvoySupervisor } from '../envoy/supervisor.ts'
import { NodeState, type Target } from '../xds/node.ts'
import { identityResource, trustResource } from './certificates.ts'
import type { CertificateSource } from './ports.ts'

/** What one proxy is made of. */
export interface ProxyOptions {
  readonly layout: NodeLayout
  readonly xdsSocket: string
  readonly activatorSocket: string
  /** Path of Envoy; absent when somebody else runs this proxy. */
  readonly program?: string
  readonly concurrency: number
  readonly maxConnections: number
  readonly startTimeoutMs: number
  readonly connectionDrainMs?: number
  readonly certificates: CertificateSource
  readonly log: Log
  readonly now: () => number
}

const UNTOUCHED: Touched = { workloads: [], hosts: [], externals: [], virtualHosts: [], clusters: [] }
/** When no root is left (a brought authority has ended), what was trusted last stays: without roots Envoy would check nothing, or refuse the secret. */
const trustSecret = (roots: string) => (roots === '' ? undefined : trustResource(roots))
const short = (typeUrl: string) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1)

/** What the configuration of a proxy follows from, beside what it asks for. */
export interface ProxyWorld {
  readonly snapshot: MeshSnapshot
  readonly layouts: ReadonlyMap<string, NodeLayout>
  readonly replicas: ReadonlyMap<WorkloadKey, readonly MeshReplica[]>
  /** Fetched keys of issuers, by the name of their source. */
  readonly keys: ReadonlyMap<string, string>
  readonly files: ReadonlyMap<string, string>
  readonly lastGood: LastGood
}

/** One Envoy and everything that it is to have. */
export class Proxy {
  readonly layout: NodeLayout
  readonly state: NodeState
  readonly adminSocket: string
  readonly #options: ProxyOptions
  readonly #encoder = createEncoder()
  readonly #supervisor: EnvoySupervisor | undefined
  readonly #open = new Map<string, Target>()
  /** Secrets that are made now; `true`: once more after that, since something changed meanwhile. */
  readonly #issuing = new Map<string, boolean>()
  readonly #issued = new Map<string, Promise<void>>()
  readonly #demand = { virtualHosts: new Set<string>(), clusters: new Set<string>() }
  #flushSoon: NodeJS.Immediate | undefined
  #replicas: ProxyWorld['replicas'] | undefined

  constructor(options: ProxyOptions) {
    this.#options = options
    this.layout = options.layout
    this.state = new NodeState(options.layout.node, (resource) => this.#serves(resource))
    this.adminSocket = join(options.layout.runDirectory, 'admin')
    this.#supervisor = options.program === undefined ? undefined : this.#supervise(options.program)
  }

  /** Listeners of workloads that nobody calls can wait. */
  #serves({ name }: ResourceName): boolean {
    const workload = parseInboundName(name)
    return workload === undefined || (this.#replicas?.has(workload) ?? false)
  }

  #supervise(program: string): EnvoySupervisor {
    const { layout, xdsSocket, activatorSocket, concurrency, maxConnections, startTimeoutMs, connectionDrainMs, log, now } = this.#options
    return new EnvoySupervisor({
      program,
      bootstrap: bootstrap({ node: layout.node, xdsSocket, activatorSocket, adminSocket: this.adminSocket, maxConnections }),
      bootstrapFile: join(layout.runDirectory, 'bootstrap.json'),
      pidFile: join(layout.runDirectory, 'envoy.pid'),
      adminSocket: this.adminSocket,
      concurrency,
      log,
      now,
      startTimeoutMs,
      ...(connectionDrainMs === undefined ? {} : { connectionDrainMs }),
    })
  }

  /** Makes the private directories and starts Envoy. Resolves when it serves. */
  async start(): Promise<void> {
    const { runDirectory } = this.layout
    await mkdir(join(runDirectory, 'i'), { recursive: true, mode: 0o700 })
    await this.#supervisor?.start()
  }

  /** Puts what follows from the changes that are named, and sends it. What it costs depends on them alone. */
  publish(world: ProxyWorld, touched: Partial<Touched> | 'everything'): void {
    const { snapshot, replicas } = world
    this.#replicas = replicas
    const looked = touched === 'everything' ? undefined : { ...UNTOUCHED, ...touched }
    for (const key of looked?.workloads ?? []) this.#hasten(key)
    const input = { ...world, node: this.layout.node, demand: this.#demand }
    const changes = this.#encoder.update(input, looked)
    this.#take(changes, snapshot.version)
    this.state.flush()
  }

  #take(changes: ResourceChanges, version: number): void {
    for (const failure of changes.failures) {
      this.#options.log.error(
        { proxy: this.layout.node, snapshot: version, ...failure },
        'a part of the snapshot could not be encoded; what was in force stays',
      )
    }
    for (const target of this.state.update(changes, this.#options.now())) this.#open.set(`${target.typeUrl} ${target.name}`, target)
    this.answerSecrets(changes.secretsAdded)
    this.state.update({ set: [], removed: changes.secretsRemoved.map((name) => ({ typeUrl: TYPE_URLS.secret, name })) }, this.#options.now())
  }

  /** Sends a workload's endpoints ahead of everything else: for replicas that are to get no more calls. */
  publishEndpoints(key: WorkloadKey, replicas: readonly MeshReplica[]): void {
    this.state.update({ set: [encodeEndpoints(key, replicas, this.layout)], removed: [] }, this.#options.now())
    this.state.flush()
  }

  #hasten(workload: WorkloadKey): void {
    for (const { stream } of this.state.connections) stream.hasten(TYPE_URLS.listener, inboundName(workload))
  }

  /** Looks again whether the proxy asks for these names. @returns those that it asks for since then, or does not any more */
  demanded(typeUrl: string, names: Iterable<string>): Partial<Touched> | undefined {
    const kind = typeUrl === TYPE_URLS.virtualHost ? 'virtualHosts' : typeUrl === TYPE_URLS.cluster ? 'clusters' : undefined
    if (kind === undefined) return undefined
    const known = this.#demand[kind]
    // The first call to a workload is on its way.
    if (kind === 'clusters') for (const name of names) this.#hasten(parsePairCluster(name)?.workload ?? '')
    const touched = [...names].filter((name) => name !== '*' && this.state.isAskedFor(typeUrl, name) !== known.has(name))
    for (const name of touched) if (!known.delete(name)) known.add(name)
    return touched.length === 0 ? undefined : { [kind]: touched }
  }

  /** Everything that was changed and is on its way. What was refused before is not waited for: the status names it until it is mended. */
  openTargets(): readonly Target[] {
    for (const [key, target] of this.#open) {
      const progress = [...this.state.connections].map((connection) => this.state.progress(connection, target))
      if (progress.length > 0 && progress.every((step) => step !== 'pending')) this.#open.delete(key)
    }
    return [...this.#open.values()]
  }

  /** Issues those of the secrets that the proxy has asked for and may have. */
  answerSecrets(names: Iterable<string>): void {
    for (const name of names) {
      const missing = this.#encoder.refersTo(name) && this.state.current(TYPE_URLS.secret, name) === undefined
      if (missing && this.state.isAskedFor(TYPE_URLS.secret, name)) void this.#issue(name)
    }
  }

  async #issue(name: string): Promise<void> {
    const running = this.#issued.get(name)
    if (running !== undefined) {
      this.#issuing.set(name, true)
      return running
    }
    const made = this.#issueWhileAsked(name)
    this.#issued.set(name, made)
    return made
  }

  async #issueWhileAsked(name: string): Promise<void> {
    do {
      this.#issuing.set(name, false)
      try {
        await this.#putSecret(name)
      } catch (error) {
        this.#options.log.error({ proxy: this.layout.node, secret: name, reason: messageOf(error) }, 'a certificate could not be issued')
      }
    } while (this.#issuing.get(name) === true)
    this.#issuing.delete(name)
    this.#issued.delete(name)
  }

  async #putSecret(name: string): Promise<void> {
    const { certificates, now } = this.#options
    const account = parseIdentitySecret(name)
    const secret =
      name === TRUST_SECRET ? trustSecret(certificates.bundle()) : account === undefined ? undefined : identityResource(name, await certificates.issue(account))
    // It may have lost its last user while it was made.
    if (secret !== undefined && this.#encoder.refersTo(name)) this.state.update({ set: [secret], removed: [] }, now())
    this.#flushSoon ??= setImmediate(() => {
      this.#flushSoon = undefined
      this.state.flush()
    })
  }

  /** Sends the certificates in force after they were renewed; those that are being made when it is called are made once more. */
  async renewSecrets(): Promise<void> {
    const names = new Set([...this.state.names(TYPE_URLS.secret), ...this.#issued.keys()])
    await Promise.all([...names].map((name) => this.#issue(name)))
    this.state.flush()
  }

  /** Certificates of the mesh and its roots, to be waited for. */
  secretTargets(): readonly Target[] {
    const own = this.state.resources(TYPE_URLS.secret).filter(({ name }) => name === TRUST_SECRET || parseIdentitySecret(name) !== undefined)
    return own.map(({ typeUrl, name, version }) => ({ typeUrl, name, version }))
  }

  async reopenLogs(): Promise<void> {
    await this.#supervisor?.reopenLogs()
  }

  status(cause: (typeUrl: string, name: string) => ProxyStatus['rejected'][number]['cause']): ProxyStatus {
    const connection = [...this.state.connections].at(-1)
    const now = this.#options.now()
    const base =
      connection === undefined ? {} : { connectedAt: connection.connectedAt, ...(connection.version === undefined ? {} : { version: connection.version }) }
    return {
      proxy: this.layout.node,
      connected: connection !== undefined,
      ...base,
      restarts: this.#supervisor?.restarts ?? 0,
      types: [...this.state.status()].map(([typeUrl, { resources, sent, acked, ackedAt }]) => ({
        type: short(typeUrl),
        resources,
        sentVersion: String(sent),
        ackedVersion: String(acked),
        ...(ackedAt === undefined ? {} : { ackAgeMs: now - ackedAt }),
      })),
      rejected: this.state.rejections().map(({ typeUrl, name, message }) => {
        const from = cause(typeUrl, name)
        return { type: short(typeUrl), resource: name, message, ...(from === undefined ? {} : { cause: from }) }
      }),
    }
  }

  /** Ends Envoy after at most `drainMs` for the calls under way. Idempotent. */
  async stop(drainMs: number): Promise<void> {
    await this.#supervisor?.stop(drainMs)
    await rm(join(this.layout.runDirectory, 'envoy.pid'), { force: true })
  }

  /** Its xds node id. */
  get node(): string {
    return this.layout.node
  }

  /** Process id of Envoy, when it is ours and runs. */
  get pid(): number | undefined {
    return this.#supervisor?.pid
  }
}
