import type { FrontModel, GatewayModel, ServerModel } from '../read/models.ts'
import type { ChainKey, CredentialKey, GatewayHostKey, GatewayKey, GatewayPlacement, ListenerKey } from '../snapshot.ts'
import { commonName } from './gateway-names.ts'
import { Multimap } from './multimap.ts'

/** Ports that the platform binds for 80 and 443. */
export interface IngressPorts {
  readonly http: number
  readonly https: number
}

/** A server, and the gateway that it is of. */
export interface Serving {
  readonly gateway: GatewayModel
  readonly server: ServerModel
}

/** Routes for a name, and through which server they were bound to it. */
export interface Binding extends Serving {
  readonly front: FrontModel
}

/** What there is about one name on one chain. */
export interface HostSources {
  readonly chain: ChainKey
  readonly domain: string
  readonly servings: readonly Serving[]
  readonly bindings: readonly Binding[]
}

interface Entry {
  readonly chain: ChainKey
  readonly domain: string
  readonly servings: Map<string, Serving>
  readonly bindings: Map<string, Binding>
}

/** What a change touches, beside what depends on hosts. */
export interface GatewayMarks {
  readonly gateways: Set<GatewayKey>
  readonly listeners: Set<ListenerKey>
  readonly gatewayHosts: Set<GatewayHostKey>
  readonly fronts: Set<string>
  readonly credentials: Set<CredentialKey>
}

/** A name of a model that no other model has, whatever its kind. */
export function frontKey({ ref, key }: FrontModel): string {
  return `${ref.group}/${ref.kind} ${key}`
}

/** Whether the server carries HTTP that ends here. */
export function carriesHttp({ protocol, tls }: ServerModel): boolean {
  return protocol === 'http' || (protocol === 'https' && tls !== undefined)
}

/** The gateways, and which routes are bound to which name of which chain: a change of one front or gateway touches the names that it binds alone. */
export class GatewayBook {
  readonly gateways = new Map<GatewayKey, GatewayModel>()
  /** By keys of Secrets: who refers to them. */
  readonly users = new Multimap<GatewayKey>()
  readonly #ports: IngressPorts
  readonly #onPort = new Multimap<GatewayModel>()
  readonly #fronts = new Multimap<FrontModel>()
  readonly #hosts = new Map<GatewayHostKey, Entry>()

  constructor(ports: IngressPorts) {
    this.#ports = ports
  }

  // -- where things are -------------------------------------------------------------------------------------------------

  /** The port that is bound for one that a Gateway names: 80 and 8080 mean the platform's own, and so do 443 and 8443 with TLS. */
  boundPort(placement: GatewayPlacement, port: number): number {
    if (placement === 'egress') return port
    if (port === 80 || port === 8080) return this.#ports.http
    return port === 443 || port === 8443 ? this.#ports.https : port
  }

  /** The listeners that the platform has whether a gateway names them or not. */
  platformListeners(): readonly ListenerKey[] {
    return [listenerKey('ingress', this.#ports.http), listenerKey('ingress', this.#ports.https)]
  }

  /** Whether the port is the platform's for calls with TLS (`true`), without (`false`), or another. */
  securityOf(listener: ListenerKey): boolean | undefined {
    if (listener === listenerKey('ingress', this.#ports.https)) return true
    return listener === listenerKey('ingress', this.#ports.http) ? false : undefined
  }

  listenerOf({ gateway, server }: Serving): ListenerKey | undefined {
    const { placement } = gateway
    return placement === undefined ? undefined : listenerKey(placement, this.boundPort(placement, server.port))
  }

  chainOf(serving: Serving): ChainKey | undefined {
    const listener = this.listenerOf(serving)
    const { gateway, server } = serving
    if (listener === undefined) return undefined
    if (gateway.placement === 'egress') return carriesHttp(server) ? listener : `${listener}/connections`
    return server.protocol === 'http' || server.protocol === 'tcp' ? listener : `${listener}/${gateway.key}/${server.name}`
  }

  /** Ports of the egress gateway. */
  egressPorts(): readonly number[] {
    const own = [...this.#onPort.keys()].map(listenerOfKey).filter((listener) => listener?.placement === 'egress')
    return own.flatMap((listener) => listener?.port ?? []).toSorted((a, b) => a - b)
  }

  /** Servers on a port, in no order. */
  servingsOn(listener: ListenerKey): readonly Serving[] {
    return [...this.#onPort.get(listener)].flatMap((gateway) =>
      gateway.servers.map((server) => ({ gateway, server })).filter((serving) => this.listenerOf(serving) === listener),
    )
  }

  /** Where a gateway has servers. */
  listenersOf(key: GatewayKey): ReadonlySet<ListenerKey> {
    const gateway = this.gateways.get(key)
    return new Set(gateway?.servers.flatMap((server) => this.listenerOf({ gateway, server }) ?? []))
  }

  sourcesOf(key: GatewayHostKey): HostSources | undefined {
    const entry = this.#hosts.get(key)
    return entry === undefined ? undefined : { ...entry, servings: [...entry.servings.values()], bindings: [...entry.bindings.values()] }
  }

  /** Every name on every chain. */
  names(): Iterable<Pick<HostSources, 'chain' | 'domain'>> {
    return this.#hosts.values()
  }

  // -- changes ----------------------------------------------------------------------------------------------------------

  addGateway(gateway: GatewayModel): void {
    this.gateways.set(gateway.key, gateway)
    for (const secret of secretsOf(gateway)) this.users.add(secret, gateway.key)
    for (const server of gateway.servers) this.#serve({ gateway, server }, true)
    for (const front of this.#fronts.get(gateway.key)) this.#link(front, gateway, true)
  }

  removeGateway(gateway: GatewayModel): void {
    for (const front of this.#fronts.get(gateway.key)) this.#link(front, gateway, false)
    for (const server of gateway.servers) this.#serve({ gateway, server }, false)
    for (const secret of secretsOf(gateway)) this.users.delete(secret, gateway.key)
    this.gateways.delete(gateway.key)
  }

  /** What depends on a gateway, as it stands in the model (before or after a change). */
  markGateway(gateway: GatewayModel, marks: GatewayMarks): void {
    marks.gateways.add(gateway.key)
    for (const secret of secretsOf(gateway)) marks.credentials.add(secret)
    for (const server of gateway.servers) {
      const listener = this.listenerOf({ gateway, server })
      if (listener !== undefined) marks.listeners.add(listener)
      for (const { name } of server.hosts) this.#markName({ gateway, server }, name, marks)
    }
    for (const front of this.#fronts.get(gateway.key)) {
      marks.fronts.add(frontKey(front))
      this.#eachName(front, gateway, (serving, name) => this.#markName(serving, name, marks))
    }
  }

  /** What is bound to a gateway, whether that is there or not. */
  markFrontsOf(key: GatewayKey, marks: GatewayMarks): void {
    for (const front of this.#fronts.get(key)) marks.fronts.add(frontKey(front))
  }

  addFront(front: FrontModel): void {
    for (const key of gatewaysOf(front)) {
      this.#fronts.add(key, front)
      const gateway = this.gateways.get(key)
      if (gateway !== undefined) this.#link(front, gateway, true)
    }
  }

  removeFront(front: FrontModel): void {
    for (const key of gatewaysOf(front)) {
      const gateway = this.gateways.get(key)
      if (gateway !== undefined) this.#link(front, gateway, false)
      this.#fronts.delete(key, front)
    }
  }

  markFront(front: FrontModel, marks: GatewayMarks): void {
    marks.fronts.add(frontKey(front))
    for (const key of gatewaysOf(front)) {
      const gateway = this.gateways.get(key)
      if (gateway !== undefined) this.#eachName(front, gateway, (serving, name) => this.#markName(serving, name, marks))
    }
  }

  /** What depends on a front at one gateway, whether that is here any more or not. */
  markFrontAt(front: FrontModel, gateway: GatewayModel, marks: GatewayMarks): void {
    marks.fronts.add(frontKey(front))
    this.#eachName(front, gateway, (serving, name) => this.#markName(serving, name, marks))
  }

  /** The names under which a gateway takes routes of the front. */
  namesOf(front: FrontModel, gateway: GatewayModel): ReadonlySet<string> {
    const names = new Set<string>()
    this.#eachName(front, gateway, (_serving, name) => void names.add(name))
    return names
  }

  #eachName(front: FrontModel, gateway: GatewayModel, take: (serving: Serving, name: string) => void): void {
    for (const binding of front.bindings.filter((one) => one.gateway === gateway.key)) {
      for (const server of gateway.servers.filter((one) => fits(binding, one) && (one.kinds?.includes(front.ref.kind) ?? true))) {
        for (const host of server.hosts.filter(({ namespace }) => namespace === '*' || namespace === front.namespace)) {
          for (const name of front.names) {
            const common = commonName(host.name, name)
            if (common !== undefined) take({ gateway, server }, common)
          }
        }
      }
    }
  }

  #markName(serving: Serving, domain: string, marks: GatewayMarks): void {
    const chain = this.chainOf(serving)
    if (chain !== undefined) marks.gatewayHosts.add(gatewayHostKey(chain, domain))
  }

  #serve(serving: Serving, there: boolean): void {
    const listener = this.listenerOf(serving)
    if (listener === undefined) return
    if (there) this.#onPort.add(listener, serving.gateway)
    else this.#onPort.delete(listener, serving.gateway)
    for (const { name } of serving.server.hosts) this.#entry(serving, name, (entry) => put(entry.servings, servingKey(serving), there ? serving : undefined))
  }

  #link(front: FrontModel, gateway: GatewayModel, there: boolean): void {
    this.#eachName(front, gateway, (serving, name) => {
      const key = `${servingKey(serving)} ${frontKey(front)}`
      this.#entry(serving, name, (entry) => put(entry.bindings, key, there ? { ...serving, front } : undefined))
    })
  }

  #entry(serving: Serving, domain: string, change: (entry: Entry) => void): void {
    const chain = this.chainOf(serving)
    if (chain === undefined) return
    const key = gatewayHostKey(chain, domain)
    const entry = this.#hosts.get(key) ?? { chain, domain, servings: new Map(), bindings: new Map() }
    change(entry)
    if (entry.servings.size + entry.bindings.size === 0) this.#hosts.delete(key)
    else this.#hosts.set(key, entry)
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

const servingKey = ({ gateway, server }: Serving) => `${gateway.key}/${server.name}`
const gatewaysOf = (front: FrontModel) => new Set(front.bindings.map(({ gateway }) => gateway))

function fits({ server, port }: FrontModel['bindings'][number], candidate: ServerModel): boolean {
  return (server === undefined || server === candidate.name) && (port === undefined || port === candidate.port)
}

function secretsOf({ servers }: GatewayModel): ReadonlySet<CredentialKey> {
  return new Set(
    servers.flatMap(({ tls }) => (tls !== undefined && 'secrets' in tls.certificate ? tls.certificate.secrets.flatMap((key) => [key, cacertOf(key)]) : [])),
  )
}

/** The Secret beside another one that has only the roots of client certificates (Istio's `NAME-cacert`). */
export function cacertOf(key: CredentialKey): CredentialKey {
  return `${key}-cacert`
}

/** The key of a listener. */
export function listenerKey(placement: GatewayPlacement, port: number): ListenerKey {
  return `${placement}:${port}`
}

/** The listener that a key of {@link listenerKey}, or of a chain on it, names; `undefined` for any other text. */
export function listenerOfKey(key: ChainKey): { readonly placement: GatewayPlacement; readonly port: number } | undefined {
  const [, placement, port] = /^(ingress|egress):(\d+)(?:\/|$)/.exec(key) ?? []
  if (placement !== 'ingress' && placement !== 'egress') return undefined
  return { placement, port: Number(port) }
}

/** The key of a name on a chain. */
export function gatewayHostKey(chain: ChainKey, domain: string): GatewayHostKey {
  return `${chain}|${domain}`
}

/** Whether a key is one of a name on a chain, and not one of a host. */
export function isGatewayHostKey(key: string): boolean {
  return key.includes('|')
}
