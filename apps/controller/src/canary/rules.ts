import type { CanaryEvent, CanarySpec, CanaryStatus } from '@weft/api'
import { parseDurationMs } from '@weft/core'
import { IDLE, type CanaryDecision, type CanaryRules, type CanaryState } from './decide.ts'

const DEFAULT_STEPS: readonly number[] = [10, 50]
const HISTORY_KEPT = 50

/** The rules of a spec with their defaults. */
export function rulesOf({ steps, interval, deadline, analysis }: CanarySpec): CanaryRules {
  const { successRate, latencyP99 } = analysis ?? {}
  return {
    steps: steps ?? DEFAULT_STEPS,
    intervalMs: parseDurationMs(interval ?? '30s', 'spec.interval'),
    deadlineMs: parseDurationMs(deadline ?? '1h', 'spec.deadline'),
    minRequests: analysis?.minRequests ?? 20,
    noData: analysis?.noData ?? 'wait',
    threshold: analysis?.threshold ?? 1,
    successRate: successRate ?? (latencyP99 === undefined ? { min: 99 } : {}),
    latencyP99: {
      ...(latencyP99?.max === undefined ? {} : { maxMs: parseDurationMs(latencyP99.max, 'spec.analysis.latencyP99.max') }),
      ...(latencyP99?.maxAboveBaseline === undefined ? {} : { maxAboveBaseline: latencyP99.maxAboveBaseline }),
    },
  }
}

/** The state that a status tells. */
export function stateOf(status: CanaryStatus | undefined): CanaryState {
  if (status === undefined) return IDLE
  const time = (text: string | undefined) => (text === undefined ? 0 : Date.parse(text))
  const { phase, stable, candidate, step, weight, failedChecks } = status
  return { phase, stable, candidate, step, weight, failedChecks, startedAt: time(status.startedAt), stepSince: time(status.stepSince) }
}

/** The status of a decided state, with what happened added to the history. */
export function statusOf({ state, because, message }: CanaryDecision, before: CanaryStatus | undefined, now: number): CanaryStatus {
  const time = (ms: number) => new Date(ms).toISOString()
  const event: CanaryEvent | undefined = because === undefined ? undefined : { at: time(now), reason: because, message: message ?? '' }
  return {
    phase: state.phase,
    ...(state.stable === undefined ? {} : { stable: state.stable }),
    ...(state.candidate === undefined ? {} : { candidate: state.candidate }),
    step: state.step,
    weight: state.weight,
    ...(state.startedAt === 0 ? {} : { startedAt: time(state.startedAt) }),
    ...(state.stepSince === 0 ? {} : { stepSince: time(state.stepSince) }),
    failedChecks: state.failedChecks,
    message: event?.message ?? before?.message ?? '',
    history: [...(before?.history ?? []), ...(event === undefined ? [] : [event])].slice(-HISTORY_KEPT),
    conditions: [],
  }
}
