import type { CanaryPhase, CanaryResource, CanaryWebhook } from '@weft/api'
import { runName, stageAt } from '../stages.ts'
import type { CanaryRules, CanaryState } from '../types.ts'

/** Where a run stands when somebody is asked or told. */
export interface Moment {
  readonly canary: CanaryResource
  readonly rules: CanaryRules
  readonly state: CanaryState
  readonly now: number
}

/** What a webhook is sent: Flagger's fields under their names (`remainingTime` in nanoseconds), and who is compared with whom. */
export function payloadOf(hook: CanaryWebhook, { canary, rules, state, now }: Moment, more: Readonly<Record<string, string>> = {}): object {
  const stage = stageAt(rules, state)
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? 'default',
    phase: phaseName(state.phase),
    checksum: runName(state),
    type: hook.type,
    failedChecks: state.failedChecks,
    canaryWeight: state.weight,
    iterations: stage !== undefined && 'iteration' in stage ? stage.iteration : 0,
    remainingTime: Math.max(0, state.startedAt + rules.deadlineMs - now) * 1_000_000,
    metadata: { ...hook.metadata, ...more },
    function: canary.spec.function,
    candidate: state.candidate ?? '',
    stable: state.stable ?? '',
  }
}

/** What an `event` webhook is told beside it. */
export function eventMetadata(because: string, message: string, now: number): Readonly<Record<string, string>> {
  const isWarning = because === 'CheckFailed' || because === 'RolledBack' || because === 'Aborted'
  return { eventMessage: message, eventType: isWarning ? 'Warning' : 'Normal', eventReason: because, timestamp: String(now) }
}

/** Flagger's word for a phase. */
function phaseName(phase: CanaryPhase): string {
  if (phase === 'Idle') return 'Initialized'
  return phase === 'Aborted' ? 'Failed' : phase
}
