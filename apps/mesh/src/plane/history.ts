import { describeChanges, type MeshChanges, type MeshSnapshot, type SnapshotEntry } from '@weft/mesh-model'

/** Snapshots that are kept. What did not change from one to the next is one object in both; each costs a copy of the tables that it changed, 50 KiB at 1,000 functions. */
const MOST_SNAPSHOTS = 50

interface Kept {
  readonly at: number
  readonly snapshot: MeshSnapshot
}

/** The newest snapshots, so that what changed can be told later. */
export class History {
  #kept: readonly Kept[] = []

  /** Keeps a snapshot, once. */
  keep(snapshot: MeshSnapshot, now: number): void {
    if (this.#kept.at(-1)?.snapshot === snapshot) return
    this.#kept = [...this.#kept, { at: now, snapshot }].slice(-MOST_SNAPSHOTS)
  }

  /** Oldest first. */
  entries(): readonly SnapshotEntry[] {
    return this.#kept.map(({ at, snapshot: { version, cause } }) => ({ version, at, cause }))
  }

  /**
   * What changed between two versions; without `from`: by the last one, up to `to`, that changed what a proxy has.
   * @returns `undefined` when one is not kept, or they are not in order
   */
  changes(from?: number, to?: number): MeshChanges | undefined {
    const last = this.#indexOf(to) ?? -1
    if (from !== undefined) return this.#between(this.#indexOf(from) ?? last + 1, last)
    for (let index = last; index > 0; index -= 1) {
      const changes = this.#between(index - 1, index)
      if (changes !== undefined && changes.changes.length > 0) return changes
    }
    return this.#between(Math.max(0, last - 1), last)
  }

  #between(first: number, last: number): MeshChanges | undefined {
    const [before, after] = [this.#kept[first]?.snapshot, this.#kept[last]?.snapshot]
    if (before === undefined || after === undefined || first > last) return undefined
    const snapshots = this.entries().slice(first + 1, last + 1)
    return { from: before.version, to: after.version, snapshots, changes: describeChanges(this.#kept.slice(first, last + 1).map(({ snapshot }) => snapshot)) }
  }

  #indexOf(version: number | undefined): number | undefined {
    if (version === undefined) return this.#kept.length - 1
    const index = this.#kept.findIndex(({ snapshot }) => snapshot.version === version)
    return index < 0 ? undefined : index
  }
}
