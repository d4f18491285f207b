import type { GatewayHost, ListenerChain, MeshTcpRoute, MeshWorkload, RouteTarget } from '@weft/mesh-model'
import { addHeader } from './headers.ts'
import { any, duration, wrap } from './json.ts'
import { MESH_HEADERS, MISSING_CLUSTER } from './names.ts'
import { serverTls } from './server-tls.ts'
import { tcpIdle } from './tcp.ts'
import type { Json } from './types.ts'

const IDLE_MS = 3600_000

/** How a gateway reaches the target of a connection; `undefined` when it is not there or speaks something else. */
export type ConnectionLeg = (target: Pick<RouteTarget, 'workload'>) => { readonly cluster: string; readonly workload: MeshWorkload } | undefined

/** Whether the connections of a chain are carried as they are: raw TCP, TLS that goes through, and what comes out of TLS that is not HTTP. */
export function carriesConnections({ protocol, tls }: Pick<ListenerChain, 'protocol' | 'tls'>): boolean {
  return protocol === 'tcp' || protocol === 'tls' || (protocol === 'https' && tls === undefined)
}

/** How connections go on. */
export interface ConnectionParts {
  readonly leg: ConnectionLeg
  /** Filters for a route that leads outside of the mesh. */
  readonly outside: (route: MeshTcpRoute, domain: string) => readonly Json[]
  readonly taken: Set<string>
}

/**
 * Filter chains by which connections go to functions, as CONNECT by mutual TLS like those of functions. TLS that goes through is told apart by the server name in its
 * first message; what no route takes is closed. `taken`: server names that other chains of the listener have.
 */
export function connectionChains(chain: ListenerChain, hosts: readonly GatewayHost[], parts: ConnectionParts): readonly Json[] {
  const routes = hosts.flatMap((host) => (host.tcp ?? []).map((route) => ({ route, domain: host.domain })))
  if (chain.protocol === 'tcp' || chain.tls !== undefined) {
    const [first] = routes
    if (first === undefined) return []
    const names = chain.protocol === 'tcp' ? [] : claim(chain.serverNames, parts.taken)
    return [filterChain(chain, names, connectionProxy(first, parts))]
  }
  return routes.flatMap(({ route, domain }, index) => {
    const asked = route.matches.flatMap(({ serverNames }) => serverNames ?? [])
    const names = claim(asked.length === 0 ? [domain] : asked, parts.taken)
    return names === undefined ? [] : [{ ...filterChain(chain, names, connectionProxy({ route, domain }, parts)), name: `${chain.key}/${domain}/${index}` }]
  })
}

/** The names that nobody has yet, which has them from now on; `undefined` when there are none. Two chains with one name would be refused by the proxy as a whole. */
function claim(names: readonly string[], taken: Set<string>): readonly string[] | undefined {
  const own = names.filter((name) => !taken.has(name))
  for (const name of own) taken.add(name)
  return names.length > 0 && own.length === 0 ? undefined : own
}

function filterChain({ key, protocol, tls }: ListenerChain, names: readonly string[] | undefined, filters: readonly Json[]): Json {
  const some = (names ?? []).filter((name) => name !== '*')
  const match = protocol === 'tcp' ? {} : { filter_chain_match: { transport_protocol: 'tls', ...(some.length === 0 ? {} : { server_names: some }) } }
  return { name: key, ...match, filters, ...(tls === undefined ? {} : { transport_socket: serverTls(tls) }) }
}

function connectionProxy({ route, domain }: { readonly route: MeshTcpRoute; readonly domain: string }, { leg, outside }: ConnectionParts): readonly Json[] {
  return route.targets.some(({ external }) => external !== undefined) ? outside(route, domain) : [meshProxy(route, leg)]
}

function meshProxy({ targets }: Pick<MeshTcpRoute, 'targets'>, leg: ConnectionLeg): Json {
  const weighted = targets.filter(({ weight }) => weight > 0).map((target) => ({ weight: target.weight, leg: leg(target) }))
  const found = weighted.flatMap((each) => each.leg?.workload ?? [])[0]
  const clusters = weighted.map(({ weight, leg: way }) => ({ name: way?.cluster ?? MISSING_CLUSTER, weight }))
  const authority = found === undefined ? 'nowhere' : `${found.function}.${found.namespace}:${found.port ?? 8080}`
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: 'gateway',
      ...(clusters.length === 0 ? { cluster: MISSING_CLUSTER } : { weighted_clusters: { clusters } }),
      idle_timeout: found === undefined ? duration(IDLE_MS) : tcpIdle(found),
      max_connect_attempts: wrap(3),
      tunneling_config: {
        hostname: authority,
        headers_to_add: [addHeader(MESH_HEADERS.client, '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', 'OVERWRITE_IF_EXISTS_OR_ADD')],
      },
    }),
  }
}
