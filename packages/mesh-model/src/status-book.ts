import { refKey, type ResourceRef } from '@weft/core'
import { equal, shared } from './equal.ts'
import type { ParentStatus, ResourceStatus } from './resource-status.ts'

/** What one place (a host, a Gateway) says of one parent of a route. */
export interface ParentEntry extends ParentStatus {
  readonly resource: ResourceRef
  readonly generation: number | undefined
  /** Place of the parent in the route. */
  readonly index: number
}

/** Keeps what is to be said in the status of routes by where it came from, and gives it by route: the same map, and the same entries, while nothing changed. */
export class StatusBook {
  readonly #pages = new Map<string, readonly ParentEntry[]>()
  /** Route → places that say something of it. */
  readonly #sources = new Map<string, Set<string>>()
  #map: ReadonlyMap<string, ResourceStatus> = new Map()

  /** Replaces what one place has to say. */
  put(source: string, entries: readonly ParentEntry[]): void {
    const before = this.#pages.get(source) ?? []
    if (equal(before, entries)) return
    if (entries.length === 0) this.#pages.delete(source)
    else this.#pages.set(source, entries)
    const touched = new Set([...before, ...entries].map(({ resource }) => refKey(resource)))
    const said = new Set(entries.map(({ resource }) => refKey(resource)))
    for (const key of touched) this.#note(key, source, said.has(key))
    this.#renew(touched)
  }

  #note(key: string, source: string, says: boolean): void {
    const sources = this.#sources.get(key) ?? new Set()
    if (says) sources.add(source)
    else sources.delete(source)
    if (sources.size === 0) this.#sources.delete(key)
    else this.#sources.set(key, sources)
  }

  #renew(touched: Iterable<string>): void {
    const map = new Map(this.#map)
    for (const key of touched) {
      const status = this.#statusOf(key)
      if (status === undefined) map.delete(key)
      else map.set(key, shared(map.get(key), status))
    }
    this.#map = map
  }

  #statusOf(key: string): ResourceStatus | undefined {
    const entries = [...(this.#sources.get(key) ?? [])].flatMap((source) => (this.#pages.get(source) ?? []).filter(({ resource }) => refKey(resource) === key))
    const sorted = entries.toSorted((a, b) => a.index - b.index)
    const [first] = sorted
    if (first === undefined) return undefined
    const parents = sorted.map(({ parent, conditions }) => ({ parent, conditions }))
    return { resource: first.resource, generation: first.generation, parents }
  }

  /** Replaces what is to be said of resources that are no routes of the Gateway API. Costs a look at what is known when any of it is different. */
  putWhole(statuses: Iterable<readonly [key: string, status: ResourceStatus | undefined]>): void {
    let map: Map<string, ResourceStatus> | undefined
    for (const [key, status] of statuses) {
      const before = this.#map.get(key)
      const after = status === undefined ? undefined : shared(before, status)
      if (before === after) continue
      map ??= new Map(this.#map)
      if (after === undefined) map.delete(key)
      else map.set(key, after)
    }
    this.#map = map ?? this.#map
  }

  map(): ReadonlyMap<string, ResourceStatus> {
    return this.#map
  }
}
