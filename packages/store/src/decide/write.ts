import { groupOf, refOf, WeftError, type ObjectMeta, type OwnerReference, type Resource, type ResourceRef } from '@weft/core'
import { sameJson } from './same-json.ts'

/** What the store adds to a resource that is created. */
export interface Birth {
  readonly uid: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly version: number
}

/** A private copy of a resource as it would come back from disk: JSON, nothing shared with the caller. */
export function copyOf(resource: Resource): Resource {
  return JSON.parse(JSON.stringify(resource)) as Resource
}

/** How errors name a resource. */
export function nameOf(ref: ResourceRef): string {
  return ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`
}

/** The resource as it is first stored: generation 1, with identity, time and version of the store. */
export function born(given: Resource, { uid, now, version }: Birth): Resource {
  const metadata = { ...given.metadata, uid, generation: 1, creationTimestamp: new Date(now).toISOString(), resourceVersion: String(version) }
  return { ...given, metadata }
}

/**
 * The resource after an update, without its new version; `undefined` when the update changes nothing. A spec write keeps the status and what the
 * store has set; a status write keeps everything else. The generation grows when anything but metadata and status changed.
 * @throws WeftError `CONFLICT` when `given` names another version or another object
 */
export function revised(current: Resource, given: Resource, part: 'spec' | 'status'): Resource | undefined {
  assertCurrent(current, given.metadata.resourceVersion, given.metadata.uid)
  const next = part === 'status' ? withStatus(current, given.status) : withStatus({ ...given, metadata: keptMetadata(current, given) }, current.status)
  if (sameJson(next, current)) return undefined
  if (sameJson(contentOf(next), contentOf(current))) return next
  return { ...next, metadata: { ...next.metadata, generation: (current.metadata.generation ?? 0) + 1 } }
}

/** @throws WeftError `CONFLICT` when a version or uid is given and is not the current one */
export function assertCurrent(current: Resource, version: string | undefined, uid?: string): void {
  const { metadata } = current
  if ((version === undefined || version === metadata.resourceVersion) && (uid === undefined || uid === metadata.uid)) return
  const given = version !== undefined && version !== metadata.resourceVersion ? version : `uid ${uid}`
  throw new WeftError('CONFLICT', { kind: current.kind, name: nameOf(refOf(current)), given, current: metadata.resourceVersion ?? '' })
}

/** The same resource at another version. */
export function atVersion(resource: Resource, version: number): Resource {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion: String(version) } }
}

function keptMetadata(current: Resource, given: Resource): ObjectMeta {
  const { uid, generation, creationTimestamp, resourceVersion } = current.metadata
  const { uid: _uid, generation: _generation, creationTimestamp: _time, resourceVersion: _version, ...own } = given.metadata
  return {
    ...own,
    ...(uid === undefined ? {} : { uid }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function withStatus(resource: Resource, status: unknown): Resource {
  const { status: _, ...rest } = resource
  return status === undefined ? rest : { ...rest, status }
}

function contentOf(resource: Resource): unknown {
  const { metadata: _metadata, status: _status, ...content } = resource
  return content
}

/** Key under which the children of an owner are found. It has no namespace: {@link isOwnedBy} decides. */
export function ownerKey(owner: Pick<OwnerReference, 'apiVersion' | 'kind' | 'name'>): string {
  return `${groupOf(owner.apiVersion)}/${owner.kind}/${owner.name}`
}

/** The owner as an {@link OwnerReference} would name it. */
export function ownerKeyOf(owner: Resource): string {
  return ownerKey({ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name })
}

/** Whether `child` goes when `owner` goes: same namespace (or an owner without one), same kind and name, same uid where the child names one. */
export function isOwnedBy(child: Resource, owner: Resource): boolean {
  if (owner.metadata.namespace !== undefined && owner.metadata.namespace !== child.metadata.namespace) return false
  const key = ownerKeyOf(owner)
  return (child.metadata.ownerReferences ?? []).some((ref) => ownerKey(ref) === key && (ref.uid === undefined || ref.uid === owner.metadata.uid))
}
