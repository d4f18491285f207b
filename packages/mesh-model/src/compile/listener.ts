import { byAge } from '../read/base.ts'
import { failure } from '../read/finding.ts'
import type { ChainKey, ChainNames, ListenerChain, ListenerKey, MeshGateway, MeshListener, ResourceFinding, ServerProtocol } from '../snapshot.ts'
import { carriesHttp, listenerOfKey, type Serving } from '../world/gateways.ts'
import type { World } from '../world/world.ts'

/** What became of a port. */
export interface CompiledListener {
  readonly listener: MeshListener | undefined
  readonly findings: readonly ResourceFinding[]
}

type Manner = 'plain' | 'secure' | 'raw'
const MANNERS: Readonly<Record<ServerProtocol, Manner>> = { http: 'plain', https: 'secure', tls: 'secure', tcp: 'raw' }
const WORDS: Readonly<Record<Manner, string>> = { plain: 'HTTP', secure: 'TLS', raw: 'TCP' }

/** Puts the servers of all gateways on a port together: the oldest gateway decides what the port carries, and has the server names that others want too. */
export function compileListener(world: World, key: ListenerKey, gateways: ReadonlyMap<string, MeshGateway>): CompiledListener {
  const all = world.gateways.servingsOn(key).toSorted((a, b) => byAge(a.gateway, b.gateway))
  const [first] = all
  if (first === undefined || first.gateway.placement === undefined) return { listener: undefined, findings: [] }
  if (first.gateway.placement === 'egress') return { listener: egressListener(world, key, all), findings: [] }
  const findings: ResourceFinding[] = []
  const platform = world.gateways.securityOf(key)
  const manner = platform === undefined ? MANNERS[first.server.protocol] : platform ? 'secure' : 'plain'
  const servings = all.filter((serving) => MANNERS[serving.server.protocol] === manner || !findings.push(mixed(serving, manner)))
  const chains = manner === 'secure' ? secureChains(world, servings, gateways, findings) : wholeChain(key, servings)
  const { placement } = first.gateway
  const port = world.gateways.boundPort(placement, first.server.port)
  const origins = [...new Set(servings.map(({ gateway }) => gateway.ref))]
  return { listener: servings.length === 0 ? undefined : { key, placement, port, chains, origins }, findings }
}

/** To the egress gateway every call comes by the mesh's own TLS, and says itself whether it is HTTP or a connection: what is on one port does not clash. */
function egressListener(world: World, key: ListenerKey, servings: readonly Serving[]): MeshListener | undefined {
  const chains = new Map<ChainKey, ListenerChain>()
  for (const { gateway, server } of servings) {
    const chain = world.gateways.chainOf({ gateway, server })
    if (chain !== undefined && !chains.has(chain))
      chains.set(chain, { key: chain, protocol: carriesHttp(server) ? 'http' : 'tcp', gateway: gateway.key, server: server.name, serverNames: [] })
  }
  const [first] = servings
  if (first === undefined) return undefined
  const origins = [...new Set(servings.map(({ gateway }) => gateway.ref))]
  return { key, placement: 'egress', port: first.server.port, chains: [...chains.values()], origins }
}

function mixed({ gateway, server }: Serving, manner: Manner): ResourceFinding {
  const message = `port ${server.port} carries ${WORDS[manner]} already, by the platform or an older Gateway; the server ${server.name} is left out`
  return failure(gateway.ref, 'GatewayConflict', message)
}

function wholeChain(key: ListenerKey, [first]: readonly Serving[]): readonly ListenerChain[] {
  if (first === undefined) return []
  return [{ key, protocol: first.server.protocol, gateway: first.gateway.key, server: first.server.name, serverNames: [] }]
}

function secureChains(
  world: World,
  servings: readonly Serving[],
  gateways: ReadonlyMap<string, MeshGateway>,
  findings: ResourceFinding[],
): readonly ListenerChain[] {
  const taken = new Map<string, string>()
  return servings.flatMap(({ gateway, server }): readonly ListenerChain[] => {
    const names = [...new Set(server.hosts.map(({ name }) => name))]
    const lost = names.filter((name) => taken.has(name))
    for (const name of lost) {
      const message = `${name} on port ${server.port} belongs to the server ${taken.get(name)}, which is older; this one does not get it`
      findings.push(failure(gateway.ref, 'GatewayConflict', message))
    }
    const own = names.filter((name) => !taken.has(name))
    for (const name of own) taken.set(name, `${gateway.key}/${server.name}`)
    const key = world.gateways.chainOf({ gateway, server })
    if (own.length === 0 || key === undefined) return []
    const tls = gateways.get(gateway.key)?.servers.find(({ name }) => name === server.name)?.tls
    const serverNames = own.includes('*') ? [] : own
    return [{ key, protocol: server.protocol, gateway: gateway.key, server: server.name, serverNames, ...(tls === undefined ? {} : { tls }) }]
  })
}

/** Which name means what, on every chain. Costs a look at every name that a gateway answers to; routes are not looked at. */
export function compileNames(world: World, listeners: ReadonlyMap<ListenerKey, MeshListener>): ReadonlyMap<ChainKey, ChainNames> {
  const domains = Map.groupBy(world.gateways.names(), ({ chain }) => chain)
  const served = [...listeners.values()].filter(({ placement }) => placement === 'ingress')
  const atIngress = [...world.gateways.names()].filter(({ chain }) => listenerOfKey(chain)?.placement === 'ingress')
  const everything = new Set(atIngress.map(({ domain }) => domain).filter((domain) => domain !== '*'))
  const namesOf = (key: ChainKey, listener: MeshListener | undefined): ChainNames => {
    const own = (domains.get(key) ?? []).map(({ domain }) => domain)
    const others = listener?.chains.filter((chain) => chain.key !== key && chain.serverNames.length > 0).flatMap((chain) => chain.serverNames) ?? []
    const elsewhere = [...new Set(others)].toSorted()
    const known = new Set([...own, ...elsewhere])
    const claimed = [...everything].filter((name) => ![...wider(name)].some((wide) => known.has(wide))).toSorted()
    return { key, domains: own.filter((name) => !elsewhere.includes(name)).toSorted(), elsewhere, claimed }
  }
  const http = ({ protocol, tls }: ListenerChain) => protocol === 'http' || (protocol === 'https' && tls !== undefined)
  const chains = served.flatMap((listener) => listener.chains.filter(http).map(({ key }) => namesOf(key, listener)))
  const platform = world.gateways.platformListeners().filter((key) => !chains.some((chain) => chain.key === key))
  return new Map([...chains, ...platform.map((key) => namesOf(key, listeners.get(key)))].map((names) => [names.key, names]))
}

/** The name itself, and every name with a star that stands for it. */
function* wider(name: string): Iterable<string> {
  yield name
  const labels = name.replace(/^\*\./, '').split('.')
  for (let cut = name.startsWith('*.') ? 0 : 1; cut < labels.length; cut++) yield `*.${labels.slice(cut).join('.')}`
}
