import type { CanaryMatch, CanaryMode, CanaryPhase, WebhookType } from '@weft/api'

/** A canary's rules with their defaults filled in; times in milliseconds. */
export interface CanaryRules {
  readonly mode: CanaryMode
  /** Growing weights of the candidate (mode `weights`). */
  readonly steps: readonly number[]
  /** Good intervals that it takes (the other modes). */
  readonly iterations: number
  readonly match: readonly CanaryMatch[]
  readonly mirror: { readonly percent: number; readonly iterations: number; readonly methods: readonly string[] } | undefined
  readonly affinity: { readonly cookie: string; readonly maxAgeSeconds: number } | undefined
  readonly intervalMs: number
  readonly deadlineMs: number
  readonly minRequests: number
  readonly noData: 'wait' | 'pass' | 'fail'
  readonly threshold: number
  readonly successRate: { readonly min?: number; readonly maxBelowBaseline?: number }
  readonly latencyP99: { readonly maxMs?: number; readonly maxAboveBaseline?: number }
}

/** One step of a run. */
export type Stage =
  /** Copies of calls go to the candidate. */
  | { readonly kind: 'mirror'; readonly iteration: number; readonly of: number }
  /** A share of the calls. */
  | { readonly kind: 'weight'; readonly weight: number }
  /** The calls that match. */
  | { readonly kind: 'match'; readonly iteration: number; readonly of: number }
  /** No calls: others judge it (webhooks, Prometheus), or copies of calls. */
  | { readonly kind: 'preview'; readonly iteration: number; readonly of: number }

/** What a user said of the present run. */
export interface CanaryCommands {
  readonly paused: boolean
  /** Candidate that is to get everything, or nothing. */
  readonly promote: string | undefined
  readonly abort: string | undefined
}

/** Where a run stands. Times in milliseconds since the epoch. */
export interface CanaryState {
  readonly phase: CanaryPhase
  readonly stable: string | undefined
  readonly candidate: string | undefined
  readonly step: number
  readonly weight: number
  /** Weight for which the candidate must have its replicas. */
  readonly scaleTo: number
  /** What the run waits for, in words; `undefined` while it moves. */
  readonly waitingFor: string | undefined
  readonly startedAt: number
  readonly stepSince: number
  readonly failedChecks: number
}

/** What was counted of one revision in a time; `undefined`: nothing is known, which is not zero. */
export interface RevisionNumbers {
  readonly requests: number
  readonly errors: number
  /** Of the calls that were not held for a replica; `undefined` without one. */
  readonly p99Ms: number | undefined
}

/** Both revisions in the same time. */
export interface Window {
  readonly candidate: RevisionNumbers | undefined
  readonly baseline: RevisionNumbers | undefined
}

/** What a Prometheus said since the step began. */
export interface MetricReading {
  readonly name: string
  readonly min: number | undefined
  readonly max: number | undefined
  /** `undefined`: no data. */
  readonly value: number | undefined
  /** Why there is none. */
  readonly problem?: string
  /** It has not answered yet. */
  readonly pending: boolean
}

/** What webhooks of one type say: all of them yes; one of them no; not all of them have answered. `rollback` is open when one of them says yes. */
export type Gate = 'open' | 'closed' | 'pending'

/** Everybody who is asked before something is done. */
export type GateType = Exclude<WebhookType, 'post-rollout' | 'event'>

/** Everything that the decision sees. */
export interface CanaryInput {
  readonly rules: CanaryRules
  readonly commands: CanaryCommands
  readonly state: CanaryState
  /** The function's newest revision: whether it may take traffic, and up to which weight it has replicas. What serves when no run does. */
  readonly newest: { readonly revision: string; readonly ready: boolean; readonly carries: number } | undefined
  readonly serving: string | undefined
  /** All revisions that the function has. */
  readonly known: ReadonlySet<string>
  /** Whoever owns the split of the function in the canary's place. */
  readonly owner: string | undefined
  /** Since the step began. */
  readonly step: Window
  /** The last interval of it: what went well long ago does not hide what goes wrong now. */
  readonly recent: Window
  readonly metrics: readonly MetricReading[]
  readonly gates: Readonly<Record<GateType, Gate>>
}

/** What is to be, and what happened; without a reason nothing happened. */
export interface CanaryDecision {
  readonly state: CanaryState
  readonly because?: string
  readonly message?: string
}

/** Where a canary begins: whatever serves is stable. */
export const IDLE: CanaryState = {
  phase: 'Idle',
  stable: undefined,
  candidate: undefined,
  step: -1,
  weight: 0,
  scaleTo: 0,
  waitingFor: undefined,
  startedAt: 0,
  stepSince: 0,
  failedChecks: 0,
}

/** Nobody is asked: every gate is open, and nobody wants a roll-back. */
export const NO_GATES: CanaryInput['gates'] = {
  'confirm-rollout': 'open',
  'pre-rollout': 'open',
  rollout: 'open',
  'confirm-traffic-increase': 'open',
  'confirm-promotion': 'open',
  rollback: 'closed',
}

/** Whether a run is under way. */
export function isRunning({ phase }: Pick<CanaryState, 'phase'>): boolean {
  return phase === 'Waiting' || phase === 'Progressing'
}
