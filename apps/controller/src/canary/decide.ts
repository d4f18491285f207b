import { judge, judgeMetrics, missingData, missingMetric, numbersText } from './judge.ts'
import { stageAt, stagesOf, stageText, weightOf } from './stages.ts'
import { IDLE, isRunning, type CanaryDecision, type CanaryInput, type CanaryState, type GateType, type Stage } from './types.ts'

/** Decides a canary's next state from its rules, its numbers, what others say, and the time. */
export function decideCanary(input: CanaryInput, now: number): CanaryDecision {
  const { state, newest, owner } = input
  if (newest === undefined) return { state }
  const gone = goneFrom(input)
  if (gone !== undefined) return forget(input, `there is no revision ${gone} any more`)
  if (owner !== undefined) return blocked(input, owner, now)
  if (newest.revision !== state.candidate && newest.revision !== state.stable) return begin(input, newest.revision, now)
  if (!isRunning(state)) return state.stable === undefined || state.phase === 'Idle' ? settle(input) : { state }
  return command(input, now) ?? wantedBack(input, now) ?? (state.phase === 'Waiting' ? wait(input, now) : progress(input, now))
}

/** What a state is about and the function does not have: it was removed since, and perhaps made anew. */
function goneFrom({ state, known }: CanaryInput): string | undefined {
  const { stable, candidate } = state
  if (stable !== undefined && !known.has(stable)) return stable
  return isRunning(state) && candidate !== undefined && !known.has(candidate) ? candidate : undefined
}

/** Begins where every canary begins; a run that was under way is over. */
function forget({ state }: Pick<CanaryInput, 'state'>, why: string): CanaryDecision {
  return isRunning(state) ? { state: IDLE, because: 'Aborted', message: why } : { state: IDLE }
}

/** A canary without a function: what it knew of revisions was about another one, should the function come back. */
export function decideWithoutFunction(state: CanaryState): CanaryDecision {
  return forget({ state }, 'its function was removed')
}

/** Somebody else decides where calls go: no run begins, and one that is under way means nothing any more. */
function blocked(input: CanaryInput, owner: string, now: number): CanaryDecision {
  return isRunning(input.state) ? end(input, 'Aborted', now, `${owner} owns the split`) : settle(input)
}

/** A new revision begins a run, also in place of one that has not ended. The first revision ever has nothing to be compared with. */
function begin(input: CanaryInput, candidate: string, now: number): CanaryDecision {
  const stable = input.state.stable ?? input.serving
  if (stable === undefined || stable === candidate) return settle(input)
  const state: CanaryState = { ...IDLE, phase: 'Waiting', stable, candidate, startedAt: now, stepSince: now }
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

function wantedBack(input: CanaryInput, now: number): CanaryDecision | undefined {
  return input.gates.rollback === 'open' ? end(input, 'Failed', now, 'a rollback webhook asked for it') : undefined
}

/** Before the first call: the candidate gets ready, and whoever is to be asked is asked. */
function wait(input: CanaryInput, now: number): CanaryDecision {
  const { gates, newest } = input
  if (gates['confirm-rollout'] !== 'open') return atGate(input, 'confirm-rollout', now)
  if (newest?.ready !== true) return late(input, now) ?? { state: { ...input.state, waitingFor: undefined } }
  if (gates['pre-rollout'] === 'closed') return failCheck(input, now, 'a pre-rollout webhook says no')
  if (gates['pre-rollout'] === 'pending') return atGate(input, 'pre-rollout', now)
  return goOn(input, now, 'it is proven ready')
}

/** A run that takes too long is rolled back: nobody watches it any more. */
function late(input: CanaryInput, now: number): CanaryDecision | undefined {
  const { state, rules } = input
  if (now - state.startedAt <= rules.deadlineMs) return undefined
  const waited = state.waitingFor === undefined ? '' : `, and waits for ${state.waitingFor}`
  return end(input, 'Failed', now, `the run takes longer than ${rules.deadlineMs / 1000} s${waited}`)
}

/** Judges as soon as there are enough calls; goes on only at the end of a step, when everybody who is asked says yes. */
function progress(input: CanaryInput, now: number): CanaryDecision {
  const { state, rules, gates } = input
  const complaint = judge(rules, input.recent) ?? judge(rules, input.step) ?? judgeMetrics(input.metrics)
  if (complaint !== undefined) return failCheck(input, now, complaint)
  if (now - state.stepSince < rules.intervalMs) return { state }
  if (gates.rollout === 'closed') return failCheck(input, now, 'a rollout webhook says no')
  if (gates.rollout === 'pending') return atGate(input, 'rollout', now)
  if (input.metrics.some(({ pending }) => pending)) return late(input, now) ?? { state: { ...state, waitingFor: 'Prometheus' } }
  const missing = lacking(input)
  if (missing !== undefined) return withoutData(input, now, missing)
  return goOn(input, now, `${stepText(input)} went well${inNumbers(input)}`)
}

/** Blue-green without copies has nothing to count: only Prometheus and webhooks can speak. */
function lacking({ rules, state, step, metrics }: CanaryInput): string | undefined {
  const stage = stageAt(rules, state)
  return stage?.kind === 'preview' && rules.mirror === undefined ? missingMetric(metrics) : missingData(rules, step, metrics)
}

function withoutData(input: CanaryInput, now: number, missing: string): CanaryDecision {
  switch (input.rules.noData) {
    case 'pass':
      return goOn(input, now, missing)
    case 'fail':
      return failCheck(input, now, missing)
    case 'wait':
      // How many calls it had is another number each time, and no news.
      return late(input, now) ?? { state: { ...input.state, waitingFor: missing === missingMetric(input.metrics) ? `Prometheus: ${missing}` : 'enough calls' } }
    default:
      return input.rules.noData satisfies never
  }
}

/** The next step, unless somebody said to stay, says no, or the candidate has too few replicas for it. */
function goOn(input: CanaryInput, now: number, why: string): CanaryDecision {
  const { state, rules, commands, newest } = input
  if (commands.paused) return { state: { ...state, waitingFor: undefined } }
  const next = stagesOf(rules)[state.step + 1]
  const gate = gateBefore(next, state)
  if (gate !== undefined && input.gates[gate] !== 'open') return atGate(input, gate, now)
  const scaleTo = next === undefined ? 100 : weightOf(next)
  if ((newest?.carries ?? 0) < scaleTo) return late(input, now) ?? { state: { ...state, scaleTo, waitingFor: `replicas for ${scaleTo} %` } }
  return next === undefined ? promote(input, now, why) : advance(input, now, why)
}

function gateBefore(next: Stage | undefined, state: CanaryState): GateType | undefined {
  if (next === undefined) return 'confirm-promotion'
  return weightOf(next) > state.weight ? 'confirm-traffic-increase' : undefined
}

/** Waits until the webhooks of a gate say yes. That it began to wait is told once. */
function atGate(input: CanaryInput, gate: GateType, now: number): CanaryDecision {
  const { state } = input
  const waitingFor = `webhook ${gate}`
  const tooLate = late(input, now)
  if (tooLate !== undefined) return tooLate
  if (state.waitingFor === waitingFor) return { state }
  return { state: { ...state, waitingFor }, because: 'Waiting', message: `waits for ${waitingFor}` }
}

/** A failed check begins the step's count anew, so that one burst of errors is one failure. */
function failCheck(input: CanaryInput, now: number, complaint: string): CanaryDecision {
  const { state, rules } = input
  const failedChecks = state.failedChecks + 1
  if (failedChecks >= rules.threshold) return end(input, 'Failed', now, complaint)
  const next = { ...state, failedChecks, stepSince: now, waitingFor: undefined }
  return { state: next, because: 'CheckFailed', message: `${complaint} (${failedChecks} of ${rules.threshold})` }
}

function advance(input: CanaryInput, now: number, why: string): CanaryDecision {
  const { state, rules } = input
  const step = state.step + 1
  const stage = stagesOf(rules)[step]
  if (stage === undefined) return promote(input, now, why)
  const weight = weightOf(stage)
  return {
    state: { ...state, phase: 'Progressing', step, weight, scaleTo: weight, stepSince: now, waitingFor: undefined },
    because: 'Advanced',
    message: `${state.candidate ?? ''} gets ${stageText(stage, rules)}: ${why}`,
  }
}

function promote({ state }: CanaryInput, now: number, why: string): CanaryDecision {
  const next: CanaryState = { ...state, phase: 'Succeeded', stable: state.candidate, weight: 100, scaleTo: 100, stepSince: now, waitingFor: undefined }
  return { state: next, because: 'Promoted', message: `${state.candidate ?? ''} gets all calls: ${why}` }
}

function end({ state }: CanaryInput, phase: 'Failed' | 'Aborted', now: number, why: string): CanaryDecision {
  const message = `all calls go back to ${state.stable ?? ''}: ${why}`
  const next: CanaryState = { ...state, phase, weight: 0, scaleTo: 0, stepSince: now, waitingFor: undefined }
  return { state: next, because: phase === 'Failed' ? 'RolledBack' : 'Aborted', message }
}

function stepText({ rules, state }: CanaryInput): string {
  const stage = stageAt(rules, state)
  return stage === undefined ? 'the step' : `"${stageText(stage, rules)}"`
}

function inNumbers({ step }: CanaryInput): string {
  const text = numbersText(step)
  return text === '' ? '' : ` (${text})`
}
