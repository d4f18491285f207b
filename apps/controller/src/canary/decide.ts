import type { CanaryPhase } from '@weft/api'

/** A canary's rules with their defaults filled in; times in milliseconds. */
export interface CanaryRules {
  readonly steps: readonly number[]
  readonly intervalMs: number
  readonly deadlineMs: number
  readonly minRequests: number
  readonly noData: 'wait' | 'pass' | 'fail'
  readonly threshold: number
  readonly successRate: { readonly min?: number; readonly maxBelowBaseline?: number }
  readonly latencyP99: { readonly maxMs?: number; readonly maxAboveBaseline?: number }
}

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
  readonly startedAt: number
  readonly stepSince: number
  readonly failedChecks: number
}

/** What was counted of one revision since the present step began; `undefined`: nothing is known, which is not zero. */
export interface RevisionNumbers {
  readonly requests: number
  readonly errors: number
  /** `undefined` without a call. */
  readonly p99Ms: number | undefined
}

/** Everything that the decision sees. */
export interface CanaryInput {
  readonly rules: CanaryRules
  readonly commands: CanaryCommands
  readonly state: CanaryState
  /** The function's newest revision and whether it may take traffic; and what serves when no run does. */
  readonly newest: { readonly revision: string; readonly ready: boolean } | undefined
  readonly serving: string | undefined
  readonly candidate: RevisionNumbers | undefined
  readonly baseline: RevisionNumbers | undefined
}

/** What is to be, and what happened; without a reason nothing happened. */
export interface CanaryDecision {
  readonly state: CanaryState
  readonly because?: string
  readonly message?: string
}

/** Where a canary begins: whatever serves is stable. */
export const IDLE: CanaryState = { phase: 'Idle', stable: undefined, candidate: undefined, step: -1, weight: 0, startedAt: 0, stepSince: 0, failedChecks: 0 }

/** Decides a canary's next state from its rules, its numbers and the time. */
export function decideCanary(input: CanaryInput, now: number): CanaryDecision {
  const { state, newest } = input
  if (newest === undefined) return { state }
  const running = state.phase === 'Waiting' || state.phase === 'Progressing'
  if (newest.revision !== state.candidate && newest.revision !== state.stable) return begin(input, newest.revision, now)
  if (!running) return state.stable === undefined ? settle(input) : { state }
  return command(input, now) ?? (state.phase === 'Waiting' ? wait(input, now) : progress(input, now))
}

/** A new revision begins a run, also in place of one that has not ended. The first revision ever has nothing to be compared with. */
function begin(input: CanaryInput, candidate: string, now: number): CanaryDecision {
  const stable = input.state.stable ?? input.serving
  if (stable === undefined || stable === candidate) return settle(input)
  const state: CanaryState = { phase: 'Waiting', stable, candidate, step: -1, weight: 0, startedAt: now, stepSince: now, failedChecks: 0 }
  return { state, because: 'Started', message: `${candidate} is compared with ${stable}` }
}

function settle({ state, serving }: CanaryInput): CanaryDecision {
  return serving === state.stable ? { state } : { state: { ...IDLE, stable: serving } }
}

function command(input: CanaryInput, now: number): CanaryDecision | undefined {
  const { state, commands } = input
  if (commands.abort === state.candidate) return end(input, 'Aborted', now, 'it was aborted')
  if (commands.promote === state.candidate && input.newest?.ready === true) return promote(input, now, 'it was promoted by hand')
  return undefined
}

function wait(input: CanaryInput, now: number): CanaryDecision {
  if (input.newest?.ready === true) return input.commands.paused ? { state: input.state } : advance(input, now, 'it is proven ready')
  return late(input, now) ?? { state: input.state }
}

/** A run that takes too long is rolled back: nobody watches it any more. */
function late(input: CanaryInput, now: number): CanaryDecision | undefined {
  const { state, rules } = input
  return now - state.startedAt > rules.deadlineMs ? end(input, 'Failed', now, `the run took longer than ${rules.deadlineMs / 1000} s`) : undefined
}

/** Judges as soon as there are enough calls; advances only at the end of a step. */
function progress(input: CanaryInput, now: number): CanaryDecision {
  const { state, rules, commands, candidate } = input
  const isOver = now - state.stepSince >= rules.intervalMs
  const enough = candidate !== undefined && candidate.requests >= rules.minRequests
  const complaint = enough ? judge(rules, candidate, input.baseline) : undefined
  if (complaint !== undefined) return failCheck(input, now, complaint)
  if (!isOver) return { state }
  if (!enough) return withoutData(input, now)
  return commands.paused ? { state } : advance(input, now, `step of ${state.weight} % went well`)
}

function withoutData(input: CanaryInput, now: number): CanaryDecision {
  const { rules, candidate, state } = input
  const seen = `it had ${candidate?.requests ?? 0} calls in the step, ${rules.minRequests} are needed`
  switch (rules.noData) {
    case 'pass':
      return input.commands.paused ? { state } : advance(input, now, seen)
    case 'fail':
      return failCheck(input, now, seen)
    case 'wait':
      return late(input, now) ?? { state }
    default:
      return rules.noData satisfies never
  }
}

/** A failed check begins the step's count anew, so that one burst of errors is one failure. */
function failCheck(input: CanaryInput, now: number, complaint: string): CanaryDecision {
  const { state, rules } = input
  const failedChecks = state.failedChecks + 1
  if (failedChecks >= rules.threshold) return end(input, 'Failed', now, complaint)
  return { state: { ...state, failedChecks, stepSince: now }, because: 'CheckFailed', message: `${complaint} (${failedChecks} of ${rules.threshold})` }
}

function advance(input: CanaryInput, now: number, why: string): CanaryDecision {
  const { state, rules } = input
  const step = state.step + 1
  const weight = rules.steps[step]
  if (weight === undefined) return promote(input, now, why)
  return {
    state: { ...state, phase: 'Progressing', step, weight, stepSince: now },
    because: 'Advanced',
    message: `${state.candidate ?? ''} gets ${weight} %: ${why}`,
  }
}

function promote({ state }: CanaryInput, now: number, why: string): CanaryDecision {
  const next: CanaryState = { ...state, phase: 'Succeeded', stable: state.candidate, weight: 100, stepSince: now }
  return { state: next, because: 'Promoted', message: `${state.candidate ?? ''} gets all calls: ${why}` }
}

function end({ state }: CanaryInput, phase: 'Failed' | 'Aborted', now: number, why: string): CanaryDecision {
  const message = `all calls go back to ${state.stable ?? ''}: ${why}`
  return { state: { ...state, phase, weight: 0, stepSince: now }, because: phase === 'Failed' ? 'RolledBack' : 'Aborted', message }
}

/** What is wrong with the candidate; `undefined` when nothing is. Compared with the stable revision only when that had enough calls too. */
function judge(rules: CanaryRules, candidate: RevisionNumbers, baseline: RevisionNumbers | undefined): string | undefined {
  const rate = successRate(candidate)
  const { min, maxBelowBaseline } = rules.successRate
  if (min !== undefined && rate < min) return `its success rate is ${rate.toFixed(1)} %, at least ${min} % is needed`
  const comparable = baseline !== undefined && baseline.requests >= rules.minRequests ? baseline : undefined
  if (maxBelowBaseline !== undefined && comparable !== undefined && rate < successRate(comparable) - maxBelowBaseline) {
    return `its success rate is ${rate.toFixed(1)} %, that of the stable revision ${successRate(comparable).toFixed(1)} %`
  }
  return judgeLatency(rules, candidate.p99Ms, comparable?.p99Ms)
}

function judgeLatency({ latencyP99: { maxMs, maxAboveBaseline } }: CanaryRules, p99Ms: number | undefined, baselineMs: number | undefined): string | undefined {
  if (p99Ms === undefined) return undefined
  if (maxMs !== undefined && p99Ms > maxMs) return `99 % of its calls take up to ${p99Ms.toFixed(0)} ms, ${maxMs} ms is the limit`
  if (maxAboveBaseline !== undefined && baselineMs !== undefined && p99Ms > baselineMs * (1 + maxAboveBaseline / 100)) {
    return `99 % of its calls take up to ${p99Ms.toFixed(0)} ms, those of the stable revision ${baselineMs.toFixed(0)} ms`
  }
  return undefined
}

function successRate({ requests, errors }: RevisionNumbers): number {
  return requests === 0 ? 100 : (100 * (requests - errors)) / requests
}
