import { encodeAny } from '../../proto/codec.ts'
import { grpcMethod, serveGrpc } from '../../xds/server.ts'
import type { GrpcServer, GrpcService, GrpcStream } from '../../xds/server.ts'
import { TYPE_URLS } from '../names.ts'
import type { Demand, EnvoyResource } from '../types.ts'
import type { EncodedNode, ResourceMap } from './whole.ts'

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'
const CHECK = '/envoy.service.auth.v3.Authorization/Check'
const WILDCARD: readonly string[] = [TYPE_URLS.cluster, TYPE_URLS.listener, TYPE_URLS.scopedRoute]

interface Request {
  readonly type_url: string
  readonly resource_names_subscribe: readonly string[]
  readonly resource_names_unsubscribe: readonly string[]
  readonly response_nonce: string
  readonly error_detail?: { readonly message?: string } | null
}

/** What the test's control plane asks of the test. */
export interface ControlPlaneOptions {
  readonly socket: string
  encode(demand: Demand): EncodedNode
  secret(name: string): EnvoyResource
  /** The activator: @returns an HTTP status, 200 to let the call pass */
  wake(workload: string, headers: Readonly<Record<string, string>>): Promise<number>
  /** What else Envoy asks. */
  readonly services: readonly GrpcService[]
  /** Where to write down what Envoy refused; several may share it. */
  readonly refused?: string[]
}

/** The smallest control plane that serves one Envoy by delta ADS: enough to try resources with, and nothing of the real one's care. */
export class ControlPlane {
  /** What Envoy refused, in its words. */
  readonly refused: string[]
  /** Types that are not sent. */
  readonly withheld = new Set<string>()
  readonly #options: ControlPlaneOptions
  readonly #subscribed = new Map<string, Set<string>>()
  readonly #sent = new Map<string, Map<string, EnvoyResource>>()
  readonly #acked = new Set<string>()
  #server: GrpcServer | undefined
  #stream: GrpcStream | undefined
  #nonce = 0
  #soon: NodeJS.Immediate | undefined

  constructor(options: ControlPlaneOptions) {
    this.#options = options
    this.refused = options.refused ?? []
  }

  async start(): Promise<void> {
    const request = { stream: true, request: 'envoy.service.discovery.v3.DeltaDiscoveryRequest', response: 'envoy.service.discovery.v3.DeltaDiscoveryResponse' }
    const check = { stream: false, request: 'envoy.service.auth.v3.CheckRequest', response: 'envoy.service.auth.v3.CheckResponse' }
    this.#server = await serveGrpc(this.#options.socket, [
      ...this.#options.services,
      {
        methods: { DeltaAggregatedResources: grpcMethod(PATH, request) },
        handlers: { DeltaAggregatedResources: (stream: GrpcStream) => this.#open(stream) },
      },
      {
        methods: { Check: grpcMethod(CHECK, check) },
        handlers: { Check: (call: { readonly request: object }, done: (error: null, response: object) => void) => void this.#check(call, done) },
      },
    ])
  }

  async close(): Promise<void> {
    clearImmediate(this.#soon)
    await this.#server?.close()
  }

  /** Sends what changed; resolves when Envoy has answered all of it. */
  async push(): Promise<void> {
    const nonces = this.#pushAll()
    const deadline = Date.now() + 10_000
    while (nonces.some((nonce) => !this.#acked.has(nonce))) {
      if (Date.now() > deadline) throw new Error(`no answer to ${nonces.filter((nonce) => !this.#acked.has(nonce)).join(', ')}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Names under subscription, of one type. */
  subscribed(typeUrl: string): ReadonlySet<string> {
    return this.#subscribed.get(typeUrl) ?? new Set()
  }

  readonly #check = async (call: { readonly request: object }, done: (error: null, response: object) => void): Promise<void> => {
    const { attributes } = call.request as { attributes: { request: { http: { headers: Record<string, string> } } } }
    const { headers } = attributes.request.http
    const status = await this.#options.wake(headers['x-weft-workload'] ?? '', headers)
    done(null, status === 200 ? { status: { code: 0 } } : { status: { code: 7 }, denied_response: { status: { code: status }, body: 'not woken' } })
  }

  #open(stream: GrpcStream): void {
    this.#stream = stream
    this.#sent.clear()
    this.#subscribed.clear()
    stream.on('data', (request: Request) => this.#request(request))
    stream.on('error', () => undefined)
    stream.on('end', () => stream.end())
  }

  #request(request: Request): void {
    if (request.response_nonce !== '') this.#acked.add(request.response_nonce)
    if (request.error_detail) this.refused.push(request.error_detail.message ?? 'refused')
    const names = this.#subscribed.get(request.type_url) ?? new Set()
    this.#subscribed.set(request.type_url, names)
    for (const name of request.resource_names_subscribe) {
      names.add(name)
      this.#sent.get(request.type_url)?.delete(name)
    }
    for (const name of request.resource_names_unsubscribe) {
      names.delete(name)
      this.#sent.get(request.type_url)?.delete(name)
    }
    if (request.response_nonce === '' || request.resource_names_subscribe.length > 0) this.#pushSoon()
  }

  /** What is asked for at the same time is answered together: each push looks at everything. */
  #pushSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      this.#pushAll()
    })
  }

  #demand(): Demand {
    const of = (typeUrl: string) => new Set([...this.subscribed(typeUrl)].filter((name) => name !== '*'))
    return { virtualHosts: of(TYPE_URLS.virtualHost), clusters: of(TYPE_URLS.cluster) }
  }

  /** Those of resources are the encoder's; the mesh's own are the test's. */
  #secretsOf(name: string, encoded: EncodedNode): readonly (readonly [string, EnvoyResource])[] {
    const given = encoded.credentials.get(name)
    if (given !== undefined) return [[name, given]]
    return /^(?:certificate|roots)\//.test(name) ? [] : [[name, this.#options.secret(name)]]
  }

  #pushAll(): readonly string[] {
    const encoded = this.#options.encode(this.#demand())
    const secrets = new Map([...this.subscribed(TYPE_URLS.secret)].flatMap((name) => this.#secretsOf(name, encoded)))
    const order: readonly (readonly [string, ResourceMap])[] = [
      [TYPE_URLS.cluster, encoded.clusters],
      [TYPE_URLS.endpoints, encoded.endpoints],
      [TYPE_URLS.secret, secrets],
      [TYPE_URLS.extension, encoded.extensions],
      [TYPE_URLS.listener, encoded.listeners],
      [TYPE_URLS.scopedRoute, encoded.scopedRoutes],
      [TYPE_URLS.route, encoded.routes],
      [TYPE_URLS.virtualHost, encoded.virtualHosts],
    ]
    return order.filter(([typeUrl]) => !this.withheld.has(typeUrl)).flatMap(([typeUrl, resources]) => this.#pushType(typeUrl, resources))
  }

  #pushType(typeUrl: string, resources: ResourceMap): readonly string[] {
    const names = this.#subscribed.get(typeUrl)
    if (names === undefined || this.#stream === undefined) return []
    const sent = this.#sent.get(typeUrl) ?? new Map<string, EnvoyResource>()
    const first = !this.#sent.has(typeUrl)
    this.#sent.set(typeUrl, sent)
    const wanted = [...resources.values()].filter(({ name }) => WILDCARD.includes(typeUrl) || names.has(name))
    const changed = wanted.filter((each) => sent.get(each.name) !== each || (typeUrl === TYPE_URLS.endpoints && this.#clusterChanged))
    if (typeUrl === TYPE_URLS.cluster) this.#clusterChanged = changed.length > 0
    const removed = [...sent.keys()].filter((name) => !resources.has(name))
    const missing = typeUrl === TYPE_URLS.cluster ? [...names].filter((name) => name !== '*' && !resources.has(name) && !sent.has(name)) : []
    if (changed.length + removed.length + missing.length === 0 && !first) return []
    for (const each of changed) sent.set(each.name, each)
    for (const name of removed) sent.delete(name)
    return [this.#send(typeUrl, changed, [...removed, ...missing])]
  }

  #clusterChanged = false

  #send(typeUrl: string, resources: readonly EnvoyResource[], removed: readonly string[]): string {
    this.#nonce += 1
    const nonce = `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)}-${this.#nonce}`
    this.#stream?.write({
      system_version_info: nonce,
      type_url: typeUrl,
      nonce,
      removed_resources: removed,
      resources: resources.map(({ name, json }) => ({
        name,
        version: nonce,
        aliases: typeUrl === TYPE_URLS.virtualHost ? [name] : [],
        resource: { type_url: typeUrl, value: encodeAny(typeUrl, json, name) },
      })),
    })
    return nonce
  }
}
