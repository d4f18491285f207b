import type { CanaryResource, CanarySpec, CanaryStatus } from '@weft/api'
import { age, table } from '../output/table.ts'

/** What a person reads of a canary. */
export function canaryText({ spec, status }: CanaryResource, now: number): string {
  if (status === undefined) return `The canary of ${spec.function} has not been looked at yet.\n`
  const isRunning = status.phase === 'Progressing'
  const weight = isRunning ? status.weight : 0
  const trouble = status.conditions.find(({ type, status: holds }) => type === 'Ready' && holds === 'False')
  const facts = [
    ['Function:', spec.function],
    ['Phase:', status.phase + (spec.paused === true && isRunning ? ' (paused)' : '')],
    ...(trouble === undefined ? [] : [['Blocked:', `${trouble.message} (${trouble.reason})`]]),
    ['Stable:', `${status.stable ?? '-'} gets ${100 - weight} %`],
    ['Candidate:', status.candidate === undefined ? '-' : `${status.candidate} gets ${status.stage !== undefined && isRunning ? status.stage : `${weight} %`}`],
    ...(status.waitingFor === undefined ? [] : [['Waits for:', status.waitingFor]]),
    ...(status.failedChecks === 0 ? [] : [['Failed checks:', `${status.failedChecks} of ${spec.analysis?.threshold ?? 1}`]]),
    ['Mode:', modeText(spec, status)],
  ]
  const history = status.history.map((event) => [`  ${age(event.at, now)}`, event.reason, event.message])
  return `${table(facts)}${history.length === 0 ? '' : `History:\n${table(history)}`}`
}

function modeText(spec: CanarySpec, { mode, step, phase }: CanaryStatus): string {
  const copies = spec.mirror === undefined ? 0 : (spec.mirror.iterations ?? 1)
  const first = copies === 0 ? '' : 'copies first, then '
  if (mode !== 'weights') return `${first}${mode}, ${spec.iterations ?? 0} iterations`
  const marked = weightsOf(spec).map((weight, index) => (index + copies === step && phase === 'Progressing' ? `[${weight}]` : String(weight)))
  return `${first}steps ${marked.join(' ')}`
}

function weightsOf({ steps, stepWeight, maxWeight = 50 }: CanarySpec): readonly number[] {
  if (stepWeight === undefined) return steps ?? [10, 50]
  return Array.from({ length: Math.max(1, Math.floor(maxWeight / stepWeight)) }, (_, index) => stepWeight * (index + 1))
}
