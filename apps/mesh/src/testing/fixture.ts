import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Resource } from '@weft/core'
import { silentLog } from '@weft/kit'
import { placedOn, type LoadReport, type MeshReplica } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { memoryStore } from '@weft/store/memory'
import { startMesh, type Mesh, type MeshOptions } from '../mesh.ts'
import type { MeshSettings } from '../plane/options.ts'
import { freePort } from './free-port.ts'
import { nodeLayout } from './layout.ts'
import { inboundSocket } from '../encode/names.ts'
import type { NodeLayout } from '../encode/types.ts'

/** An answer of a call. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How a call is made. */
export interface CallOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** A Unix socket to call through, instead of the ingress. */
  readonly socket?: string
}

/** A real mesh with a real Envoy, a store in memory, and functions that are small HTTP servers of this process. */
export interface Fixture {
  readonly mesh: Mesh
  readonly store: Store
  /** Of the proxy that has the ingress. */
  readonly layout: NodeLayout
  /** Socket of the inbound listener of a function's workload, at the proxy that serves it. */
  inboundSocket(name: string): string
  readonly directory: string
  /** Workloads in the order in which they were woken. */
  readonly woken: string[]
  readonly load: LoadReport[]
  /** Makes a function with one revision `v1`. @returns version of the store with it */
  deploy(name: string): Promise<string>
  /** A listening replica of a function; it answers with what it was asked, as JSON. */
  replica(name: string): Promise<MeshReplica>
  call(path: string, options?: CallOptions): Promise<Answer>
  close(): Promise<void>
}

function functionResource(name: string): Resource {
  const status = {
    observedGeneration: 1,
    traffic: [{ revision: 'v1', weight: 100 }],
    latestCreated: 'v1',
    latestReady: 'v1',
    replicas: 0,
    availableReplicas: 0,
    conditions: [],
  }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name, namespace: 'default' }, spec: { template: { runtime: 'node22' } }, status }
}

function revisionResource(name: string): Resource {
  const spec = { function: name, revision: 'v1', number: 1, template: { runtime: 'node22' } }
  const status = { phase: 'Active', replicas: 0, readyReplicas: 0, conditions: [] }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Revision', metadata: { name: `${name}-v1`, namespace: 'default' }, spec, status }
}

/** Makes one call. */
export function callOnce(target: { readonly port: number } | { readonly socketPath: string }, path: string, options: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ ...target, host: '127.0.0.1', path, method: options.method ?? 'GET', headers: { ...options.headers }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on('error', reject)
    })
    call.on('error', reject)
    call.end(options.body)
  })
}

/** How a fixture is started. */
export interface FixtureOptions extends Partial<Pick<MeshOptions, 'worker' | 'log'>> {
  readonly port?: number
  /** How many Envoys the workloads are placed over. */
  readonly proxies?: number
  readonly keys?: MeshSettings['keys']
  readonly settings?: Partial<MeshOptions['settings']>
  /** What the layout of the first proxy says otherwise. */
  readonly layout?: (directory: string) => Partial<NodeLayout>
}

/** Starts everything. `wake` brings up one replica of whatever is called at zero. */
export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'wm-'))
  const free = options.port ?? (await freePort())
  const layoutOf = (number: number): NodeLayout =>
    nodeLayout({
      node: `node-${number}`,
      runDirectory: join(directory, `run${number}`),
      gatewaySocket: join(directory, 'gateway'),
      accessLogFile: join(directory, `access-${number}.log`),
      activationTimeoutMs: 10_000,
    })
  const layout: NodeLayout = { ...layoutOf(1), ingress: { address: '127.0.0.1', port: free }, ...options.layout?.(directory) }
  const port = layout.ingress?.port ?? free
  const others = Array.from({ length: (options.proxies ?? 1) - 1 }, (_, index) => layoutOf(index + 2))
  const layouts = [layout, ...others]
  const store = memoryStore()
  const mesh = await startMesh({
    store,
    log: options.log ?? silentLog(),
    settings: {
      layout,
      others,
      authorityDirectory: join(directory, 'ca'),
      trustDomain: 'cluster.local',
      path: 'encrypted',
      outbound: 'ALLOW_ANY',
      maxConnections: 10_000,
      ...(options.keys === undefined ? {} : { keys: options.keys }),
      ...options.settings,
    },
    env: process.env,
    progress: () => undefined,
    worker: options.worker ?? 'in-process',
  })
  const servers: Server[] = []
  const woken: string[] = []
  const load: LoadReport[] = []
  let count = 0
  const replica = async (name: string): Promise<MeshReplica> => {
    count += 1
    const own = join(directory, `r${count}`)
    await mkdir(own)
    const server = createServer((incoming, response) => {
      let bytes = 0
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
      incoming.on('end', () => response.end(JSON.stringify({ name, replica: own, url: incoming.url, bytes, headers: incoming.headers })))
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(join(own, 'in'), resolve))
    return { id: `r${count}`, inboundSocket: join(own, 'in'), outboundSocket: join(own, 'out'), serving: true }
  }
  // As the controller does: where a replica serves already, a call that was late to be held wakes no second one.
  const serving = new Map<string, boolean>()
  const setReplicas = mesh.setReplicas.bind(mesh)
  mesh.setReplicas = (workload, replicas, deadlineMs) => {
    serving.set(workload.name, replicas.length > 0)
    return setReplicas(workload, replicas, deadlineMs)
  }
  mesh.onWake(async (workload) => {
    if (serving.get(workload.name) === true) return { ok: true }
    woken.push(workload.name)
    const delivery = await mesh.setReplicas(workload, [await replica(workload.name)])
    return delivery.complete ? { ok: true } : { ok: false, status: 503, reason: JSON.stringify(delivery.stragglers) }
  })
  mesh.onLoad((reports) => load.push(...reports))
  return {
    mesh,
    store,
    layout,
    inboundSocket: (name) => {
      const node = placedOn(
        layouts.map((each) => each.node),
        `default/${name}-v1`,
      )
      return inboundSocket(layouts.find((each) => each.node === node) ?? layout, `default/${name}-v1`)
    },
    directory,
    woken,
    load,
    replica,
    async deploy(name) {
      await store.create(functionResource(name))
      const { metadata } = await store.create(revisionResource(name))
      return metadata.resourceVersion ?? ''
    },
    call: (path, call = {}) => callOnce(call.socket === undefined ? { port } : { socketPath: call.socket }, path, call),
    async close() {
      await mesh.stop(0)
      await store.close()
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Asks again every 10 ms until the answer is given, at most `timeoutMs`. */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined, timeoutMs = 20_000): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const value = await ask()
    if (value !== undefined) return value
    if (Date.now() > end) throw new Error(`did not happen within ${timeoutMs} ms`)
    await wait(10)
  }
}
