import type { CanaryRules, Stage } from '../types.ts'

/** Weights that grow: each of them is a step. */
export function weightStages({ steps }: CanaryRules): readonly Stage[] {
  return steps.map((weight) => ({ kind: 'weight', weight }))
}

/** The weights that `stepWeight` and `maxWeight` mean: 10 and 30 are 10, 20, 30. */
export function growingWeights(stepWeight: number, maxWeight: number): readonly number[] {
  return Array.from({ length: Math.floor(maxWeight / stepWeight) }, (_, index) => stepWeight * (index + 1))
}
