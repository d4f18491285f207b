import { escapeRe2, tcpMatchHolds } from '@weft/mesh-model'
import type { MeshHost, MeshTcpRoute, MeshWorkload, RouteTarget } from '@weft/mesh-model'
import { duration, wrap } from './json.ts'
import { regexMatcher } from './matching.ts'
import { localCluster, MISSING_CLUSTER } from './names.ts'
import type { Json } from './types.ts'

/** A connection of raw TCP on which nothing moves is closed after this time, as under Istio, unless a DestinationRule says otherwise. */
const IDLE_MS = 3600_000

const CONNECT: Json = { connect_matcher: {} }

/** For whom routes of connections are written. */
export interface TcpContext {
  readonly callerNamespace: string
  readonly callerLabels: Readonly<Record<string, string>>
  /** How the caller reaches a workload; `undefined` when it is not there or speaks something else. */
  readonly leg: (target: Pick<RouteTarget, 'workload'>) => { readonly cluster: string; readonly workload: MeshWorkload } | undefined
  /** Every way in which the caller may write the host, without a port. */
  readonly names: readonly string[]
}

/** Whether a workload takes connections of raw TCP, and nothing else. */
export function speaksTcp({ protocol }: Pick<MeshWorkload, 'protocol'>): boolean {
  return protocol === 'tcp'
}

/** Whether a workload takes connections: of raw TCP, or on their way through the egress gateway. */
export function takesConnections(workload: Pick<MeshWorkload, 'protocol' | 'gateway'>): boolean {
  return speaksTcp(workload) || workload.gateway !== undefined
}

/** Idle time of a connection to a workload. */
export function tcpIdle({ traffic }: MeshWorkload): Json {
  return duration(traffic?.pool?.tcpIdleTimeoutMs ?? IDLE_MS)
}

/**
 * Routes of a caller's connections to a host. A connection is a CONNECT request on its whole way, so that identity, policy, activation and numbers are those of
 * every other call; its bytes are read by nobody.
 */
export function tcpRoutes(host: MeshHost, context: TcpContext): readonly Json[] {
  const { ports = [], routes = [] } = host.tcp ?? {}
  return ports.flatMap((port) => [...routes, NOWHERE].flatMap((route) => tcpRoute(route, port, context)))
}

/** Takes what no route of the host does: what is for a port of raw TCP is never read as HTTP. */
const NOWHERE: Pick<MeshTcpRoute, 'name' | 'matches' | 'targets'> = { name: 'no-route', matches: [], targets: [] }

function tcpRoute(route: typeof NOWHERE, port: number, context: TcpContext): readonly Json[] {
  const names = context.names.filter((name) => route.matches.length === 0 || route.matches.some((match) => tcpMatchHolds(match, { name, port, ...context })))
  if (names.length === 0) return []
  const authority = { name: ':authority', string_match: regexMatcher(`(?i:${names.map(escapeRe2).join('|')}):${port}`) }
  return [{ name: route.name, match: { ...CONNECT, headers: [authority] }, route: connectAction(route.targets, context) }]
}

/** Sends a connection on, as CONNECT, by shares. */
function connectAction(targets: readonly RouteTarget[], { leg }: TcpContext): Json {
  const weighted = targets.filter(({ weight }) => weight > 0).map((target) => ({ weight: target.weight, leg: leg(target) }))
  const clusters = weighted.map(({ weight, leg: found }) => ({ name: found?.cluster ?? MISSING_CLUSTER, weight: wrap(weight) }))
  const idle = weighted.flatMap(({ leg: found }) => (found === undefined ? [] : [found.workload]))[0]
  return {
    weighted_clusters: { clusters: clusters.length === 0 ? [{ name: MISSING_CLUSTER, weight: wrap(1) }] : clusters },
    timeout: duration(0),
    idle_timeout: idle === undefined ? duration(IDLE_MS) : tcpIdle(idle),
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    retry_policy: { retry_on: 'connect-failure,refused-stream,reset-before-request', num_retries: wrap(3) },
  }
}

/** The route by which a workload takes its connections, behind its policy. */
export function encodeConnections(workload: MeshWorkload): Json {
  return {
    name: 'connection',
    match: CONNECT,
    route: {
      cluster: localCluster(workload.key),
      timeout: duration(0),
      idle_timeout: tcpIdle(workload),
      upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    },
  }
}
