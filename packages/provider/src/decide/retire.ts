import type { ReplicaPhase } from '../port.ts'

/** What the choice needs to know of a replica. */
export interface RetireCandidate {
  readonly id: string
  readonly phase: ReplicaPhase
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** What must happen so that as many replicas run as are wanted. */
export interface ScaleDecision {
  readonly start: number
  /** Ids of the replicas to drain. */
  readonly retire: readonly string[]
}

const ORDER: Readonly<Record<ReplicaPhase, number>> = { backoff: 0, starting: 1, ready: 2, draining: 3, gone: 4 }

/**
 * Compares what runs with what is wanted. Replicas that drain already count for nothing. Those that serve nobody go first (waiting after a
 * crash, then starting), then the youngest: the old ones have warm caches and connections.
 */
export function decideScale(replicas: readonly RetireCandidate[], wanted: number): ScaleDecision {
  const living = replicas.filter(({ phase }) => phase !== 'draining' && phase !== 'gone')
  if (living.length <= wanted) return { start: wanted - living.length, retire: [] }
  const order = living.toSorted((a, b) => ORDER[a.phase] - ORDER[b.phase] || b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1))
  return { start: 0, retire: order.slice(0, living.length - wanted).map(({ id }) => id) }
}
