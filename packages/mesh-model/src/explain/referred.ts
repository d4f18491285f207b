import type { MeshHost, MeshSnapshot, WorkloadKey } from '../snapshot.ts'

/** Routes of these are the function's own, or follow it. */
const OWN_KINDS: ReadonlySet<string> = new Set(['Function', 'Service'])

type Routed = Pick<MeshHost['routes'][number], 'origin' | 'targets' | 'mirrors'>

/** Which of the workloads a route of somebody's (a VirtualService, a route of the Gateway API, a trigger …) leads to, or sends copies to. Cost: all routes. */
export function referredWorkloads(snapshot: Pick<MeshSnapshot, 'hosts' | 'gatewayHosts'>, workloads: Iterable<WorkloadKey>): readonly WorkloadKey[] {
  const wanted = new Set(workloads)
  const found = new Set<WorkloadKey>()
  const look = ({ origin, targets, mirrors = [] }: Routed) => {
    if (OWN_KINDS.has(origin.kind)) return
    for (const { workload } of [...targets, ...mirrors]) if (workload !== undefined && wanted.has(workload)) found.add(workload)
  }
  for (const { routes, tcp } of snapshot.hosts.values()) for (const route of [...routes, ...(tcp?.routes ?? [])]) look(route)
  for (const { routes, tcp = [] } of snapshot.gatewayHosts.values()) for (const route of [...routes, ...tcp]) look(route)
  return [...found]
}
