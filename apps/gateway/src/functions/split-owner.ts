import type { CanaryResource } from '@weft/api'
import { WeftError, type NamespacedName } from '@weft/core'
import { ownsSplit, SPLIT_OWNER_KINDS } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import type { Admission } from '../resources/resources.ts'

/** Knows who else owns the traffic split of a function. */
export class SplitOwners {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * One writer per split: a VirtualService (or a route of the Gateway API) that spreads the calls of the function's host owns the weights, then a Canary that runs.
   * @throws WeftError `SPLIT_OWNED` naming the owner
   */
  async assertFree(fn: NamespacedName): Promise<void> {
    await this.assertNoRoutes(fn)
    const canary = await this.#runningCanary(fn)
    if (canary !== undefined) throw new WeftError('SPLIT_OWNED', { name: fn.name, owner: `Canary ${fn.namespace}/${canary.metadata.name}, which runs` })
  }

  /** @throws WeftError `SPLIT_OWNED` naming the VirtualService or route */
  async assertNoRoutes(fn: NamespacedName): Promise<void> {
    const lists = await Promise.all(SPLIT_OWNER_KINDS.map((selection) => this.#store.list(selection)))
    const owner = lists.flatMap(({ items }) => items).find((item) => ownsSplit(item, fn))
    if (owner === undefined) return
    throw new WeftError('SPLIT_OWNED', { name: fn.name, owner: `${owner.kind} ${owner.metadata.namespace ?? 'default'}/${owner.metadata.name}` })
  }

  /** A canary owns the split for as long as it tries a candidate. */
  async #runningCanary({ name, namespace }: NamespacedName): Promise<CanaryResource | undefined> {
    const { items } = await this.#store.list({ group: 'weft.dev', kind: 'Canary', namespace })
    return (items as readonly CanaryResource[]).find(
      ({ spec, status }) => spec.function === name && (status?.phase === 'Waiting' || status?.phase === 'Progressing'),
    )
  }
}

/** A Canary is not begun where a VirtualService or a route decides where calls go. What is said of one that is there is always taken: it may be how it is ended. */
export function canaryAdmission(owners: SplitOwners): Admission {
  return async (next, current) => {
    const { metadata, spec } = next as CanaryResource
    if (current === undefined) await owners.assertNoRoutes({ namespace: metadata.namespace ?? 'default', name: spec.function })
    return next
  }
}
