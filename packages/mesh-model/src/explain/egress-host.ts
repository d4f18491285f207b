import { keyOf, type NamespacedName } from '@weft/core'
import { EGRESS_ACCOUNT, isEgressHost } from '../egress.ts'
import { hostFqdn } from '../read/names.ts'
import type { MeshHost, MeshRoute, MeshSnapshot, MeshWorkload } from '../snapshot.ts'

type Known = Pick<MeshSnapshot, 'hosts' | 'workloads' | 'listeners'>

/** A host as people ask for it: one of functions, or (by any of its names) the egress gateway, as if it were one. */
export function describedHost(snapshot: Known, name: NamespacedName): MeshHost | undefined {
  const key = keyOf(name)
  return snapshot.hosts.get(key) ?? (isEgressHost(key) ? egressHost(snapshot, name) : undefined)
}

function egressHost(snapshot: Known, { namespace, name }: NamespacedName): MeshHost | undefined {
  const ports = [...snapshot.workloads.values()].filter(({ gateway }) => gateway !== undefined).toSorted((a, b) => (a.port ?? 0) - (b.port ?? 0))
  if (ports.length === 0) return undefined
  const routes = ports.flatMap((workload) => toPort(snapshot, workload))
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    fqdn: hostFqdn(namespace, name),
    ports: ports.flatMap(({ port }) => port ?? []),
    routes,
    isPrivate: true,
  }
}

function toPort({ listeners }: Known, { key, port, gateway = '' }: MeshWorkload): readonly MeshRoute[] {
  const origin = listeners.get(gateway)?.origins[0]
  if (origin === undefined) return []
  const match = { headers: [], queryParameters: [], ...(port === undefined ? {} : { port }) }
  return [{ name: `${EGRESS_ACCOUNT}-${port}`, matches: [match], targets: [{ weight: 100, workload: key }], origin }]
}
