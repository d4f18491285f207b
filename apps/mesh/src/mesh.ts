import { keyOf, messageOf, splitKey, WeftError, type NamespacedName } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Change, Delivery, LoadReport, MeshPlane, MeshReplica, TapEvent, WakeResult } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { decideRestart } from './envoy/backoff.ts'
import { findEnvoy } from './envoy/binary.ts'
import type { TelemetrySettings } from './encode/types.ts'
import type { MeshSettings } from './plane/options.ts'
import type { EngineMethods, HostMethods } from './worker/engine.ts'
import { StatusWriter } from './status/writer.ts'
import { startRemote } from './worker/remote.ts'
import { StoreFeed } from './worker/store-feed.ts'

/** How a mesh is started. */
export interface MeshOptions {
  readonly store: Store
  readonly log: Log
  /** Without `program`, Envoy is looked for by `env`, and fetched when there is none. */
  readonly settings: Omit<MeshSettings, 'concurrency' | 'startTimeoutMs'> & Partial<Pick<MeshSettings, 'concurrency' | 'startTimeoutMs'>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told what takes time at the start, in sentences for a person. */
  readonly progress: (message: string) => void
  /** Program of the worker thread; default: the one beside this file. `in-process`: no thread (tests). */
  readonly worker?: URL | 'in-process'
}

/** A mesh that runs. */
export interface Mesh extends MeshPlane {
  /** Lets Envoy open its log files anew, after they were moved away. */
  reopenLogs(): Promise<void>
  /** Changes what calls leave behind, on all proxies, while they serve. */
  changeTelemetry(settings: TelemetrySettings): Promise<void>
  /** Process id of Envoy, while it runs. */
  envoyPid(): Promise<number | undefined>
  /** Refuses new connections, waits at most `drainMs` for the calls under way, and ends Envoy and the thread. Idempotent. */
  stop(drainMs: number): Promise<void>
}

/** One engine, however it is run. */
interface Engine {
  call<K extends keyof EngineMethods>(method: K, ...args: Parameters<EngineMethods[K]>): Promise<Awaited<ReturnType<EngineMethods[K]>>>
  terminate(): Promise<void>
}

const DEFAULTS = { concurrency: 2, startTimeoutMs: 20_000 } as const
const STATUS_DEADLINE_MS = 100

/**
 * Finds Envoy, starts the mesh in its thread, hands it everything that the store has, and resolves when Envoy serves that.
 * @throws WeftError `ENVOY_NOT_FOUND`, `ENVOY_UNUSABLE`, `ENVOY_FAILED`, `STORE_UNAVAILABLE`
 */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const program = options.settings.program ?? (await findEnvoy({ env: options.env, progress: options.progress })).path
  const mesh = new RunningMesh(options, { ...DEFAULTS, ...options.settings, program })
  try {
    await mesh.start()
  } catch (error) {
    await mesh.stop(0)
    throw error
  }
  return mesh
}

type Waker = (workload: NamespacedName) => Promise<WakeResult>

class RunningMesh implements Mesh {
  readonly #options: MeshOptions
  #settings: MeshSettings
  readonly #feed: StoreFeed
  readonly #statuses: StatusWriter
  readonly #replicas = new Map<string, readonly MeshReplica[]>()
  readonly #loadListeners = new Set<(reports: readonly LoadReport[]) => void>()
  /** Calls may come before there is somebody who wakes: they are held until then. */
  readonly #firstWaker = Promise.withResolvers<Waker>()
  #waker: Promise<Waker> = this.#firstWaker.promise
  #engine: Engine | undefined
  #engineStartedAt = 0
  #crashes = 0
  #stopping = false
  #restartTimer: NodeJS.Timeout | undefined

  constructor(options: MeshOptions, settings: MeshSettings) {
    this.#options = options
    this.#settings = settings
    this.#feed = new StoreFeed(options.store, (changes) => this.#apply(changes), options.log)
    this.#statuses = new StatusWriter({ store: options.store, log: options.log, now: Date.now })
  }

  async start(): Promise<void> {
    this.#engineStartedAt = Date.now()
    this.#engine = this.#options.worker === 'in-process' ? await this.#openInProcess() : this.#openThread(this.#options.worker)
    await this.#feed.start()
    // In force with everything else when Envoy begins to serve; nobody waits for the delivery of each.
    for (const [key, replicas] of this.#replicas) void this.#engine.call('setReplicas', splitKey(key), replicas).catch(() => undefined)
    await this.#engine.call('start')
  }

  async #openInProcess(): Promise<Engine> {
    // Not loaded where a thread does the work.
    const { openEngine } = await import('./worker/in-process.ts')
    const methods = await openEngine(this.#settings, this.#options.log, this.#host())
    return {
      call: async (method, ...args) => (await (methods[method] as (...all: unknown[]) => unknown)(...args)) as never,
      terminate: async () => undefined,
    }
  }

  #openThread(url: URL = new URL('./worker/worker.ts', import.meta.url)): Engine {
    const { log } = this.#options
    const input = { settings: this.#settings, logLevel: log.level }
    const remote = startRemote({ url, input, host: this.#host(), log, failed: (reason) => this.#restart(reason) })
    return { call: (method, ...args) => remote.methods.call(method, ...args), terminate: () => remote.terminate() }
  }

  #host(): Pick<HostMethods, 'wake' | 'load' | 'statuses'> {
    return {
      wake: async (workload) => (await this.#waker)(workload),
      load: (reports) => {
        for (const listener of this.#loadListeners) listener(reports)
      },
      statuses: (change) => this.#statuses.take(change),
    }
  }

  /** The thread ended by itself: a new one gets everything that the old one knew. */
  #restart(reason: string): void {
    if (this.#stopping) return
    const { crashes, delayMs } = decideRestart(Date.now() - this.#engineStartedAt, this.#crashes)
    this.#crashes = crashes
    this.#options.log.error({ reason, delayMs }, 'the mesh worker ended and is started again')
    this.#restartTimer = setTimeout(() => {
      void this.start().catch(async (error: unknown) => {
        await this.#engine?.terminate()
        this.#restart(messageOf(error))
      })
    }, delayMs)
  }

  #apply(changes: readonly Change[]): void {
    void this.#engine?.call('apply', changes).catch((error: unknown) => this.#options.log.warn({ reason: messageOf(error) }, 'changes did not reach the mesh'))
  }

  #call<K extends keyof EngineMethods>(method: K, ...args: Parameters<EngineMethods[K]>): Promise<Awaited<ReturnType<EngineMethods[K]>>> {
    if (this.#engine === undefined || this.#stopping) return Promise.reject(new WeftError('MESH_CLOSED'))
    return this.#engine.call(method, ...args)
  }

  setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs?: number): Promise<Delivery> {
    if (replicas.length === 0) this.#replicas.delete(keyOf(workload))
    else this.#replicas.set(keyOf(workload), replicas)
    return deadlineMs === undefined ? this.#call('setReplicas', workload, replicas) : this.#call('setReplicas', workload, replicas, deadlineMs)
  }

  async settled(resourceVersion: string, deadlineMs: number): Promise<Delivery> {
    const startedAt = Date.now()
    // A version of a kind that the mesh does not read never comes; everything before it has come by then.
    await this.#feed.reached(resourceVersion, AbortSignal.timeout(Math.min(deadlineMs, STATUS_DEADLINE_MS)))
    return this.#call('settled', Math.max(1, deadlineMs - (Date.now() - startedAt)))
  }

  onWake(handler: Waker): void {
    this.#firstWaker.resolve(handler)
    this.#waker = Promise.resolve(handler)
  }

  onLoad(listener: (reports: readonly LoadReport[]) => void): () => void {
    this.#loadListeners.add(listener)
    return () => void this.#loadListeners.delete(listener)
  }

  probe: Mesh['probe'] = (workload, timeoutMs) => this.#call('probe', workload, timeoutMs)
  status: Mesh['status'] = () => this.#call('status')
  snapshots: Mesh['snapshots'] = () => this.#call('snapshots')
  changes: Mesh['changes'] = (from, to) => this.#call('changes', from, to)
  configuration: Mesh['configuration'] = (host) => this.#call('configuration', host)
  tap: Mesh['tap'] = async (request) => {
    const id = await this.#call('openTap', request)
    return id === undefined ? undefined : { events: (signal) => this.#events(id, signal) }
  }
  authorize: Mesh['authorize'] = (question) => this.#call('authorize', question)
  referred: Mesh['referred'] = (workloads) => this.#call('referred', workloads)
  describe: Mesh['describe'] = (host) => this.#call('describe', host)
  certificates: Mesh['certificates'] = () => this.#call('certificates')
  rotate: Mesh['rotate'] = () => this.#call('rotate')
  rotateRoot: Mesh['rotateRoot'] = (deadlineMs) => this.#call('rotateRoot', deadlineMs)
  invocations: Mesh['invocations'] = () => this.#call('invocations')
  traffic: Mesh['traffic'] = () => this.#call('traffic')
  record: Mesh['record'] = (spans) => {
    this.#call('record', spans).catch(() => undefined)
  }

  async *#events(id: number, signal: AbortSignal): AsyncGenerator<TapEvent> {
    const close = () => void this.#call('closeTap', id).catch(() => undefined)
    signal.addEventListener('abort', close, { once: true })
    try {
      while (!signal.aborted && !this.#stopping) {
        const events = await this.#call('readTap', id)
        if (events === undefined) return
        yield* events
        if (events.at(-1)?.kind === 'end') return
      }
      if (this.#stopping) yield { kind: 'end', reason: 'closed' }
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async changeTelemetry(telemetry: TelemetrySettings): Promise<void> {
    // A thread that is started anew begins with it.
    const { layout, others = [] } = this.#settings
    this.#settings = { ...this.#settings, layout: { ...layout, telemetry }, others: others.map((other) => ({ ...other, telemetry })) }
    await this.#call('telemetry', telemetry)
  }

  reopenLogs: Mesh['reopenLogs'] = () => this.#call('reopenLogs')
  envoyPid: Mesh['envoyPid'] = () => this.#call('envoyPid')

  async stop(drainMs: number): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    clearTimeout(this.#restartTimer)
    this.#feed.stop()
    await this.#statuses.close()
    const engine = this.#engine
    if (engine === undefined) return
    await engine.call('stop', drainMs).catch((error: unknown) => this.#options.log.warn({ reason: messageOf(error) }, 'the mesh did not end in order'))
    await engine.terminate()
  }
}
