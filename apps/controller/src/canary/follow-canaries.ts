import type { CanaryResource, FunctionResource } from '@weft/api'
import { keyOf, type Resource } from '@weft/core'
import type { KeyedQueue, Log } from '@weft/kit'
import { SPLIT_OWNER_KINDS } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { follow, type FollowHandler } from '@weft/store/follow'
import { ownerOf } from './owner.ts'

/** What {@link CanaryBook} needs. */
export interface CanaryBookOptions {
  readonly store: Store
  readonly log: Log
  readonly functions: Pick<KeyedQueue, 'add'>
  readonly canaries: Pick<KeyedQueue, 'add'>
}

/** Knows the canaries and whoever else may own a split, and enqueues what a change of them touches. */
export class CanaryBook {
  readonly #options: CanaryBookOptions
  #canaries = new Map<string, CanaryResource>()
  readonly #routes = new Map<string, ReadonlyMap<string, Resource>>()

  constructor(options: CanaryBookOptions) {
    this.#options = options
  }

  /** Lists and follows; resolves when all lists were read. */
  async start(signal: AbortSignal): Promise<void> {
    const onError = (reason: string) => this.#options.log.error({ reason }, 'the canaries lost their watch on the store and try again')
    const watch = (group: string, kind: string, handler: FollowHandler) => follow(this.#options.store, { group, kind }, handler, { signal, onError })
    for (const { group, kind } of SPLIT_OWNER_KINDS) await watch(group, kind, this.#routesHandler(kind))
    await watch('weft.dev', 'Canary', this.#canaryHandler())
    const touch = (resource: Resource) => this.#touch(functionKey(resource))
    const handler: FollowHandler = { listed: (items) => items.forEach(touch), changed: (_type, resource) => touch(resource) }
    for (const kind of ['Function', 'Revision']) await watch('weft.dev', kind, handler)
  }

  /** Who decides in a canary's place where calls of its function go. */
  ownerOf(canary: CanaryResource, fn: FunctionResource): string | undefined {
    return ownerOf({ canary, fn, routes: [...this.#routes.values()].flatMap((ofKind) => [...ofKind.values()]), canaries: this.#canaries.values() })
  }

  #canaryHandler(): FollowHandler {
    const note = (resource: Resource) => {
      this.#touch(functionKey(resource))
      this.#options.canaries.add(ownKey(resource))
      this.#options.functions.add(functionKey(resource))
    }
    return {
      listed: (items) => {
        const before = [...this.#canaries.values()]
        this.#canaries = new Map(items.map((item) => [ownKey(item), item as CanaryResource]))
        for (const item of [...before, ...items]) note(item)
      },
      changed: (type, resource) => {
        if (type === 'DELETED') this.#canaries.delete(ownKey(resource))
        else this.#canaries.set(ownKey(resource), resource as CanaryResource)
        note(resource)
      },
    }
  }

  #routesHandler(kind: string): FollowHandler {
    const known = new Map<string, Resource>()
    this.#routes.set(kind, known)
    const all = () => [...this.#canaries.keys()].forEach((key) => this.#options.canaries.add(key))
    return {
      listed: (items) => {
        known.clear()
        for (const item of items) known.set(ownKey(item), item)
        all()
      },
      changed: (type, resource) => {
        if (type === 'DELETED') known.delete(ownKey(resource))
        else known.set(ownKey(resource), resource)
        all()
      },
    }
  }

  /** Every canary of a function is looked at when the function changes, or another canary of it. */
  #touch(fn: string): void {
    for (const [key, canary] of this.#canaries) if (functionKey(canary) === fn) this.#options.canaries.add(key)
  }
}

function ownKey({ metadata }: Resource): string {
  return keyOf({ namespace: metadata.namespace ?? 'default', name: metadata.name })
}

function functionKey(resource: Resource): string {
  if (resource.kind === 'Function') return ownKey(resource)
  return keyOf({ namespace: resource.metadata.namespace ?? 'default', name: (resource.spec as { function: string }).function })
}
