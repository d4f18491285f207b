import type { FunctionTemplate, RevisionResource, RevisionSpec } from '@weft/api'

/** What is to be done about revisions. */
export type RevisionPlan =
  | { readonly kind: 'keep'; readonly revision: string }
  | { readonly kind: 'create'; readonly spec: RevisionSpec }
  | { readonly kind: 'refuse'; readonly reason: string; readonly message: string }

/**
 * Decides whether a template makes a new revision. The same template is the same revision; a name that stands already for another template
 * is refused, since a revision never changes.
 */
export function planRevision(functionName: string, template: FunctionTemplate, revisions: readonly RevisionResource[]): RevisionPlan {
  const newest = newestOf(revisions)
  const wanted = template.revision
  if (wanted === undefined) {
    if (newest !== undefined && sameTemplate(newest.spec.template, template)) return { kind: 'keep', revision: newest.spec.revision }
  } else {
    const named = revisions.find((revision) => revision.spec.revision === wanted)
    if (named !== undefined) {
      if (sameTemplate(named.spec.template, template)) return { kind: 'keep', revision: wanted }
      const message = `revision ${wanted} of ${functionName} exists already with another template; revisions never change: choose another name`
      return { kind: 'refuse', reason: 'RevisionExists', message }
    }
  }
  const number = (newest?.spec.number ?? 0) + 1
  const revision = wanted ?? String(number).padStart(5, '0')
  return { kind: 'create', spec: { function: functionName, revision, number, template } }
}

/** The revision with the highest number. */
export function newestOf(revisions: readonly RevisionResource[]): RevisionResource | undefined {
  let newest: RevisionResource | undefined
  for (const revision of revisions) if (newest === undefined || revision.spec.number > newest.spec.number) newest = revision
  return newest
}

/** Whether two templates make the same replicas: equal but for the order of keys and the name of the revision. */
export function sameTemplate(a: FunctionTemplate, b: FunctionTemplate): boolean {
  return canonical({ ...a, revision: undefined }) === canonical({ ...b, revision: undefined })
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  )
}
