import { SAFE_METHODS, type CanaryEvent, type CanaryMode, type CanaryResource, type CanarySpec, type CanaryStatus } from '@weft/api'
import { parseDurationMs, type Condition } from '@weft/core'
import { growingWeights } from './modes/weights.ts'
import { routingOf, stageAt, stageText } from './stages.ts'
import { IDLE, type CanaryDecision, type CanaryRules, type CanaryState } from './types.ts'

const DEFAULT_STEPS: readonly number[] = [10, 50]
const DEFAULT_MAX_WEIGHT = 50
const HISTORY_KEPT = 50

/** The rules of a canary with their defaults. */
export function rulesOf({ spec, metadata }: Pick<CanaryResource, 'spec' | 'metadata'>): CanaryRules {
  const { interval, deadline, analysis, mirror } = spec
  const { successRate, latencyP99 } = analysis ?? {}
  return {
    mode: modeOf(spec),
    steps: stepsOf(spec),
    iterations: spec.iterations ?? 0,
    match: spec.match ?? [],
    mirror: mirror === undefined ? undefined : { percent: mirror.percent ?? 100, iterations: mirror.iterations ?? 1, methods: mirror.methods ?? SAFE_METHODS },
    affinity: affinityOf(spec, metadata.namespace ?? 'default'),
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

function modeOf({ match, iterations }: CanarySpec): CanaryMode {
  if (match !== undefined) return 'a/b'
  return iterations === undefined ? 'weights' : 'blue-green'
}

function stepsOf({ steps, stepWeight, maxWeight }: CanarySpec): readonly number[] {
  return stepWeight === undefined ? (steps ?? DEFAULT_STEPS) : growingWeights(stepWeight, maxWeight ?? Math.max(DEFAULT_MAX_WEIGHT, stepWeight))
}

function affinityOf({ function: name, sessionAffinity }: CanarySpec, namespace: string): CanaryRules['affinity'] {
  if (sessionAffinity === undefined) return undefined
  const maxAgeMs = parseDurationMs(sessionAffinity.maxAge ?? '24h', 'spec.sessionAffinity.maxAge')
  return { cookie: sessionAffinity.cookieName ?? `weft-canary-${namespace}-${name}`, maxAgeSeconds: Math.round(maxAgeMs / 1000) }
}

/** The state that a status tells. */
export function stateOf(status: CanaryStatus | undefined): CanaryState {
  if (status === undefined) return IDLE
  const time = (text: string | undefined) => (text === undefined ? 0 : Date.parse(text))
  const { phase, stable, candidate, step, weight, scaleTo = weight, waitingFor, failedChecks } = status
  return { phase, stable, candidate, step, weight, scaleTo, waitingFor, failedChecks, startedAt: time(status.startedAt), stepSince: time(status.stepSince) }
}

/** What a status is written from. */
export interface StatusParts {
  readonly decision: CanaryDecision
  readonly rules: CanaryRules
  readonly before: CanaryStatus | undefined
  /** Why no run can begin. */
  readonly trouble: { readonly reason: string; readonly message: string } | undefined
}

/** The status of a decided state, with what happened added to the history. */
export function statusOf({ decision, rules, before, trouble }: StatusParts, now: number): CanaryStatus {
  const { state, because, message } = decision
  const time = (ms: number) => new Date(ms).toISOString()
  const event: CanaryEvent | undefined = because === undefined ? undefined : { at: time(now), reason: because, message: message ?? '' }
  const stage = stageAt(rules, state)
  const routing = routingOf(rules, state)
  return {
    phase: state.phase,
    mode: rules.mode,
    ...(state.stable === undefined ? {} : { stable: state.stable }),
    ...(state.candidate === undefined ? {} : { candidate: state.candidate }),
    step: state.step,
    ...(stage === undefined ? {} : { stage: stageText(stage, rules) }),
    weight: state.weight,
    ...(state.scaleTo === state.weight ? {} : { scaleTo: state.scaleTo }),
    ...(routing === undefined ? {} : { routing }),
    ...(state.waitingFor === undefined ? {} : { waitingFor: state.waitingFor }),
    ...(state.startedAt === 0 ? {} : { startedAt: time(state.startedAt) }),
    ...(state.stepSince === 0 ? {} : { stepSince: time(state.stepSince) }),
    failedChecks: state.failedChecks,
    message: event?.message ?? before?.message ?? '',
    history: [...(before?.history ?? []), ...(event === undefined ? [] : [event])].slice(-HISTORY_KEPT),
    conditions: [readyCondition(trouble, before?.conditions ?? [], time(now))],
  }
}

function readyCondition(trouble: StatusParts['trouble'], before: readonly Condition[], now: string): Condition {
  const next: Condition =
    trouble === undefined
      ? { type: 'Ready', status: 'True', reason: 'Watching', message: 'new revisions go through it' }
      : { type: 'Ready', status: 'False', ...trouble }
  const same = before.find(({ type, status }) => type === next.type && status === next.status)
  return { ...next, lastTransitionTime: same?.lastTransitionTime ?? now }
}
