import { tcpMatchHolds } from '@weft/mesh-model'
import type { FoundExternal, MeshTcpRoute, MeshWorkload, RouteTarget, TcpMatch } from '@weft/mesh-model'
import type { Caller } from './legs.ts'
import { MISSING_CLUSTER } from './names.ts'
import { needBytes, type Making, type Place } from './outside.ts'
import { encodeBytesHost } from './outside-hosts.ts'
import { carrierName, routedTunnelName, tunnelName } from './outside-names.ts'
import { isForwarded, type OutsideWay } from './outside-way.ts'
import { encodeTunnel, tunnelFilters, type Tunnel } from './outside-tunnel.ts'
import type { Json } from './types.ts'

/**
 * The virtual host of a port outside that is passed on as it is, and what takes its bytes: straight on, or where a VirtualService sends them. The server name of TLS
 * must be the host's.
 */
// oxlint-disable-next-line max-params -- who asks for what
export function bytesHost(
  making: Making,
  caller: Caller & { readonly workload: MeshWorkload },
  asked: { readonly place: Place; readonly found: FoundExternal },
  { name, domains }: { readonly name: string; readonly domains: readonly string[] },
): Json {
  const { place, found } = asked
  const { entry } = found
  if (entry === undefined) return encodeBytesHost(name, domains, { reason: 'it is not registered' })
  const said = connectionRoute(found, caller.workload, place)
  const straight = [{ weight: 1, workload: undefined, external: place }]
  const connection = { place, targets: said?.targets ?? straight, namespace: entry.entry.namespace }
  const to = needConnection(making, caller, { ...connection, ...(entry.port.protocol === 'tcp' ? {} : { serverNames: [entry.entry.host] }) })
  return encodeBytesHost(name, domains, to)
}

/**
 * The route that a VirtualService has for a connection of the caller; what none of them takes goes straight on. Those of TLS are for ports of TLS alone, and others
 * for others (Istio, VirtualService.tls and .tcp).
 */
function connectionRoute({ entry, routes }: FoundExternal, { namespace, labels }: MeshWorkload, { host, port }: Place): MeshTcpRoute | undefined {
  const asked = { name: host, port, callerNamespace: namespace, callerLabels: labels }
  const secure = entry?.port.protocol !== 'tcp'
  const ofKind = (matches: readonly TcpMatch[]) => secure === matches.some(({ serverNames }) => serverNames !== undefined)
  return routes?.connections?.find(({ matches }) => ofKind(matches) && (matches.length === 0 || matches.some((match) => tcpMatchHolds(match, asked))))
}

/** A connection whose bytes go on somewhere. */
export interface CarriedConnection {
  /** As its caller wrote it, or the name that a gateway has for it. */
  readonly place: Place
  readonly targets: readonly Pick<RouteTarget, 'weight' | 'workload' | 'external' | 'missing'>[]
  /** TLS with one of these names; absent: any bytes. */
  readonly serverNames?: readonly string[]
  /** What it is counted as. */
  readonly namespace: string
}

/** Where the bytes of one share go. */
interface BytesShare {
  readonly weight: number
  readonly cluster: string
  readonly way?: OutsideWay
  /** The egress gateway looks at server names itself. */
  readonly inspects?: boolean
}

/** Wants all that carries a connection on. @returns the cluster that takes its bytes, or why there is none */
export function needConnection(making: Making, caller: Caller, connection: CarriedConnection): { readonly cluster: string } | { readonly reason: string } {
  const shares = sharesOf(making, caller, connection)
  if ('reason' in shares) return shares
  const [only] = shares
  const { serverNames } = connection
  if (shares.length === 1 && only !== undefined && (serverNames === undefined || only.inspects === true)) return { cluster: only.cluster }
  const tunnel = tunnelOf(connection, shares)
  making.put(`tunnel ${tunnel.name}`, [JSON.stringify(tunnel)], () => ({ resources: encodeTunnel(tunnel, making.layout), secrets: [] }))
  return { cluster: tunnel.name }
}

/** Filters of a listener for connections that go on outside, in place of a tunnel: it has looked at their server names itself. */
export function connectionFilters(making: Making, caller: Caller, connection: Omit<CarriedConnection, 'serverNames'>): readonly Json[] {
  const shares = sharesOf(making, caller, connection)
  return tunnelFilters('reason' in shares ? { shares: [{ cluster: MISSING_CLUSTER, weight: 1 }] } : passingOn(shares), making.layout)
}

function sharesOf(making: Making, caller: Caller, { targets, place }: CarriedConnection): readonly BytesShare[] | { readonly reason: string } {
  const weighted = targets.filter(({ weight }) => weight > 0)
  const shares = weighted.map((target) => shareOf(making, caller, target, place))
  if (shares.every((share) => 'reason' in share)) return { reason: shares[0]?.reason ?? 'no target of the route has a share' }
  return shares.map((share) => ('cluster' in share ? share : { weight: share.weight, cluster: MISSING_CLUSTER }))
}

function passingOn(shares: readonly BytesShare[]): Pick<Tunnel, 'shares' | 'resolvedPort'> {
  const forwarded = shares.flatMap(({ way }) => (way !== undefined && isForwarded(way) ? [way.port.number] : []))
  return {
    shares: shares.map(({ weight, cluster }) => ({ weight, cluster })),
    ...(forwarded[0] === undefined ? {} : { resolvedPort: forwarded[0] }),
  }
}

function tunnelOf({ place, serverNames, namespace }: CarriedConnection, shares: readonly BytesShare[]): Tunnel {
  const [only] = shares
  const parts = { ...(serverNames === undefined ? {} : { serverNames }), ...passingOn(shares) }
  const straight = shares.length === 1 && only?.way !== undefined && serverNames?.join() === only.way.entry.host
  const counted = shares.length === 1 && only?.way !== undefined ? wayName(only.way) : { namespace, host: place.host, port: place.port }
  return { name: straight && only?.way !== undefined ? tunnelName(only.way) : routedTunnelName(counted, JSON.stringify(parts)), ...parts }
}

function wayName({ entry, port }: OutsideWay) {
  return { namespace: entry.namespace, host: entry.host, port: port.number }
}

type Share = BytesShare | { readonly weight: number; readonly reason: string }

// oxlint-disable-next-line max-params -- who, where to, and as what
function shareOf(making: Making, caller: Caller, target: CarriedConnection['targets'][number], place: Place): Share {
  const { weight, external, missing } = target
  if (external !== undefined) return { weight, ...needBytes(making, caller, external, place.port) }
  const leg = making.connect(caller, target)
  if (leg === undefined) return { weight, reason: missing ?? 'the target does not exist, or takes no connections' }
  const authority = `${place.host}:${place.port}`
  const name = carrierName(caller, leg.workload.key, authority)
  const tunnel: Tunnel = { name, shares: [{ cluster: leg.cluster, weight: 1 }], authority }
  making.put(`tunnel ${name}`, [JSON.stringify(tunnel)], () => ({ resources: encodeTunnel(tunnel, making.layout), secrets: [] }))
  return { weight, cluster: name, inspects: leg.workload.gateway !== undefined }
}
