import type { OutsideWay } from './outside-way.ts'

/** Parts of the names of clusters to the outside; none of them has a slash. */
export interface OutsideName {
  /** Namespace of the ServiceEntry. */
  readonly namespace: string
  /** Host as the ServiceEntry has it, perhaps `*.NAME`. */
  readonly host: string
  readonly port: number
}

const NOTHING = '-'
const CALLS = 'outside'
const TUNNEL = 'tunnel'
const BYTES = 'bytes'

function nameOf(kind: string, way: OutsideWay): string {
  const { entry, port, subset, rule, called, account } = way
  const parts = [kind, entry.namespace, entry.host, String(port.number), subset ?? NOTHING, rule?.namespace ?? NOTHING, called?.replaceAll(':', '_') ?? NOTHING]
  return [...parts, ...(account === undefined ? [] : [account.namespace, account.serviceAccount])].join('/')
}

/** Cluster of calls (HTTP) to the outside. */
export function outsideCluster(way: OutsideWay): string {
  return nameOf(CALLS, way)
}

/** Cluster of what is passed on as it is. */
export function bytesCluster(way: OutsideWay): string {
  return nameOf(BYTES, way)
}

/** Internal listener, and the cluster to it, that passes TLS on by its server name. */
export function tunnelName(way: OutsideWay): string {
  return nameOf(TUNNEL, way)
}

/** Reads what the functions above wrote. */
export function parseOutsideName(name: string): OutsideName | undefined {
  const [kind, namespace, host, port] = name.split('/')
  if ((kind !== CALLS && kind !== TUNNEL && kind !== BYTES) || !namespace || !host || !port) return undefined
  return { namespace, host, port: Number(port) }
}
