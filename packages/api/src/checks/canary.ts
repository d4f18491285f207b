import { parseDurationMs } from '@weft/core'
import type { CanarySpec } from '../canary.ts'
import type { Violation } from '../violation.ts'

const SHORTEST_INTERVAL_MS = 1_000

/** What the schema of a Canary cannot say. */
export function checkCanary({ steps = [], interval, deadline, analysis }: CanarySpec): readonly Violation[] {
  const grows = steps.every((weight, index) => index === 0 || weight > (steps[index - 1] ?? 0))
  return [
    ...(grows ? [] : [{ field: 'spec.steps', reason: 'each step must be greater than the one before' }]),
    ...longEnough(interval, 'spec.interval'),
    ...longEnough(deadline, 'spec.deadline'),
    ...longEnough(analysis?.latencyP99?.max, 'spec.analysis.latencyP99.max', 1),
  ]
}

function longEnough(text: string | undefined, field: string, shortestMs: number = SHORTEST_INTERVAL_MS): readonly Violation[] {
  if (text === undefined || parseDurationMs(text, field) >= shortestMs) return []
  return [{ field, reason: `must be at least ${shortestMs} ms` }]
}
