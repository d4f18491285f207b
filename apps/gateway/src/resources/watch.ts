import { isWeftError, refKey, refOf, type Resource } from '@weft/core'
import type { Selection, Store } from '@weft/store'
import { kubernetesStatus, problemOf } from '../http/problem.ts'
import type { Predicate } from './selectors.ts'

/** What a watch is about. */
export interface WatchRequest {
  readonly selection: Selection
  readonly matches: Predicate
  /** Watch from this version; absent: everything that is there comes first, as ADDED. */
  readonly since?: string
  /** Tell versions in between. */
  readonly bookmarks: boolean
  /** Mark the end of what was there with an annotated bookmark (`sendInitialEvents`). */
  readonly markInitial: boolean
  readonly signal: AbortSignal
  /** `apiVersion` as asked for, and what may be shown. */
  readonly present: (resource: Resource) => Resource
  readonly kind: { readonly apiVersion: string; readonly kind: string }
  readonly log: (id: string, error: unknown) => void
}

/**
 * The lines of a watch: `{type, object}`. A resource that begins or ceases to be selected is ADDED or DELETED. A version that is not kept any more ends it with
 * an ERROR whose object is a Status 410 `Expired`, as Kubernetes does.
 */
export async function* watchLines(store: Store, request: WatchRequest): AsyncGenerator<string> {
  try {
    yield* follow(store, request)
  } catch (error) {
    if (request.signal.aborted) return
    const problem = problemOf(error, (id) => request.log(id, error))
    yield line('ERROR', { ...kubernetesStatus(problem), ...(isWeftError(error, 'WATCH_TOO_OLD') ? { reason: 'Expired' } : {}) })
  }
}

async function* follow(store: Store, request: WatchRequest): AsyncGenerator<string> {
  const { selection, matches, present, signal } = request
  const shown = new Set<string>()
  let since = request.since
  if (since === undefined) {
    const list = await store.list(selection)
    since = list.resourceVersion
    for (const item of list.items.filter(matches)) {
      shown.add(refKey(refOf(item)))
      yield line('ADDED', present(item))
    }
    if (request.markInitial) yield bookmark(request, since, { 'k8s.io/initial-events-end': 'true' })
  }
  const knowsAll = request.since === undefined
  for await (const event of store.watch(selection, { since, signal })) {
    if (event.type === 'BOOKMARK') {
      if (request.bookmarks) yield bookmark(request, event.resourceVersion)
      continue
    }
    const type = shownType(event.type, event.resource, matches, shown, knowsAll)
    if (type !== undefined) yield line(type, present(withVersion(event.resource, event.resourceVersion)))
  }
}

/** How a change looks to one who sees only what is selected. */
function shownType(type: 'ADDED' | 'MODIFIED' | 'DELETED', resource: Resource, matches: Predicate, shown: Set<string>, knowsAll: boolean): string | undefined {
  const key = refKey(refOf(resource))
  if (type === 'DELETED') return shown.delete(key) || (!knowsAll && matches(resource)) ? 'DELETED' : undefined
  if (!matches(resource)) return shown.delete(key) || (!knowsAll && type === 'MODIFIED') ? 'DELETED' : undefined
  const isNew = !shown.has(key)
  shown.add(key)
  return isNew && knowsAll ? 'ADDED' : type
}

/** A removed resource carries the version of its removal. */
function withVersion(resource: Resource, resourceVersion: string): Resource {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion } }
}

function bookmark({ kind }: WatchRequest, resourceVersion: string, annotations?: Readonly<Record<string, string>>): string {
  return line('BOOKMARK', { ...kind, metadata: { resourceVersion, ...(annotations === undefined ? {} : { annotations }) } })
}

function line(type: string, object: unknown): string {
  return JSON.stringify({ type, object })
}
