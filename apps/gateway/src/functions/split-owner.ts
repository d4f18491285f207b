import type { CanaryResource, FunctionResource } from '@weft/api'
import { WeftError, type Resource } from '@weft/core'
import type { Store } from '@weft/store'

/** Knows who else owns the traffic split of a function. */
export class SplitOwners {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * One writer per split: a VirtualService that spreads the calls of the function's host over subsets owns the weights, then a Canary that runs.
   * @throws WeftError `SPLIT_OWNED` naming the owner
   */
  async assertFree(fn: FunctionResource): Promise<void> {
    const { name, namespace = 'default' } = fn.metadata
    const { items } = await this.#store.list({ group: 'networking.istio.io', kind: 'VirtualService' })
    const owner = items.find((item) => hostsOf(item).some((host) => isHostOf(host, item.metadata.namespace ?? 'default', name, namespace)) && spreads(item))
    if (owner !== undefined)
      throw new WeftError('SPLIT_OWNED', { name, owner: `VirtualService ${owner.metadata.namespace ?? 'default'}/${owner.metadata.name}` })
    const canary = await this.#runningCanary(name, namespace)
    if (canary !== undefined) throw new WeftError('SPLIT_OWNED', { name, owner: `Canary ${namespace}/${canary.metadata.name}, which runs` })
  }

  /** A canary owns the split for as long as it tries a candidate. */
  async #runningCanary(name: string, namespace: string): Promise<CanaryResource | undefined> {
    const { items } = await this.#store.list({ group: 'weft.dev', kind: 'Canary', namespace })
    return (items as readonly CanaryResource[]).find(
      ({ spec, status }) => spec.function === name && (status?.phase === 'Waiting' || status?.phase === 'Progressing'),
    )
  }
}

interface VirtualServiceSpec {
  readonly hosts?: readonly string[]
  readonly http?: readonly { readonly route?: readonly { readonly destination?: { readonly subset?: string; readonly host?: string } }[] }[]
}

function hostsOf(resource: Resource): readonly string[] {
  return (resource.spec as VirtualServiceSpec | undefined)?.hosts ?? []
}

/** Whether it divides calls: several destinations, or a subset. */
function spreads(resource: Resource): boolean {
  const routes = (resource.spec as VirtualServiceSpec | undefined)?.http ?? []
  return routes.some(({ route = [] }) => route.length > 1 || route.some(({ destination }) => destination?.subset !== undefined))
}

/** A short host is of the VirtualService's own namespace, as in Istio. */
function isHostOf(host: string, ownNamespace: string, name: string, namespace: string): boolean {
  const [first, second, ...rest] = host.split('.')
  if (first !== name) return false
  if (second === undefined) return ownNamespace === namespace
  return second === namespace && (rest.length === 0 || rest.join('.') === 'svc' || rest.join('.') === 'svc.cluster.local')
}
