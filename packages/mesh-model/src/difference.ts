import type { MeshSnapshot, SnapshotDifference } from './snapshot.ts'

/**
 * What is different in `after`, by identity of the entries. For two snapshots of one compiler; {@link MeshCompiler.apply} gives the difference from one to
 * the next without looking through them, this is for snapshots further apart. Cost: one look at each entry.
 */
export function difference(before: Pick<MeshSnapshot, 'hosts' | 'workloads'>, after: Pick<MeshSnapshot, 'hosts' | 'workloads'>): SnapshotDifference {
  return { workloads: mapDifference(before.workloads, after.workloads), hosts: mapDifference(before.hosts, after.hosts) }
}

function mapDifference<V>(
  before: ReadonlyMap<string, V>,
  after: ReadonlyMap<string, V>,
): { readonly set: readonly string[]; readonly removed: readonly string[] } {
  if (before === after) return { set: [], removed: [] }
  const set = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key)
  const removed = [...before.keys()].filter((key) => !after.has(key))
  return { set, removed }
}
