import type { FunctionSpec } from '@weft/api'

/** What is known of one revision when its number of replicas is decided. */
export interface ReplicaFacts {
  readonly scale: FunctionSpec['scale']
  /** Traffic or a header rule goes to it. */
  readonly routed: boolean
  /** It is a canary's candidate: per cent of the calls for which it must have its replicas, at least one of them always there. */
  readonly candidateFor?: number
  /** It is the newest and was not proven ready yet: it starts in order to be proven. */
  readonly proving: boolean
  /** A call was held for it and it has not gone idle since. */
  readonly awake: boolean
  /** When a call last woke it. */
  readonly wokenAt: number | undefined
  /** Milliseconds since the epoch of the last sign of a call, held ones included. */
  readonly lastBusyAt: number
  readonly inProgress: number
  /** Replicas that exist now. */
  readonly present: number
  /** Since when every proxy knows that it is not routed any more; `undefined` while they do not. */
  readonly unroutedAt: number | undefined
}

/** How many replicas, why, and when to look again if nothing happens. */
export interface ReplicaPlan {
  readonly desired: number
  readonly because: 'proving' | 'scale' | 'awake' | 'idle' | 'leaving' | 'not-routed'
  readonly againInMs?: number
}

/** A revision that leaves is kept for this long after the last sign of a call: load reports come every 100 ms. */
export const LEAVE_QUIET_MS = 500
/** A function at zero that a call woke goes back after this long when it names no time of its own. */
export const DEFAULT_ZERO_AFTER_MS = 30_000

/** Decides the number of replicas of one revision. `zeroAfterMs` is `scale.zeroAfter` read. */
export function planReplicas(facts: ReplicaFacts, zeroAfterMs: number | undefined, now: number): ReplicaPlan {
  if (facts.proving) return { desired: Math.max(1, wanted(facts)), because: 'proving' }
  if (!facts.routed) return isCalled(facts) ? untilIdle(facts, zeroAfterMs ?? DEFAULT_ZERO_AFTER_MS, now) : planLeaving(facts, now)
  const base = wanted(facts)
  const idleAfterMs = zeroAfterMs ?? (base === 0 ? DEFAULT_ZERO_AFTER_MS : undefined)
  if (idleAfterMs === undefined || facts.candidateFor !== undefined) return { desired: base, because: 'scale' }
  return base === 0 && !facts.awake ? { desired: 0, because: 'scale' } : untilIdle(facts, idleAfterMs, now)
}

/** How many replicas a function's revision has without a sign of calls. */
export function wantedReplicas(scale: FunctionSpec['scale']): number {
  const min = scale?.min ?? 1
  const max = scale?.max ?? Math.max(20, min)
  return Math.min(scale?.replicas ?? min, max)
}

/** Replicas for a share of the calls: one at least, since who is compared must not sleep. */
export function replicasForShare(scale: FunctionSpec['scale'], percent: number): number {
  return Math.max(1, Math.ceil((wantedReplicas(scale) * percent) / 100))
}

/** The greatest share, in per cent, for which so many replicas are enough. */
export function carriedWeight(scale: FunctionSpec['scale'], replicas: number): number {
  const all = wantedReplicas(scale)
  return all <= 1 ? 100 : Math.min(100, Math.floor((100 * replicas) / all))
}

function wanted({ scale, candidateFor }: ReplicaFacts): number {
  return candidateFor === undefined ? wantedReplicas(scale) : replicasForShare(scale, candidateFor)
}

/** Somebody else than its function sends calls to it: one woke it after all proxies knew that its function does not. */
function isCalled({ awake, wokenAt, unroutedAt }: ReplicaFacts): boolean {
  return awake && wokenAt !== undefined && unroutedAt !== undefined && wokenAt >= unroutedAt
}

function untilIdle(facts: ReplicaFacts, idleAfterMs: number, now: number): ReplicaPlan {
  const idleAt = facts.lastBusyAt + idleAfterMs
  if (facts.inProgress === 0 && now >= idleAt) return { desired: 0, because: 'idle' }
  return { desired: Math.max(1, wanted(facts)), because: facts.awake ? 'awake' : 'scale', againInMs: Math.max(50, idleAt - now) }
}

function planLeaving(facts: ReplicaFacts, now: number): ReplicaPlan {
  if (facts.present === 0) return { desired: 0, because: 'not-routed' }
  if (facts.unroutedAt === undefined) return { desired: facts.present, because: 'leaving' }
  const quietAt = Math.max(facts.unroutedAt, facts.lastBusyAt) + LEAVE_QUIET_MS
  if (facts.inProgress > 0 || now < quietAt) return { desired: facts.present, because: 'leaving', againInMs: Math.max(50, quietAt - now) }
  return { desired: 0, because: 'not-routed' }
}
