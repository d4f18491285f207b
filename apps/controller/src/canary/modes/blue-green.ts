import type { CanaryRules, Stage } from '../types.ts'

/** Blue-green: no calls for so many good intervals, then all at once. */
export function previewStages({ iterations }: CanaryRules): readonly Stage[] {
  return Array.from({ length: iterations }, (_, index) => ({ kind: 'preview', iteration: index + 1, of: iterations }))
}
