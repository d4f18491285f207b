import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import type { MeshReplica, MeshSnapshot } from '@weft/mesh-model'
import { silentLog } from '@weft/kit'
import { freePort } from '../../testing/free-port.ts'
import { streamService } from '../../streams/service.ts'
import { StreamWatch } from '../../streams/watch.ts'
import { accepts } from '../../plane/accepting.ts'
import { inboundSocket, parseIdentitySecret, TYPE_URLS } from '../names.ts'
import type { EnvoyResource, NodeLayout } from '../types.ts'
import { testAuthority } from './certificates.ts'
import type { TestAuthority } from './certificates.ts'
import { ControlPlane } from './control-plane.ts'
import { startEnvoy } from './envoy.ts'
import type { TestEnvoy } from './envoy.ts'
import { layout as layoutOf, replica } from './model.ts'
import { Validation } from './validate.ts'
import { WholeEncoder, type EncodedNode } from './whole.ts'

/** What {@link mirror} tells of a request, what the control API's stand-in does, and errors of ours. */
export interface Told {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly bytes: number
  readonly control: string
  readonly error: { readonly code: string; readonly message: string; readonly help: string }
}

/** One answer of a server, whole. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  /** The body as JSON. */
  json(): Told
}

/** How to ask. */
export interface Ask {
  readonly method?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** A request over any connection, each on its own. */
export function ask(options: http.RequestOptions, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ ...(options.createConnection === undefined ? { agent: false } : {}), ...options, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, json: () => JSON.parse(text) as Told })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** A program behind a socket, in place of a function. Tells what it saw unless `answer` does something else. */
export const mirror: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, bytes })))
}

/** A program behind a socket that answers with one text. */
export const answering =
  (text: string): RequestListener =>
  (request, response) => {
    request.resume()
    request.on('end', () => response.end(text))
  }

const OPEN_DEADLINE_MS = 5_000

const NODES = ['node-1', 'node-2'] as const
let envoys = 1
const socketOf = (runDirectory: string) => join(runDirectory, 'xds', 's')

/** Workloads are spread over so many Envoys from now on, the ingress is at the first; for a test file that runs another's tests so. */
export function useEnvoys(count: 1 | 2): void {
  envoys = count
}

/** With two Envoys, every second workload is away from the ingress: the first, the third and so on, by name. */
function placed(snapshot: MeshSnapshot): MeshSnapshot {
  if (envoys === 1) return snapshot
  const keys = [...snapshot.workloads.keys()].toSorted()
  const nodeOf = (key: string) => NODES[(keys.indexOf(key) + 1) % envoys] ?? NODES[0]
  return { ...snapshot, workloads: new Map([...snapshot.workloads].map(([key, workload]) => [key, { ...workload, proxy: nodeOf(key) }])) }
}

/** Everything that a test needs to send real calls through a real Envoy. */
export class World {
  readonly directory = mkdtempSync('/tmp/weft-encode-')
  readonly layout: NodeLayout
  readonly port: number
  readonly plane: ControlPlane
  readonly authority: TestAuthority
  readonly streams: StreamWatch
  /** Content of files that resources name. */
  readonly files = new Map<string, string>()
  readonly replicas = new Map<string, readonly MeshReplica[]>()
  /** Keys of issuers, by the name of their source. */
  readonly keys = new Map<string, string>()
  /** The activator. Refuses until a test says otherwise. */
  wake: (workload: string, headers: Readonly<Record<string, string>>) => Promise<number> = async () => 503
  #snapshot: MeshSnapshot
  readonly #validation = new Validation()
  readonly #encoded = new Map<string, EncodedNode>()
  /** SPIFFE IDs that stand in certificates of service accounts, in place of their own. */
  readonly identities = new Map<string, string>()
  readonly #secrets = new Map<string, EnvoyResource>()
  readonly #servers: http.Server[] = []
  readonly #sockets = new Set<Duplex>()
  readonly #layouts: ReadonlyMap<string, NodeLayout>
  readonly #planes: readonly ControlPlane[]
  readonly #refused: string[] = []
  readonly #envoys: TestEnvoy[] = []

  private constructor(snapshot: MeshSnapshot, port: number, more: Partial<NodeLayout>) {
    this.port = port
    this.#snapshot = placed(snapshot)
    this.layout = layoutOf(this.directory, { ingress: { address: '127.0.0.1', port }, ...more })
    const { ingress: _ingress, ...others } = more
    const away = NODES.slice(1, envoys).map((node) => layoutOf(join(this.directory, node), { gatewaySocket: this.layout.gatewaySocket, ...others, node }))
    this.#layouts = new Map([this.layout, ...away].map((layout) => [layout.node, layout]))
    for (const { runDirectory } of this.#layouts.values()) mkdirSync(join(runDirectory, 'i'), { recursive: true })
    this.authority = testAuthority(join(this.directory, 'ca'))
    this.streams = new StreamWatch({ calleeOf: (key) => this.#snapshot.workloads.get(key), log: silentLog() })
    this.plane = this.#planeOf(this.layout)
    this.#planes = [this.plane, ...away.map((layout) => this.#planeOf(layout))]
  }

  #planeOf({ node, runDirectory }: NodeLayout): ControlPlane {
    const encoder = new WholeEncoder()
    return new ControlPlane({
      services: [streamService(this.streams)],
      socket: socketOf(runDirectory),
      refused: this.#refused,
      encode: (demand) => {
        const { files, replicas, keys } = this
        const encoded = encoder.encode({ snapshot: this.#snapshot, files, node, layouts: this.#layouts, replicas, keys, demand })
        this.#encoded.set(node, encoded)
        return encoded
      },
      secret: (name) => this.#secret(name),
      wake: (name, headers) => this.wake(name, headers),
    })
  }

  /** Starts control plane and Envoy with `snapshot`; `before` may add replicas first. */
  static async start(snapshot: MeshSnapshot, before: (world: World) => Promise<void> = async () => undefined, more: Partial<NodeLayout> = {}): Promise<World> {
    const world = new World(snapshot, await freePort(), more)
    await before(world)
    for (const plane of world.#planes) await plane.start()
    for (const { node, runDirectory } of world.#layouts.values()) world.#envoys.push(await startEnvoy(node, runDirectory, socketOf(runDirectory)))
    await world.#untilOpen()
    return world
  }

  /** On a busy machine Envoy is ready before its workers have the listeners. What never opens is for the test to find. */
  async #untilOpen(): Promise<void> {
    const signal = AbortSignal.timeout(OPEN_DEADLINE_MS)
    const inbound = [...this.#snapshot.workloads.keys()].map((key) => this.inboundSocket(key))
    await Promise.all([...inbound, { host: '127.0.0.1', port: this.port }].map((place) => accepts(place, () => true, signal)))
  }

  get envoy(): TestEnvoy {
    const [front] = this.#envoys
    if (front === undefined) throw new Error('Envoy is not started yet')
    return front
  }

  /** What the admin interfaces of all Envoys answer. */
  async admin(path: string): Promise<string> {
    return (await Promise.all(this.#envoys.map((envoy) => envoy.admin(path)))).join('')
  }

  /** Socket of a workload's inbound listener, at the Envoy that serves it. */
  inboundSocket(workload: string): string {
    return inboundSocket(this.#layouts.get(this.#snapshot.workloads.get(workload)?.proxy ?? '') ?? this.layout, workload)
  }

  /** Puts another snapshot into force. */
  async apply(snapshot: MeshSnapshot): Promise<void> {
    this.#keepEncoded()
    this.#snapshot = placed(snapshot)
    this.streams.changed(snapshot.workloads.keys())
    await this.push()
  }

  /** The control plane has another snapshot, which Envoy does not know of yet. */
  hold(snapshot: MeshSnapshot): void {
    this.#snapshot = placed(snapshot)
  }

  /** Listens on a socket of its own. @returns its path */
  async serve(listener: RequestListener = mirror, upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): Promise<string> {
    const path = join(this.directory, `s${this.#servers.length}`)
    const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, listener)
    if (upgrade !== undefined) server.on('upgrade', upgrade)
    server.on('connection', (socket) => this.#sockets.add(socket))
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return path
  }

  /** Adds replicas to a workload: a server each, and an outbound socket. Not in force until {@link push}. */
  async addReplica(
    workload: string,
    listener?: RequestListener,
    upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
  ): Promise<MeshReplica> {
    const id = `r${this.#servers.length}`
    const added = replica(id, await this.serve(listener, upgrade), join(this.directory, `o-${id}`))
    this.replicas.set(workload, [...(this.replicas.get(workload) ?? []), added])
    return added
  }

  /** No proxy is told of anything of these types from now on. */
  withhold(...typeUrls: readonly string[]): void {
    for (const { withheld } of this.#planes) {
      withheld.clear()
      for (const typeUrl of typeUrls) withheld.add(typeUrl)
    }
  }

  async push(): Promise<void> {
    await Promise.all(this.#planes.map((plane) => plane.push()))
  }

  /** Asks the ingress. */
  get(path: string, options: Ask = {}): Promise<Answer> {
    return ask({ host: '127.0.0.1', port: this.port, path }, options)
  }

  /** Asks as the first replica of a workload. */
  from(workload: string, url: string, options: Ask = {}): Promise<Answer> {
    const { host, pathname, search } = new URL(url)
    return ask({ socketPath: this.outbound(workload), path: pathname + search }, { ...options, headers: { host, ...options.headers } })
  }

  /** Outbound socket of the first replica of a workload. */
  outbound(workload: string): string {
    const socket = this.replicas.get(workload)?.[0]?.outboundSocket
    if (socket === undefined) throw new Error(`${workload} has no replica`)
    return socket
  }

  #keepEncoded(): void {
    for (const encoded of this.#encoded.values()) this.#validation.add(encoded)
  }

  /** Ends everything. @throws Error when a configuration that it had does not pass `envoy --mode validate` */
  async stop(): Promise<void> {
    this.#keepEncoded()
    const words = await this.#validation.run()
    await this.#end()
    if (words !== undefined) throw new Error(`envoy --mode validate: ${words}`)
  }

  async #end(): Promise<void> {
    for (const envoy of this.#envoys) await envoy.stop()
    for (const plane of this.#planes) await plane.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
    rmSync(this.directory, { recursive: true, force: true })
  }

  #secret(name: string): EnvoyResource {
    const known = this.#secrets.get(name)
    if (known !== undefined) return known
    const account = parseIdentitySecret(name)
    const made = {
      typeUrl: TYPE_URLS.secret,
      name,
      json: account === undefined ? this.#trust(name) : this.#identity(name, account.namespace, account.serviceAccount),
    }
    this.#secrets.set(name, made)
    return made
  }

  #trust(name: string): object & Record<string, unknown> {
    return { name, validation_context: { trusted_ca: { inline_string: this.authority.root } } }
  }

  #identity(name: string, namespace: string, account: string): Record<string, unknown> {
    const { certificate, key } = this.authority.issue(this.identities.get(account) ?? `spiffe://cluster.local/ns/${namespace}/sa/${account}`)
    return { name, tls_certificate: { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } } }
  }
}
