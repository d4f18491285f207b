import { refKey, refOf, WeftError, type OwnerReference, type Resource, type ResourceRef } from '@weft/core'
import { assertCurrent, atVersion, born, isOwnedBy, nameOf, ownerKeyOf, revised } from './decide/write.ts'
import type { LoggedChange } from './decide/select.ts'
import type { UpdateOptions } from './port.ts'

/** What the verbs need of a place that keeps resources; all of it happens inside one transaction of the caller. */
export interface Rows {
  get(key: string): Resource | undefined
  put(key: string, resource: Resource): void
  delete(key: string): void
  /** Resources that may have this owner (see `ownerKey`). */
  ownedBy(owner: string): readonly Resource[]
  /** The next version, taken. */
  nextVersion(): number
  log(change: LoggedChange): void
}

/** Where identity and time come from. */
export interface World {
  readonly now: () => number
  readonly uid: () => string
}

/** The writing verbs of a store over {@link Rows}; every check comes before the first change. `given` is the caller's copy to keep. */
export class WriteSet {
  readonly #rows: Rows
  readonly #world: World

  constructor(rows: Rows, world: World) {
    this.#rows = rows
    this.#world = world
  }

  create(given: Resource): Resource {
    const ref = refOf(given)
    const key = refKey(ref)
    if (this.#rows.get(key) !== undefined) throw new WeftError('ALREADY_EXISTS', { kind: given.kind, name: nameOf(ref) })
    for (const owner of given.metadata.ownerReferences ?? []) this.#assertAlive(owner, given.metadata.namespace)
    const version = this.#rows.nextVersion()
    const resource = born(given, { uid: this.#world.uid(), now: this.#world.now(), version })
    this.#rows.put(key, resource)
    this.#rows.log({ version, type: 'ADDED', resource })
    return resource
  }

  update(given: Resource, { part = 'spec' }: UpdateOptions): Resource {
    const key = refKey(refOf(given))
    const current = this.#existing(refOf(given))
    const next = revised(current, given, part)
    if (next === undefined) return current
    const version = this.#rows.nextVersion()
    const resource = atVersion(next, version)
    this.#rows.put(key, resource)
    this.#rows.log({ version, type: 'MODIFIED', resource, ...(current.metadata.labels === undefined ? {} : { labelsBefore: current.metadata.labels }) })
    return resource
  }

  remove(ref: ResourceRef, resourceVersion: string | undefined): Resource {
    const current = this.#existing(ref)
    assertCurrent(current, resourceVersion)
    const last = this.#family(current).map((resource) => this.#drop(resource))
    return last[0] ?? current
  }

  /**
   * A resource and all that go with it. The owner goes first, so that nobody who sees a child go still finds its owner and makes the child anew. Read
   * before anything is changed, so that a child that cannot be read leaves everything as it was.
   */
  #family(owner: Resource): readonly Resource[] {
    const family = new Map([[refKey(refOf(owner)), owner]])
    for (const member of family.values()) {
      for (const child of this.#rows.ownedBy(ownerKeyOf(member))) {
        const key = refKey(refOf(child))
        if (isOwnedBy(child, member) && !family.has(key)) family.set(key, child)
      }
    }
    return [...family.values()]
  }

  #drop(resource: Resource): Resource {
    this.#rows.delete(refKey(refOf(resource)))
    const version = this.#rows.nextVersion()
    const last = atVersion(resource, version)
    this.#rows.log({ version, type: 'DELETED', resource: last })
    return last
  }

  #existing(ref: ResourceRef): Resource {
    const current = this.#rows.get(refKey(ref))
    if (current === undefined) throw new WeftError('NOT_FOUND', { kind: ref.kind, name: nameOf(ref) })
    return current
  }

  /** A child of an owner that went in the meantime would stay for ever: it is refused. Only owners named by uid can be told apart from later ones. */
  #assertAlive(owner: OwnerReference, namespace: string | undefined): void {
    if (owner.uid === undefined) return
    const slash = owner.apiVersion.indexOf('/')
    const ref = { group: slash < 0 ? '' : owner.apiVersion.slice(0, slash), kind: owner.kind, name: owner.name }
    const found = this.#rows.get(refKey(namespace === undefined ? ref : { ...ref, namespace })) ?? this.#rows.get(refKey(ref))
    if (found?.metadata.uid !== owner.uid) throw new WeftError('NOT_FOUND', { kind: owner.kind, name: `${owner.name} with uid ${owner.uid}` })
  }
}
