import type { Condition } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed } from '../pieces.ts'
import { CanaryMatch } from './traffic.ts'

/** Where a canary stands. `Idle`: no run; `Waiting`: the candidate gets ready; `Progressing`: it takes its step's share; the others are ends. */
export type CanaryPhase = 'Idle' | 'Waiting' | 'Progressing' | 'Succeeded' | 'Failed' | 'Aborted'

/** How a run moves calls to the candidate. */
export type CanaryMode = 'weights' | 'a/b' | 'blue-green'

/** Something that happened in a run. */
export interface CanaryEvent {
  /** RFC 3339. */
  readonly at: string
  /** CamelCase: `Started`, `Advanced`, `Waiting`, `CheckFailed`, `RolledBack`, `Promoted`, `Aborted`, `Blocked`. */
  readonly reason: string
  readonly message: string
}

/** What the mesh is to do for a run beside the weights. */
export const CanaryRouting = Type.Object(
  {
    match: Type.Optional(Type.Array(CanaryMatch, { description: 'calls that one of these matches go to the candidate' })),
    mirror: Type.Optional(
      Type.Object(
        { percent: Type.Number({ minimum: 0, maximum: 100 }), methods: Type.Array(Type.String()) },
        { ...closed, description: "copies of the stable revision's calls go to the candidate" },
      ),
    ),
    affinity: Type.Optional(
      Type.Object(
        { cookie: Type.String(), value: Type.String(), maxAgeSeconds: Type.Integer() },
        { ...closed, description: 'who was answered by the candidate gets this cookie, and who has it goes there; the value belongs to one run' },
      ),
    ),
    expire: Type.Optional(Type.Object({ cookie: Type.String() }, { ...closed, description: 'the run is over: who still has this cookie loses it' })),
  },
  closed,
)
/** {@link CanaryRouting} as a type. */
export type CanaryRouting = Static<typeof CanaryRouting>

/** Status of a Canary, written by its controller alone. */
export interface CanaryStatus {
  readonly phase: CanaryPhase
  readonly mode: CanaryMode
  /** Short name of the revision that has the rest of the traffic. */
  readonly stable?: string
  readonly candidate?: string
  /** Index of the present step or iteration, copies first; -1 before the first. */
  readonly step: number
  /** What the present step is, in words. */
  readonly stage?: string
  /** Per cent of the calls that go to the candidate. */
  readonly weight: number
  /** Weight for which the candidate must have its replicas, when that is more than it has calls for. */
  readonly scaleTo?: number
  readonly routing?: CanaryRouting
  /** The gate at which the run stands. */
  readonly waitingFor?: string
  /** RFC 3339: when the run and the step began. */
  readonly startedAt?: string
  readonly stepSince?: string
  readonly failedChecks: number
  readonly message: string
  /** The newest 50, oldest first. */
  readonly history: readonly CanaryEvent[]
  /** `Ready`: false with `SplitOwned` or `FunctionNotFound` when no run can begin. */
  readonly conditions: readonly Condition[]
}
