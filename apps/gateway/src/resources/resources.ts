import { DEFAULT_NAMESPACE, isWeftError, refOf, WeftError, type Resource, type ResourceRef } from '@weft/core'
import type { ListResult, Selection, Store } from '@weft/store'
import { assertMayWrite, assertMayWriteStatus } from './reserved.ts'

/** Checks and completes what is about to be written; gets what is there now. Throws to refuse. */
export type Admission = (next: Resource, current: Resource | undefined) => Promise<Resource>

/** How a write is done. */
export interface WriteOptions {
  /** Check everything and write nothing. */
  readonly dryRun?: boolean
}

/** Collaborators of {@link Resources}. */
export interface ResourcesOptions {
  readonly store: Store
  /** By `group/kind`: what a kind needs beyond its schema. */
  readonly admissions: ReadonlyMap<string, Admission>
}

const READ_AGAIN = 8

/**
 * The one way by which the API writes resources, whatever the route: checks that the namespace is there and that the place is not the platform's, asks
 * the kind's admission, and writes.
 */
export class Resources {
  readonly #store: Store
  readonly #admissions: ReadonlyMap<string, Admission>

  constructor(options: ResourcesOptions) {
    this.#store = options.store
    this.#admissions = options.admissions
  }

  /** @throws WeftError `NOT_FOUND` */
  async get(ref: ResourceRef): Promise<Resource> {
    const found = await this.#store.get(ref)
    if (found === undefined) throw notFound(ref)
    return found
  }

  list(selection: Selection): Promise<ListResult> {
    return this.#store.list(selection)
  }

  /** @throws WeftError `ALREADY_EXISTS`, `NAMESPACE_MISSING`, `RESERVED`, and those of the kind's admission */
  async create(resource: Resource, { dryRun = false }: WriteOptions = {}): Promise<Resource> {
    const ref = refOf(resource)
    assertMayWrite(ref, 'create')
    await this.#assertNamespace(ref)
    if ((await this.#store.get(ref)) !== undefined) throw new WeftError('ALREADY_EXISTS', { kind: ref.kind, name: ref.name })
    const admitted = await this.#admit(fresh(resource), undefined)
    return dryRun ? admitted : this.#store.create(admitted)
  }

  /**
   * Replaces everything but the status. With `metadata.resourceVersion` it must be the current one.
   * @throws WeftError `NOT_FOUND`, `CONFLICT`, `RESERVED`, and those of the kind's admission
   */
  async replace(resource: Resource, { dryRun = false }: WriteOptions = {}): Promise<Resource> {
    assertMayWrite(refOf(resource), 'update')
    const current = await this.get(refOf(resource))
    const admitted = await this.#admit(settled(resource, current), current)
    return dryRun ? admitted : this.#store.update(admitted)
  }

  /** Replaces the status alone. @throws WeftError `NOT_FOUND`, `CONFLICT`, `METHOD_NOT_ALLOWED` */
  async replaceStatus(resource: Resource, { dryRun = false }: WriteOptions = {}): Promise<Resource> {
    assertMayWriteStatus(resource)
    assertMayWrite(refOf(resource), 'update')
    await this.get(refOf(resource))
    return dryRun ? resource : this.#store.update(resource, { part: 'status' })
  }

  /**
   * Reads, changes and writes, and does so again when someone wrote in between. `change` must be repeatable; a version that it sets itself is kept and must be
   * the current one.
   * @throws WeftError `NOT_FOUND`, `CONFLICT` after eight attempts
   */
  async change(ref: ResourceRef, change: (current: Resource) => Resource, options: WriteOptions = {}): Promise<Resource> {
    for (let attempt = 1; ; attempt++) {
      const current = await this.get(ref)
      try {
        const next = change(current)
        return await this.replace({ ...next, metadata: { ...versionOf(current), ...next.metadata } }, options)
      } catch (error) {
        if (!isWeftError(error, 'CONFLICT') || attempt === READ_AGAIN) throw error
      }
    }
  }

  /** Removes it and what it owns. @throws WeftError `NOT_FOUND`, `CONFLICT`, `RESERVED` */
  async remove(ref: ResourceRef, resourceVersion?: string, { dryRun = false }: WriteOptions = {}): Promise<Resource> {
    assertMayWrite(ref, 'delete')
    const current = await this.get(ref)
    if (!dryRun) return this.#store.remove(ref, resourceVersion)
    const version = current.metadata.resourceVersion ?? ''
    if (resourceVersion !== undefined && resourceVersion !== version) {
      throw new WeftError('CONFLICT', { kind: ref.kind, name: ref.name, given: resourceVersion, current: version })
    }
    return current
  }

  /** Whether a namespace is there; `default` always is. */
  async hasNamespace(name: string): Promise<boolean> {
    return name === DEFAULT_NAMESPACE || (await this.#store.get({ group: '', kind: 'Namespace', name })) !== undefined
  }

  async #assertNamespace(ref: ResourceRef): Promise<void> {
    if (ref.namespace === undefined || (await this.hasNamespace(ref.namespace))) return
    throw new WeftError('NAMESPACE_MISSING', { name: ref.namespace })
  }

  async #admit(next: Resource, current: Resource | undefined): Promise<Resource> {
    const ref = refOf(next)
    const admission = this.#admissions.get(`${ref.group}/${ref.kind}`)
    return admission === undefined ? next : admission(next, current)
  }
}

/** The error for a resource that is not there. */
export function notFound(ref: ResourceRef): WeftError {
  return new WeftError('NOT_FOUND', { kind: ref.kind, name: ref.name })
}

function versionOf(resource: Resource): { readonly resourceVersion?: string } {
  const { resourceVersion } = resource.metadata
  return resourceVersion === undefined ? {} : { resourceVersion }
}

/** Without what the store sets, and without a status: nobody is born with one. */
function fresh(resource: Resource): Resource {
  const { status: _status, ...rest } = resource
  const { uid: _uid, generation: _generation, creationTimestamp: _at, resourceVersion: _version, ...metadata } = resource.metadata
  return { ...rest, metadata }
}

/** With the identity and status of what is there. */
function settled(resource: Resource, current: Resource): Resource {
  const { status: _status, ...rest } = resource
  const { uid, generation, creationTimestamp } = current.metadata
  const metadata = {
    ...resource.metadata,
    ...(uid === undefined ? {} : { uid: resource.metadata.uid ?? uid }), // a given one is a precondition, as in Kubernetes
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  }
  return { ...rest, metadata, ...(current.status === undefined ? {} : { status: current.status }) }
}
