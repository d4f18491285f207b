import type { Condition, ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, dnsLabel, duration } from './pieces.ts'

/** What is done with a step that saw fewer calls than it needs. */
export const NO_DATA_POLICIES = ['wait', 'pass', 'fail'] as const

/** How the candidate is judged while it takes traffic. */
export const CanaryAnalysis = Type.Object(
  {
    minRequests: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'calls that the candidate must have had in a step before it is judged; default 20' }),
    ),
    noData: Type.Optional(Type.Enum(NO_DATA_POLICIES, { description: 'what a step with fewer calls than that means; default wait' })),
    threshold: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'failed checks until it is rolled back; default 1' })),
    successRate: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'least per cent of calls that are not answered with 5xx' })),
          maxBelowBaseline: Type.Optional(
            Type.Number({ minimum: 0, maximum: 100, description: 'how many points it may be below the stable revision in the same time' }),
          ),
        },
        closed,
      ),
    ),
    latencyP99: Type.Optional(
      Type.Object(
        {
          max: Type.Optional(duration('longest time of 99 per cent of the calls')),
          maxAboveBaseline: Type.Optional(
            Type.Number({ minimum: 0, maximum: 10_000, description: 'how many per cent it may be above the stable revision in the same time' }),
          ),
        },
        closed,
      ),
    ),
  },
  { ...closedExcept('prometheus', 'webhooks'), description: 'how the candidate is judged, by what the ingress counts' },
)

/** Spec of a Canary: every new revision of the function goes through it. */
export const CanarySpec = Type.Object(
  {
    function: dnsLabel('function of the same namespace'),
    steps: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 99 }), { minItems: 1, maxItems: 32, description: 'weights of the candidate, growing; default 10, 50' }),
    ),
    interval: Type.Optional(duration('how long each step lasts; default 30s')),
    deadline: Type.Optional(duration('longest time of a whole run, waiting for calls included; default 1h')),
    analysis: Type.Optional(CanaryAnalysis),
    paused: Type.Optional(Type.Boolean({ description: 'stay at the present step; a failing candidate is rolled back all the same' })),
    promote: Type.Optional(dnsLabel('candidate that is to get all traffic now')),
    abort: Type.Optional(dnsLabel('candidate that is to get none any more')),
  },
  { ...closedExcept('mirror', 'match', 'sessionAffinity', 'webhooks'), description: 'progressive delivery of a function' },
)
/** {@link CanarySpec} as a type. */
export type CanarySpec = Static<typeof CanarySpec>

/** Where a canary stands. `Idle`: no run; `Waiting`: the candidate gets ready; `Progressing`: it takes its step's share; the others are ends. */
export type CanaryPhase = 'Idle' | 'Waiting' | 'Progressing' | 'Succeeded' | 'Failed' | 'Aborted'

/** Something that happened in a run. */
export interface CanaryEvent {
  /** RFC 3339. */
  readonly at: string
  /** CamelCase: `Started`, `Advanced`, `CheckFailed`, `RolledBack`, `Promoted`, `Aborted`. */
  readonly reason: string
  readonly message: string
}

/** Status of a Canary, written by its controller alone. */
export interface CanaryStatus {
  readonly phase: CanaryPhase
  /** Short name of the revision that has the rest of the traffic. */
  readonly stable?: string
  readonly candidate?: string
  /** Index of the present step; -1 before the first. */
  readonly step: number
  /** Per cent of the calls that go to the candidate. */
  readonly weight: number
  /** RFC 3339: when the run and the step began. */
  readonly startedAt?: string
  readonly stepSince?: string
  readonly failedChecks: number
  readonly message: string
  /** The newest 50, oldest first. */
  readonly history: readonly CanaryEvent[]
  readonly conditions: readonly Condition[]
}

/** A Canary resource. */
export interface CanaryResource {
  readonly apiVersion: string
  readonly kind: 'Canary'
  readonly metadata: ObjectMeta
  readonly spec: CanarySpec
  readonly status?: CanaryStatus
}
