import type { Resource } from '@weft/core'
import type { Selection, WatchEvent } from '../port.ts'

type Labels = Readonly<Record<string, string>> | undefined

/** One change as the log keeps it. */
export interface LoggedChange {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly resource: Resource
  /** Labels before a modification, for watchers that select by label. */
  readonly labelsBefore?: Labels
}

/** Whether labels have all that a selection asks for. */
export function labelsMatch(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => labels !== undefined && Object.hasOwn(labels, key) && labels[key] === value)
}

/**
 * What a watcher is told of a change: nothing when the resource is and was not in its selection; a resource that comes into it by a label is ADDED,
 * one that leaves it is DELETED (as Kubernetes has it). Group and kind are the caller's to compare.
 */
export function eventFor(selection: Selection, change: LoggedChange): WatchEvent | undefined {
  const { resource, version, type } = change
  if (selection.namespace !== undefined && selection.namespace !== resource.metadata.namespace) return undefined
  const now = labelsMatch(resource.metadata.labels, selection.labels)
  const before = type === 'MODIFIED' ? labelsMatch(change.labelsBefore, selection.labels) : now
  if (!now && !before) return undefined
  const seen = now === before ? type : now ? 'ADDED' : 'DELETED'
  return { type: seen, resource, resourceVersion: String(version) }
}
