import type { FunctionResource, FunctionStatus, RevisionResource } from '@weft/api'
import type { Condition } from '@weft/core'
import { condition } from './conditions.ts'
import { newestOf } from './revision.ts'
import type { Share, TrafficPlan } from './traffic.ts'

/** A call that came now could still be answered 503: what is written comes to the proxies afterwards. */
const ROUTES_PENDING = 'RoutesPending'

/** Why something is not as it was asked for. */
export interface Trouble {
  /** CamelCase. */
  readonly reason: string
  readonly message: string
}

/** What is known of one revision when the status of its function is decided. */
export interface RevisionFacts {
  readonly revision: RevisionResource
  /** Replicas that are proven ready now, and that are wanted. */
  readonly proven: number
  readonly desired: number
  /** Whether it was ever proven ready. */
  readonly wasProven: boolean
  /** Why its replicas do not get ready. */
  readonly failure: Trouble | undefined
}

/** Everything that a function's status is made of. */
export interface FunctionFacts {
  readonly fn: FunctionResource
  readonly revisions: readonly RevisionFacts[]
  readonly plan: TrafficPlan
  /** Whether every proxy has the routes of the plan. */
  readonly inForce: boolean
  /** Why its template made no revision. */
  readonly refusal: Trouble | undefined
}

/** Decides the status of a function. `now` is RFC 3339. */
export function functionStatus(facts: FunctionFacts, now: string): FunctionStatus {
  const { fn, revisions, plan, refusal } = facts
  const newest = newestOf(revisions.map(({ revision }) => revision))
  const latestReady = newestOf(revisions.filter(({ wasProven }) => wasProven).map(({ revision }) => revision))?.spec.revision
  return {
    // a refused template is looked at again: what it names may appear
    observedGeneration: refusal === undefined ? (fn.metadata.generation ?? 0) : (fn.status?.observedGeneration ?? 0),
    traffic: plan.traffic,
    ...(plan.canary === undefined ? {} : { canary: plan.canary }),
    latestCreated: newest?.spec.revision ?? '',
    ...(latestReady === undefined ? {} : { latestReady }),
    replicas: revisions.reduce((sum, { desired }) => sum + desired, 0),
    availableReplicas: revisions.reduce((sum, { proven }) => sum + proven, 0),
    conditions: conditionsOf(facts, newest).map((entry) => ({ ...entry, lastTransitionTime: transition(fn.status?.conditions, entry, now) })),
  }
}

function conditionsOf(facts: FunctionFacts, newest: RevisionResource | undefined): readonly Condition[] {
  const isPinned = facts.fn.spec.traffic !== undefined && facts.fn.spec.traffic.length > 0
  return [servingCondition(facts), revisionCondition(facts, newest), ...(isPinned ? [pinnedCondition(facts, newest)] : [])]
}

/** Once it served it is not taken back while a change of the split is on its way: calls are answered all the time. */
function servingCondition({ fn, plan, inForce }: FunctionFacts): Condition {
  if (plan.traffic.length === 0) return condition('Ready', 'False', 'NothingReady', 'no revision was proven ready yet')
  if (inForce || isTrue(fn.status, 'Ready')) return condition('Ready', 'True', 'Serving', `traffic goes to ${describe(plan.traffic)}`)
  return condition('Ready', 'Unknown', ROUTES_PENDING, `the routes to ${describe(plan.traffic)} are on their way to the proxies`)
}

function isTrue(status: FunctionStatus | undefined, type: string): boolean {
  return status?.conditions.some((entry) => entry.type === type && entry.status === 'True') === true
}

function revisionCondition({ fn, revisions, inForce, refusal }: FunctionFacts, newest: RevisionResource | undefined): Condition {
  if (refusal !== undefined) return condition('RevisionReady', 'False', refusal.reason, refusal.message)
  const known = revisions.find(({ revision }) => revision === newest)
  if (newest === undefined || known === undefined) return condition('RevisionReady', 'Unknown', 'NoRevision', 'there is no revision yet')
  const name = newest.spec.revision
  const failure = known.failure ?? failedCondition(newest)
  if (failure !== undefined && known.proven === 0) return condition('RevisionReady', 'False', failure.reason, `revision ${name}: ${failure.message}`)
  if (known.wasProven) {
    const told = isTrue(fn.status, 'RevisionReady') && fn.status?.latestReady === name
    if (inForce || told) return condition('RevisionReady', 'True', 'Proven', `revision ${name} was proven ready`)
    return condition('RevisionReady', 'Unknown', ROUTES_PENDING, `revision ${name} was proven ready; its routes are on their way to the proxies`)
  }
  return condition('RevisionReady', 'Unknown', 'Proving', `revision ${name} is starting`)
}

function failedCondition(revision: RevisionResource): Trouble | undefined {
  return revision.status?.phase === 'Failed' ? revision.status.conditions[0] : undefined
}

function pinnedCondition({ fn, plan }: FunctionFacts, newest: RevisionResource | undefined): Condition {
  if (plan.message !== undefined) return condition('TrafficPinned', 'False', 'Waiting', plan.message)
  const left = newest !== undefined && !plan.traffic.some((share) => share.revision === newest.spec.revision && share.weight > 0)
  const advice = left ? `; the newest revision ${newest.spec.revision} gets none: weft traffic set ${fn.metadata.name} ${newest.spec.revision}=100` : ''
  return condition('TrafficPinned', 'True', 'Pinned', `the split is pinned to ${describe(plan.traffic)}${advice}`)
}

function describe(traffic: readonly Share[]): string {
  return traffic.map((share) => `${share.revision}=${share.weight}`).join(' ')
}

function transition(previous: readonly Condition[] | undefined, next: Condition, now: string): string {
  const same = previous?.find((entry) => entry.type === next.type && entry.status === next.status)
  return same?.lastTransitionTime ?? now
}
