import type { WorkloadKey } from '@weft/mesh-model'
import { shortHash } from './names.ts'
import type { OutsideWay } from './outside-way.ts'
import type { Account } from './tls.ts'

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
const CARRIER = 'carry'

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

/** The same as {@link tunnelName} for what routes send on: `key` says where, and by which server names. */
export function routedTunnelName({ namespace, host, port }: OutsideName, key: string): string {
  return [TUNNEL, namespace, host, String(port), 'routed', shortHash(key)].join('/')
}

/** Internal listener, and the cluster to it, that carries bytes to a workload of the mesh, as CONNECT to `authority`. */
export function carrierName(caller: Account, workload: WorkloadKey, authority: string): string {
  return [CARRIER, caller.namespace, caller.serviceAccount, workload, authority.replaceAll(':', '_')].join('/')
}

/** The workload of a {@link carrierName}. */
export function parseCarrierName(name: string): WorkloadKey | undefined {
  const [kind, , , namespace, workload] = name.split('/')
  return kind === CARRIER && namespace && workload ? `${namespace}/${workload}` : undefined
}

/** Reads what the functions above wrote. */
export function parseOutsideName(name: string): OutsideName | undefined {
  const [kind, namespace, host, port] = name.split('/')
  if ((kind !== CALLS && kind !== TUNNEL && kind !== BYTES) || !namespace || !host || !port) return undefined
  return { namespace, host, port: Number(port) }
}
