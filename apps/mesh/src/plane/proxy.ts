import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshReplica, MeshSnapshot, ProxyStatus, WorkloadKey } from '@weft/mesh-model'
import { createEncoder, encodeEndpoints } from '../encode/index.ts'
import { parseIdentitySecret, TRUST_SECRET, TYPE_URLS } from '../encode/names.ts'
import type { Demand, EncodedNode, NodeLayout, ResourceMap } from '../encode/types.ts'
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
  readonly certificates: CertificateSource
  readonly log: Log
  readonly now: () => number
}

const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>) => a.size === b.size && [...a].every((entry) => b.has(entry))
const short = (typeUrl: string) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1)

/** One Envoy and everything that it is to have. */
export class Proxy {
  readonly layout: NodeLayout
  readonly state: NodeState
  readonly adminSocket: string
  readonly #options: ProxyOptions
  readonly #encoder = createEncoder()
  readonly #supervisor: EnvoySupervisor | undefined
  readonly #open = new Map<string, Target>()
  readonly #issuing = new Set<string>()
  #secrets: ReadonlySet<string> = new Set()
  #flushSoon: NodeJS.Immediate | undefined
  #demand: Demand = { virtualHosts: new Set(), clusters: new Set() }

  constructor(options: ProxyOptions) {
    this.#options = options
    this.layout = options.layout
    this.state = new NodeState(options.layout.node)
    this.adminSocket = join(options.layout.runDirectory, 'admin')
    this.#supervisor = options.program === undefined ? undefined : this.#supervise(options.program)
  }

  #supervise(program: string): EnvoySupervisor {
    const { layout, xdsSocket, activatorSocket, concurrency, maxConnections, startTimeoutMs, log, now } = this.#options
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
    })
  }

  /** Makes the private directories and starts Envoy. Resolves when it serves. */
  async start(): Promise<void> {
    const { runDirectory } = this.layout
    await mkdir(join(runDirectory, 'i'), { recursive: true, mode: 0o700 })
    await this.#supervisor?.start()
  }

  /** Puts the configuration that follows from the snapshot and the replicas, and sends what changed. */
  publish(snapshot: MeshSnapshot, layouts: ReadonlyMap<string, NodeLayout>, replicas: ReadonlyMap<WorkloadKey, readonly MeshReplica[]>): void {
    let encoded: EncodedNode
    this.#demand = this.state.demand()
    try {
      encoded = this.#encoder.encode({ snapshot, node: this.layout.node, layouts, replicas, demand: this.#demand })
    } catch (error) {
      this.#options.log.error(
        { proxy: this.layout.node, snapshot: snapshot.version, reason: messageOf(error) },
        'a snapshot could not be encoded; the last one stays in force',
      )
      return
    }
    this.#secrets = encoded.secrets
    this.#replace(TYPE_URLS.cluster, encoded.clusters)
    this.#replace(TYPE_URLS.endpoints, encoded.endpoints)
    this.#replace(TYPE_URLS.listener, encoded.listeners)
    this.#replace(TYPE_URLS.scopedRoute, encoded.scopedRoutes)
    this.#replace(TYPE_URLS.route, encoded.routes)
    this.#replace(TYPE_URLS.virtualHost, encoded.virtualHosts)
    this.answerSecrets()
    this.state.flush()
  }

  /** Sends a workload's endpoints ahead of everything else: for replicas that are to get no more calls. */
  publishEndpoints(key: WorkloadKey, replicas: readonly MeshReplica[]): void {
    this.state.set(encodeEndpoints(key, replicas, this.layout), this.#options.now())
    this.state.flush()
  }

  /** Whether the proxy asks by name for other virtual hosts or clusters than when it was last published for. */
  demandChanged(): boolean {
    const { virtualHosts, clusters } = this.state.demand()
    return !sameSet(virtualHosts, this.#demand.virtualHosts) || !sameSet(clusters, this.#demand.clusters)
  }

  #replace(typeUrl: string, resources: ResourceMap): void {
    for (const target of this.state.replace(typeUrl, resources, this.#options.now())) this.#open.set(`${target.typeUrl} ${target.name}`, target)
  }

  /** Everything that was changed and is on its way. What was refused before is not waited for: the status names it until it is mended. */
  openTargets(): readonly Target[] {
    for (const [key, target] of this.#open) {
      const progress = [...this.state.connections].map((connection) => this.state.progress(connection, target))
      if (progress.length > 0 && progress.every((step) => step !== 'pending')) this.#open.delete(key)
    }
    return [...this.#open.values()]
  }

  /** Issues the secrets that the proxy has asked for, those alone that it may have, and takes back what it does not need any more. */
  answerSecrets(): void {
    for (const { stream } of this.state.connections) {
      for (const name of stream.namedSubscriptions(TYPE_URLS.secret)) {
        if (this.#secrets.has(name) && this.state.current(TYPE_URLS.secret, name) === undefined) void this.#issue(name)
      }
    }
    for (const name of this.state.names(TYPE_URLS.secret)) if (!this.#secrets.has(name)) this.state.remove(TYPE_URLS.secret, name)
  }

  async #issue(name: string): Promise<void> {
    if (this.#issuing.has(name)) return
    this.#issuing.add(name)
    try {
      await this.#putSecret(name)
    } catch (error) {
      this.#options.log.error({ proxy: this.layout.node, secret: name, reason: messageOf(error) }, 'a certificate could not be issued')
    } finally {
      this.#issuing.delete(name)
    }
  }

  async #putSecret(name: string): Promise<void> {
    const { certificates, now } = this.#options
    const account = parseIdentitySecret(name)
    if (name === TRUST_SECRET) this.state.set(trustResource(certificates.bundle()), now())
    else if (account !== undefined) this.state.set(identityResource(name, await certificates.issue(account)), now())
    this.#flushSoon ??= setImmediate(() => {
      this.#flushSoon = undefined
      this.state.flush()
    })
  }

  /** Sends the certificates in force after they were renewed. */
  async renewSecrets(): Promise<void> {
    for (const name of this.state.names(TYPE_URLS.secret)) await this.#issue(name)
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

  /** Process id of Envoy, when it is ours and runs. */
  get pid(): number | undefined {
    return this.#supervisor?.pid
  }
}
