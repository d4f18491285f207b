import type { MapDifference, MeshSnapshot, SnapshotDifference, SnapshotMap } from './snapshot.ts'

/**
 * What is different in `after`, by identity of the entries. For two snapshots of one compiler; {@link MeshCompiler.apply} gives the difference from one to
 * the next without looking through them, this is for snapshots further apart. Cost: one look at each entry.
 */
export function difference(before: Pick<MeshSnapshot, SnapshotMap>, after: Pick<MeshSnapshot, SnapshotMap>): SnapshotDifference {
  const of = (name: SnapshotMap) => mapDifference(before[name], after[name])
  return {
    workloads: of('workloads'),
    hosts: of('hosts'),
    gateways: of('gateways'),
    listeners: of('listeners'),
    chainNames: of('chainNames'),
    gatewayHosts: of('gatewayHosts'),
    credentials: of('credentials'),
    externals: of('externals'),
  }
}

function mapDifference(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): MapDifference {
  if (before === after) return { set: [], removed: [] }
  const set = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key)
  const removed = [...before.keys()].filter((key) => !after.has(key))
  return { set, removed }
}
