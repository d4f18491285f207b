import type { CanaryWebhook } from '@weft/api'
import { stagesOf, weightOf } from '../stages.ts'
import { NO_GATES, type CanaryInput, type CanaryRules, type CanaryState, type Gate, type GateType } from '../types.ts'

/** Somebody who is to be asked now. */
export interface Due {
  readonly type: GateType
  /** What the question is about: an answer holds for this alone. */
  readonly about: string
  /** How long a "no" holds (for `rollback`: any answer); `undefined`: for good. */
  readonly againAfterMs: number | undefined
  /** Not before this gate is open. */
  readonly after?: GateType
}

/** Longest time until somebody who said no is asked again. */
const ASK_AGAIN_MS = 10_000

/** Who is asked at this point of a run. `isReady`: the candidate may take traffic. */
export function gatesDue(rules: CanaryRules, state: CanaryState, isReady: boolean, now: number): readonly Due[] {
  const againAfterMs = Math.min(rules.intervalMs, ASK_AGAIN_MS)
  const rollback: Due = { type: 'rollback', about: 'run', againAfterMs }
  const step = `step ${state.stepSince}`
  if (state.phase === 'Waiting') {
    const before: Due = { type: 'pre-rollout', about: step, againAfterMs: undefined, after: 'confirm-rollout' }
    const first = confirmations(rules, state, againAfterMs).map((due): Due => ({ ...due, after: 'pre-rollout' }))
    return [rollback, { type: 'confirm-rollout', about: 'run', againAfterMs }, ...(isReady ? [before, ...first] : [])]
  }
  if (state.phase !== 'Progressing') return []
  const isOver = now - state.stepSince >= rules.intervalMs
  return [rollback, { type: 'rollout', about: step, againAfterMs: undefined }, ...(isOver ? confirmations(rules, state, againAfterMs) : [])]
}

function confirmations(rules: CanaryRules, state: CanaryState, againAfterMs: number): readonly Due[] {
  const next = stagesOf(rules)[state.step + 1]
  if (next === undefined) return [{ type: 'confirm-promotion', about: `step ${state.step}`, againAfterMs }]
  return weightOf(next) > state.weight ? [{ type: 'confirm-traffic-increase', about: `step ${state.step}`, againAfterMs }] : []
}

/** What one webhook said; `undefined`: nothing yet. */
export type Said = boolean | undefined

/** What all webhooks say together. A gate that nobody keeps is open. */
export function gatesOf(hooks: readonly CanaryWebhook[], said: (hook: CanaryWebhook) => Said): CanaryInput['gates'] {
  const gate = (type: GateType): Gate => {
    const answers = hooks.filter((hook) => hook.type === type).map(said)
    if (answers.length === 0) return NO_GATES[type]
    if (type === 'rollback') return answers.includes(true) ? 'open' : 'closed'
    if (answers.includes(false)) return 'closed'
    return answers.includes(undefined) ? 'pending' : 'open'
  }
  return {
    'confirm-rollout': gate('confirm-rollout'),
    'pre-rollout': gate('pre-rollout'),
    rollout: gate('rollout'),
    'confirm-traffic-increase': gate('confirm-traffic-increase'),
    'confirm-promotion': gate('confirm-promotion'),
    rollback: gate('rollback'),
  }
}
