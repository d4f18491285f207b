import { keyOf, type NamespacedName } from '@weft/core'
import { describedHost } from '@weft/mesh-model'
import type { MeshSnapshot, MeshWorkload, WorkloadKey } from '@weft/mesh-model'

/** The workloads of a host: those of the function of that name, and those that a host of that name sends to. */
export function workloadsOf(snapshot: Pick<MeshSnapshot, 'hosts' | 'workloads' | 'listeners'>, name: NamespacedName): readonly MeshWorkload[] {
  const targets = new Set(describedHost(snapshot, name)?.routes.flatMap((route) => route.targets.map((target) => target.workload)))
  return [...snapshot.workloads.values()].filter(
    (workload) => targets.has(workload.key) || (workload.namespace === name.namespace && workload.function === name.name),
  )
}

/** The workloads of a host, or the one of that name. */
export function tappedWorkloads(snapshot: Pick<MeshSnapshot, 'hosts' | 'workloads' | 'listeners'>, name: NamespacedName): ReadonlySet<WorkloadKey> {
  const key = keyOf(name)
  const all = workloadsOf(snapshot, name).map((workload) => workload.key)
  return new Set(all.length === 0 && snapshot.workloads.has(key) ? [key] : all)
}
