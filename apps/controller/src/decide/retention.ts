import type { RevisionResource } from '@weft/api'

/** How many revisions of a function are kept for roll-back. */
export const REVISIONS_KEPT = 10

/** The revisions that may go: beyond the newest {@link REVISIONS_KEPT}, and neither routed, named in the spec nor running. */
export function planRetention(revisions: readonly RevisionResource[], inUse: (revision: RevisionResource) => boolean): readonly RevisionResource[] {
  return revisions
    .toSorted((a, b) => b.spec.number - a.spec.number)
    .slice(REVISIONS_KEPT)
    .filter((revision) => !inUse(revision))
}
