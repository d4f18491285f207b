import type { CanaryRouting } from '@weft/api'
import { matchStages } from './modes/ab.ts'
import { previewStages } from './modes/blue-green.ts'
import { mirrorStages } from './modes/mirror.ts'
import { weightStages } from './modes/weights.ts'
import { isRunning, type CanaryRules, type CanaryState, type Stage } from './types.ts'

/** All steps of a run, in order; after the last comes everything. */
export function stagesOf(rules: CanaryRules): readonly Stage[] {
  return [...mirrorStages(rules), ...ofMode(rules)]
}

function ofMode(rules: CanaryRules): readonly Stage[] {
  switch (rules.mode) {
    case 'weights':
      return weightStages(rules)
    case 'a/b':
      return matchStages(rules)
    case 'blue-green':
      return previewStages(rules)
    default:
      return rules.mode satisfies never
  }
}

/** Share of all calls that a step gives the candidate, in per cent. */
export function weightOf(stage: Stage): number {
  return stage.kind === 'weight' ? stage.weight : 0
}

/** A step in words. */
export function stageText(stage: Stage, rules: CanaryRules): string {
  switch (stage.kind) {
    case 'weight':
      return `${stage.weight} %`
    case 'mirror':
      return `copies of ${rules.mirror?.percent ?? 0} % of the calls, ${stage.iteration} of ${stage.of}`
    case 'match':
      return `the calls that match, ${stage.iteration} of ${stage.of}`
    case 'preview':
      return `no calls, ${stage.iteration} of ${stage.of}`
    default:
      return stage satisfies never
  }
}

/** The step at which a run stands. */
export function stageAt(rules: CanaryRules, { phase, step }: Pick<CanaryState, 'phase' | 'step'>): Stage | undefined {
  return phase === 'Progressing' ? stagesOf(rules)[step] : undefined
}

/** What the mesh is to do beside the weights. */
export function routingOf(rules: CanaryRules, state: CanaryState): CanaryRouting | undefined {
  const stage = stageAt(rules, state)
  if (stage !== undefined) return stageRouting(stage, rules, state)
  const isOver = !isRunning(state) && state.phase !== 'Idle'
  return isOver && rules.affinity !== undefined ? { expire: { cookie: rules.affinity.cookie } } : undefined
}

function stageRouting(stage: Stage, { mirror, match, affinity }: CanaryRules, state: CanaryState): CanaryRouting | undefined {
  const copies = mirror === undefined ? undefined : { mirror: { percent: mirror.percent, methods: [...mirror.methods] } }
  switch (stage.kind) {
    case 'mirror':
    case 'preview':
      return copies
    case 'match':
      return { match: [...match] }
    case 'weight':
      return affinity === undefined ? undefined : { affinity: { ...affinity, value: runName(state) } }
    default:
      return stage satisfies never
  }
}

/** Names one run of one candidate: a cookie of another run means nothing. */
export function runName({ candidate, startedAt }: CanaryState): string {
  return `${candidate ?? ''}.${startedAt.toString(36)}`
}
