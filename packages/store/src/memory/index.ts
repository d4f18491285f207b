import { randomUUID } from 'node:crypto'
import { groupOf, refKey, refOf, WeftError, type Resource, type ResourceRef } from '@weft/core'
import { labelsMatch, type LoggedChange } from '../decide/select.ts'
import { copyOf, ownerKey } from '../decide/write.ts'
import type { ListResult, Selection, Store, UpdateOptions, WatchEvent, WatchOptions } from '../port.ts'
import { KEPT_CHANGES, WatchHub, type ChangeLog } from '../watch/hub.ts'
import { WriteSet, type Rows, type World } from '../write-set.ts'

/** A store that lives and dies with the process: for tests and for trying things out. */
export function memoryStore(world: Partial<World> = {}): Store {
  return new MemoryStore({ now: world.now ?? Date.now, uid: world.uid ?? randomUUID })
}

class MemoryRows implements Rows, ChangeLog {
  readonly #byKey = new Map<string, Resource>()
  /** Group and kind → keys. */
  readonly #byKind = new Map<string, Set<string>>()
  readonly #children = new Map<string, Set<string>>()
  /** Change of version v is at `v % KEPT_CHANGES`. */
  readonly #changes: LoggedChange[] = []
  #version = 0
  readonly touched = new Set<string>()

  get(key: string): Resource | undefined {
    return this.#byKey.get(key)
  }

  put(key: string, resource: Resource): void {
    this.delete(key)
    this.#byKey.set(key, resource)
    into(this.#byKind, kindKey(groupOf(resource.apiVersion), resource.kind), key)
    for (const owner of resource.metadata.ownerReferences ?? []) into(this.#children, ownerKey(owner), key)
  }

  delete(key: string): void {
    const resource = this.#byKey.get(key)
    if (resource === undefined) return
    this.#byKey.delete(key)
    this.#byKind.get(kindKey(groupOf(resource.apiVersion), resource.kind))?.delete(key)
    for (const owner of resource.metadata.ownerReferences ?? []) this.#children.get(ownerKey(owner))?.delete(key)
  }

  ownedBy(owner: string): readonly Resource[] {
    return [...(this.#children.get(owner) ?? [])].flatMap((key) => this.#byKey.get(key) ?? [])
  }

  *ofKind(group: string, kind: string): Iterable<Resource> {
    for (const key of this.#byKind.get(kindKey(group, kind)) ?? []) {
      const resource = this.#byKey.get(key)
      if (resource !== undefined) yield resource
    }
  }

  nextVersion(): number {
    this.#version += 1
    return this.#version
  }

  log(change: LoggedChange): void {
    this.#changes[change.version % KEPT_CHANGES] = change
    this.touched.add(kindKey(groupOf(change.resource.apiVersion), change.resource.kind))
  }

  latest(): number {
    return this.#version
  }

  oldest(): number {
    return Math.max(1, this.#version - KEPT_CHANGES + 1)
  }

  read(of: { readonly group: string; readonly kind: string }, after: number, limit: number): readonly LoggedChange[] {
    const found: LoggedChange[] = []
    for (let version = after + 1; version <= this.#version && found.length < limit; version++) {
      const change = this.#changes[version % KEPT_CHANGES]
      if (change === undefined || change.resource.kind !== of.kind || groupOf(change.resource.apiVersion) !== of.group) continue
      found.push({ ...change, resource: copyOf(change.resource) })
    }
    return found
  }
}

class MemoryStore implements Store {
  readonly #rows = new MemoryRows()
  readonly #hub = new WatchHub(this.#rows)
  readonly #writes: WriteSet
  #closed = false

  constructor(world: World) {
    this.#writes = new WriteSet(this.#rows, world)
  }

  async get(ref: ResourceRef): Promise<Resource | undefined> {
    this.#assertOpen()
    const found = this.#rows.get(refKey(ref))
    return found === undefined ? undefined : copyOf(found)
  }

  async list(selection: Selection): Promise<ListResult> {
    this.#assertOpen()
    const items = [...this.#rows.ofKind(selection.group, selection.kind)]
      .filter((resource) => selection.namespace === undefined || resource.metadata.namespace === selection.namespace)
      .filter((resource) => labelsMatch(resource.metadata.labels, selection.labels))
      .map((resource) => ({ key: refKey(refOf(resource)), resource }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ resource }) => copyOf(resource))
    return { items, resourceVersion: String(this.#rows.latest()) }
  }

  async create(resource: Resource): Promise<Resource> {
    return this.#write(() => this.#writes.create(copyOf(resource)))
  }

  async update(resource: Resource, options: UpdateOptions = {}): Promise<Resource> {
    return this.#write(() => this.#writes.update(copyOf(resource), options))
  }

  async remove(ref: ResourceRef, resourceVersion?: string): Promise<Resource> {
    return this.#write(() => this.#writes.remove(ref, resourceVersion))
  }

  watch(selection: Selection, options?: WatchOptions): AsyncIterable<WatchEvent> {
    this.#assertOpen()
    return this.#hub.watch(selection, options)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#hub.close()
  }

  #write(work: () => Resource): Resource {
    this.#assertOpen()
    const result = copyOf(work())
    this.#hub.changed(this.#rows.touched)
    this.#rows.touched.clear()
    return result
  }

  #assertOpen(): void {
    if (this.#closed) throw new WeftError('STORE_UNAVAILABLE', { reason: 'it was closed' })
  }
}

function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`
}

function into(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([value]))
  else set.add(value)
}
