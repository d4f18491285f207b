import { SYSTEM_NAMESPACE } from '@weft/core'
import type { DestinationRuleModel } from '../read/models.ts'
import type { HostKey, WorkloadKey } from '../snapshot.ts'
import type { WorkloadTraffic } from '../workload-traffic.ts'
import { selects } from '../world/selectors.ts'
import type { Endpoints } from './endpoints.ts'

/** What a host's DestinationRules (oldest first) say of its workloads, and the rules whose policy is not used. */
export interface HostTraffic {
  readonly traffic: ReadonlyMap<WorkloadKey, WorkloadTraffic>
  readonly ignored: readonly DestinationRuleModel[]
}

/**
 * The policy of the host's own namespace, else of the whole mesh; a rule elsewhere cannot change how calls of all others are carried. A subset's settings
 * take the place of the host's, each as a whole, for the workloads that it selects (Istio, Subset.trafficPolicy).
 */
export function hostTraffic(endpoints: Endpoints, rules: readonly DestinationRuleModel[]): HostTraffic {
  const [own] = endpoints.key.split('/')
  const places = [own, SYSTEM_NAMESPACE]
  const used = places.map((place) => rules.filter((rule) => rule.namespace === place)).find((list) => list.some(saysHow)) ?? []
  const whole = used.find((rule) => rule.traffic !== undefined)?.traffic
  const subsets = used.flatMap((rule) => rule.subsets)
  const traffic = endpoints.revisions.flatMap(({ key, labels }): readonly (readonly [WorkloadKey, WorkloadTraffic])[] => {
    const part = subsets.find((subset) => subset.traffic !== undefined && selects(subset.labels, labels))?.traffic
    return whole === undefined && part === undefined ? [] : [[key, { ...whole, ...part }]]
  })
  return { traffic: new Map(traffic), ignored: rules.filter((rule) => saysHow(rule) && !places.includes(rule.namespace)) }
}

function saysHow(rule: DestinationRuleModel): boolean {
  return rule.traffic !== undefined || rule.subsets.some((subset) => subset.traffic !== undefined)
}

/** What holds for a workload that stands behind several hosts: what its function's own host says, else the first by name. */
export function chosenTraffic(said: ReadonlyMap<HostKey, WorkloadTraffic> | undefined, own: HostKey): WorkloadTraffic | undefined {
  if (said === undefined) return undefined
  const [first] = [...said.keys()].toSorted()
  return said.get(own) ?? (first === undefined ? undefined : said.get(first))
}
