import type { CanaryResource, FunctionResource } from '@weft/api'
import type { Resource } from '@weft/core'
import { ownershipOf } from '@weft/mesh-model'
import type { CanaryRules } from './types.ts'

/** What is known when the owner of a split is looked for. */
export interface SplitFacts {
  readonly canary: CanaryResource
  readonly fn: FunctionResource
  readonly rules: CanaryRules
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

/** One that only says how calls go leaves the weights to the function, but has all routes of its host. */
function routesOwner({ fn, rules, routes }: SplitFacts): string | undefined {
  const host = { namespace: fn.metadata.namespace ?? 'default', name: fn.metadata.name }
  const routed = rules.mode === 'a/b' || rules.mirror !== undefined || rules.affinity !== undefined
  for (const one of routes) {
    const ownership = ownershipOf(one, host)
    if (ownership === 'split' || (ownership === 'routes' && routed)) return `${one.kind} ${one.metadata.namespace ?? 'default'}/${one.metadata.name}`
  }
  return undefined
}

function pinned({ fn }: SplitFacts): string | undefined {
  return (fn.spec.traffic?.length ?? 0) > 0 ? `somebody who pinned the traffic (weft traffic clear ${fn.metadata.name})` : undefined
}
