import { messageOf } from '@weft/core'
import { TYPE_URLS } from '../encode/names.ts'
import type { EnvoyResource, ResourceName } from '../encode/types.ts'
import { toWire, type WireResource } from './resource.ts'
import type { DeltaRequest, DeltaResponse, DeltaStream, NodeView, TypeStatus } from './stream.ts'

/** A resource that is not in force, and why. The version before it still is. */
export interface Rejection {
  readonly typeUrl: string
  readonly name: string
  readonly message: string
  /** Absent when it could not even be encoded. */
  readonly version?: string
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** It was sent once more, and there is no answer yet. */
  readonly retrying: boolean
}

/** A change that somebody waits for: this resource at this version, or gone. */
export interface Target {
  readonly typeUrl: string
  readonly name: string
  /** Absent: gone. */
  readonly version?: string
}

/** One connected stream of a node. */
export interface Connection {
  readonly stream: DeltaStream
  /** Milliseconds since the epoch. */
  readonly connectedAt: number
  readonly version?: string
  send(response: DeltaResponse): void
}

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 60_000
const keyOf = (typeUrl: string, name: string) => `${typeUrl} ${name}`

/** How far a target got at one connection. */
export type Progress = 'done' | 'pending' | { readonly refused: string }

/** What one proxy is to have, what is set aside, and its streams. Knows no clock: `now` is milliseconds since the epoch. */
export class NodeState implements NodeView {
  readonly id: string
  readonly #types = new Map<string, Map<string, WireResource>>()
  readonly #rejections = new Map<string, Rejection>()
  readonly #urgent: (resource: ResourceName) => boolean
  readonly connections = new Set<Connection>()
  #wakeups: (() => void)[] = []

  /** `urgent`: which resources calls are waiting for, when there is much to be sent; all, unless it says otherwise. */
  constructor(id: string, urgent: (resource: ResourceName) => boolean = () => true) {
    this.id = id
    this.#urgent = urgent
  }

  isUrgent(resource: ResourceName): boolean {
    return this.#urgent(resource)
  }

  current(typeUrl: string, name: string): WireResource | undefined {
    return this.#types.get(typeUrl)?.get(name)
  }

  names(typeUrl: string): Iterable<string> {
    return this.#types.get(typeUrl)?.keys() ?? []
  }

  isRejected(resource: WireResource): boolean {
    const rejection = this.#rejections.get(keyOf(resource.typeUrl, resource.name))
    return rejection?.version === resource.version && !rejection.retrying
  }

  rejections(): readonly Rejection[] {
    return [...this.#rejections.values()]
  }

  /** The resources of a type (not yet acknowledged, perhaps). */
  resources(typeUrl: string): readonly WireResource[] {
    return [...(this.#types.get(typeUrl)?.values() ?? [])]
  }

  /**
   * Takes in what changed; everything else stays. A resource that cannot be encoded is set aside by itself; its version before stays.
   * @returns what is different now, to be waited for
   */
  update(changes: { readonly set: readonly EnvoyResource[]; readonly removed: readonly ResourceName[] }, now: number): readonly Target[] {
    const targets = [
      ...changes.set.flatMap((resource) => this.#set(resource, now) ?? []),
      ...changes.removed.flatMap(({ typeUrl, name }) => this.#remove(typeUrl, name) ?? []),
    ]
    for (const { typeUrl, name } of targets) for (const { stream } of this.connections) stream.changed(typeUrl, [name])
    return targets
  }

  #remove(typeUrl: string, name: string): Target | undefined {
    this.#rejections.delete(keyOf(typeUrl, name))
    return this.#types.get(typeUrl)?.delete(name) === true ? { typeUrl, name } : undefined
  }

  #set(resource: EnvoyResource, now: number): Target | undefined {
    const { typeUrl, name } = resource
    const key = keyOf(typeUrl, name)
    try {
      const wire = toWire(resource)
      const current = this.#map(typeUrl)
      const rejection = this.#rejections.get(key)
      if (rejection !== undefined && rejection.version !== wire.version) this.#rejections.delete(key)
      if (current.get(name)?.version === wire.version) return undefined
      current.set(name, wire)
      return { typeUrl, name, version: wire.version }
    } catch (error) {
      this.#rejections.set(key, { typeUrl, name, message: messageOf(error), attempts: 1, at: now, retrying: false })
      return undefined
    }
  }

  #map(typeUrl: string): Map<string, WireResource> {
    const known = this.#types.get(typeUrl)
    if (known !== undefined) return known
    const made = new Map<string, WireResource>()
    this.#types.set(typeUrl, made)
    return made
  }

  /** Sends everything that is due, on every connection. Call it after all types of a change were replaced. */
  flush(): void {
    for (const connection of this.connections) for (const response of connection.stream.flush()) connection.send(response)
  }

  /** Takes a request of one connection. @returns whether its subscriptions changed */
  request(connection: Connection, request: DeltaRequest, now: number): boolean {
    const { rejected, subscriptionsChanged } = connection.stream.request(request, now)
    if (rejected !== undefined) this.#reject(rejected.resource, rejected.message, now)
    else if (this.#rejections.size > 0) this.#settle(connection.stream)
    this.wake()
    return subscriptionsChanged
  }

  #reject(resource: WireResource, message: string, now: number): void {
    if (this.current(resource.typeUrl, resource.name)?.version !== resource.version) return
    const key = keyOf(resource.typeUrl, resource.name)
    const attempts = (this.#rejections.get(key)?.attempts ?? 0) + 1
    this.#rejections.set(key, { typeUrl: resource.typeUrl, name: resource.name, version: resource.version, message, attempts, at: now, retrying: false })
  }

  /** Lets resources that were refused be tried again, each after a wait that doubles from 1 s to 60 s: the reason may have been of the moment. */
  retryRejected(now: number): void {
    for (const [key, rejection] of this.#rejections) {
      const { typeUrl, name, version, attempts, at, retrying } = rejection
      if (version === undefined || retrying || now - at < Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1))) continue
      this.#rejections.set(key, { ...rejection, retrying: true })
      for (const { stream } of this.connections) stream.retry(typeUrl, name)
    }
    this.flush()
  }

  /** Forgets refusals of what is in force now. */
  #settle(stream: DeltaStream): void {
    for (const [key, { typeUrl, name, version }] of this.#rejections) {
      if (version !== undefined && stream.ackedVersion(typeUrl, name) === version) this.#rejections.delete(key)
    }
  }

  /** Whether the proxy asks for it by name. */
  isAskedFor(typeUrl: string, name: string): boolean {
    return [...this.connections].some(({ stream }) => stream.namedSubscriptions(typeUrl).has(name))
  }

  /** How far a target got at one connection: what it needs (routes, secrets, endpoints) must have come too. */
  progress(connection: Connection, target: Target): Progress {
    const { stream } = connection
    const { typeUrl, name } = target
    if (!stream.wants(typeUrl, name)) return 'done'
    // What goes there and back again has the version that was acknowledged before it went.
    if (stream.isUnanswered(typeUrl, name)) return 'pending'
    const current = this.current(typeUrl, name)
    const acked = stream.ackedVersion(typeUrl, name)
    if (current === undefined) return acked === undefined ? 'done' : 'pending'
    if (acked === current.version) return this.#needsDone(stream, current) ? 'done' : 'pending'
    const rejection = this.#rejections.get(keyOf(typeUrl, name))
    return rejection?.version === current.version ? { refused: rejection.message } : 'pending'
  }

  #needsDone(stream: DeltaStream, resource: WireResource): boolean {
    // A filter whose configuration is not there has one to begin with.
    const given = (typeUrl: string, name: string) => typeUrl === TYPE_URLS.extension && this.current(typeUrl, name) === undefined
    return resource.needs.every(({ typeUrl, name }) => given(typeUrl, name) || stream.ackedVersion(typeUrl, name) !== undefined)
  }

  status(): ReadonlyMap<string, TypeStatus> {
    const [connection] = [...this.connections].slice(-1)
    return connection?.stream.status() ?? new Map()
  }

  /** Resolves at the next request, connection or end of one. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#wakeups.push(resolve))
  }

  /** Lets everything look again that waits on {@link next}. */
  wake(): void {
    for (const resolve of this.#wakeups.splice(0)) resolve()
  }
}
