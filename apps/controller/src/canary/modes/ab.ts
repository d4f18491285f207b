import type { CanaryRules, Stage } from '../types.ts'

/** A/B: the calls that match go to the candidate, for so many good intervals. */
export function matchStages({ iterations }: CanaryRules): readonly Stage[] {
  return Array.from({ length: iterations }, (_, index) => ({ kind: 'match', iteration: index + 1, of: iterations }))
}
