import type { CanaryResource, FunctionResource } from '@weft/api'
import type { Resource } from '@weft/core'
import { ownsSplit } from '@weft/mesh-model'

/** What is known when the owner of a split is looked for. */
export interface SplitFacts {
  readonly canary: CanaryResource
  readonly fn: FunctionResource
  /** VirtualServices, and routes of the Gateway API. */
  readonly routes: Iterable<Resource>
  /** All canaries. */
  readonly canaries: Iterable<CanaryResource>
}

/** Who decides in the canary's place where calls of its function go; `undefined`: nobody. */
export function ownerOf(facts: SplitFacts): string | undefined {
  return otherCanary(facts) ?? routesOwner(facts) ?? pinned(facts)
}

/** Of several canaries of a function the oldest tries its revisions. */
function otherCanary({ canary, canaries }: SplitFacts): string | undefined {
  const { namespace = 'default' } = canary.metadata
  const rivals = [...canaries].filter((other) => (other.metadata.namespace ?? 'default') === namespace && other.spec.function === canary.spec.function)
  const [first] = rivals.toSorted(byAge)
  return first === undefined || first.metadata.name === canary.metadata.name ? undefined : `Canary ${namespace}/${first.metadata.name}, which is older,`
}

/** Older first; of the same age, by name. */
export function byAge(a: CanaryResource, b: CanaryResource): number {
  return age(a) < age(b) ? -1 : 1
}

function age({ metadata }: CanaryResource): string {
  return `${metadata.creationTimestamp ?? '9'} ${metadata.name}`
}

function routesOwner({ fn, routes }: SplitFacts): string | undefined {
  const host = { namespace: fn.metadata.namespace ?? 'default', name: fn.metadata.name }
  const owner = [...routes].find((one) => ownsSplit(one, host))
  return owner === undefined ? undefined : `${owner.kind} ${owner.metadata.namespace ?? 'default'}/${owner.metadata.name}`
}

function pinned({ fn }: SplitFacts): string | undefined {
  return (fn.spec.traffic?.length ?? 0) > 0 ? `somebody who pinned the traffic (weft traffic clear ${fn.metadata.name})` : undefined
}
