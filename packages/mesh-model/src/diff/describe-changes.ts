import { refKey, type ResourceRef } from '@weft/core'
import type { MeshSnapshot } from '../snapshot.ts'
import { thingOf } from '../world/marks.ts'
import { describeDifference, mapOf, type SnapshotChange } from './describe-difference.ts'

/** A change of an entry, and the resources that caused it. */
export interface CausedChange extends SnapshotChange {
  /** Of a batch, those that touched it; the whole batch where it was brought along by something else. */
  readonly by: readonly ResourceRef[]
}

/** What is different in the last of some snapshots that follow each other from the first, and by what. */
export function describeChanges(snapshots: readonly MeshSnapshot[]): readonly CausedChange[] {
  const [first, last] = [snapshots.at(0), snapshots.at(-1)]
  if (first === undefined || last === undefined) return []
  return describeDifference(first, last).map((change) => ({ ...change, by: causesOf(snapshots, change) }))
}

function causesOf(snapshots: readonly MeshSnapshot[], { kind, key }: SnapshotChange): readonly ResourceRef[] {
  const map = mapOf(kind)
  const causes = snapshots.slice(1).flatMap((after, index) => {
    const before = snapshots[index]
    if (before === undefined || (map !== undefined && before[map].get(key) === after[map].get(key))) return []
    return (map === undefined ? undefined : after.causes?.get(thingOf(map, key))) ?? after.cause
  })
  return [...new Map(causes.map((ref) => [refKey(ref), ref])).values()]
}
