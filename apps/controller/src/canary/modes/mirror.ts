import type { CanaryRules, Stage } from '../types.ts'

/** Copies of calls come before everything else. */
export function mirrorStages({ mirror }: CanaryRules): readonly Stage[] {
  const of = mirror?.iterations ?? 0
  return Array.from({ length: of }, (_, index) => ({ kind: 'mirror', iteration: index + 1, of }))
}
