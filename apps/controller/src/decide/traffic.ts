import type { CanaryRouting, FunctionSpec, FunctionStatus, RevisionResource } from '@weft/api'
import { newestOf } from './revision.ts'

/** A resolved share: always a named revision. */
export interface Share {
  readonly revision: string
  readonly weight: number
}

/** Where traffic is to go, and why. */
export interface TrafficPlan {
  readonly traffic: readonly Share[]
  readonly because: 'latest-ready' | 'canary' | 'pinned' | 'pinned-not-ready' | 'nothing-ready'
  /** What the mesh is to do beside the split. */
  readonly canary?: FunctionStatus['canary']
  /** For people, when the split that was asked for is not in force. */
  readonly message?: string
}

/** What a canary says of the split. */
export interface CanaryShare {
  readonly stable: string
  readonly candidate: string | undefined
  readonly weight: number
  readonly routing: CanaryRouting | undefined
}

/** What the decision knows of a function's revisions. */
export interface TrafficFacts {
  readonly spec: FunctionSpec
  readonly revisions: readonly RevisionResource[]
  /** Short names of revisions that may take traffic now: proven once, and those serving none yet with all their replicas proven. */
  readonly ready: ReadonlySet<string>
  /** Where traffic goes now. */
  readonly current: readonly Share[]
  /** Where the function's canary stands, if it has one that has begun. */
  readonly canary?: CanaryShare
}

/** Decides where traffic goes: what somebody pinned, else what the canary says, else the newest revision that is proven ready, else as it is. */
export function planTraffic(facts: TrafficFacts): TrafficPlan {
  const isPinned = facts.spec.traffic !== undefined && facts.spec.traffic.length > 0
  if (!isPinned && facts.canary !== undefined) return planCanary(facts, facts.canary)
  return facts.spec.traffic === undefined || facts.spec.traffic.length === 0 ? planLatest(facts) : planPinned(facts, facts.spec.traffic)
}

/**
 * A candidate that lost its replicas has its share served by the stable revision until it has them again. A canary that speaks of a revision which is gone has
 * not seen the function as it is.
 */
function planCanary(facts: TrafficFacts, { stable, candidate, weight, routing }: CanaryShare): TrafficPlan {
  const { ready, revisions } = facts
  if (!revisions.some((revision) => revision.spec.revision === stable)) return planLatest(facts)
  const isReady = candidate !== undefined && candidate !== stable && ready.has(candidate)
  const share = isReady ? weight : 0
  const shares = [{ revision: stable, weight: 100 - share }, ...(share > 0 && candidate !== undefined ? [{ revision: candidate, weight: share }] : [])]
  const holds = routing !== undefined && candidate !== undefined && (isReady || routing.expire !== undefined)
  return { traffic: shares.filter((entry) => entry.weight > 0), because: 'canary', ...(holds ? { canary: { candidate, ...routing } } : {}) }
}

function planLatest({ revisions, ready, current }: TrafficFacts): TrafficPlan {
  const latest = newestOf(revisions.filter((revision) => ready.has(revision.spec.revision)))
  if (latest === undefined) return { traffic: existing(current, revisions), because: 'nothing-ready' }
  return { traffic: [{ revision: latest.spec.revision, weight: 100 }], because: 'latest-ready' }
}

function planPinned(facts: TrafficFacts, targets: NonNullable<FunctionSpec['traffic']>): TrafficPlan {
  const { revisions, ready, current } = facts
  const latest = newestOf(revisions.filter((revision) => ready.has(revision.spec.revision)))?.spec.revision
  const shares = new Map<string, number>()
  const waiting: string[] = []
  for (const target of targets) {
    const revision = target.revision ?? latest
    if (revision === undefined || (target.weight > 0 && !ready.has(revision))) waiting.push(revision ?? 'the latest')
    else shares.set(revision, (shares.get(revision) ?? 0) + target.weight)
  }
  if (waiting.length > 0) {
    const message = `the split waits for ${waiting.join(', ')}: ${waiting.length === 1 ? 'it is' : 'they are'} not there or not proven ready`
    return { traffic: existing(current, revisions), because: 'pinned-not-ready', message }
  }
  return { traffic: [...shares].map(([revision, weight]) => ({ revision, weight })), because: 'pinned' }
}

function existing(current: readonly Share[], revisions: readonly RevisionResource[]): readonly Share[] {
  const names = new Set(revisions.map((revision) => revision.spec.revision))
  return current.filter((share) => names.has(share.revision))
}

/** The revision with the greatest share. */
export function servingOf(traffic: readonly Share[]): string | undefined {
  return traffic.toSorted((a, b) => b.weight - a.weight)[0]?.revision
}
