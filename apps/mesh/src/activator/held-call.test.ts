import { describe, expect, it } from '@jest/globals'
import { activationOf, serverTiming } from './held-call.ts'
import { activationSpans } from './spans.ts'

const CALL = { workload: 'default/temp-1', timing: true, takenUs: 1_000_000, trace: { traceId: 'a'.repeat(32), parentId: 'b'.repeat(16) } }
const RESULT = { ok: true, steps: [{ name: 'spawn', startedAt: 1020, ms: 30.04 }] } as const

describe('an activation', () => {
  it('has the time until the call was held, the wake-up as a whole, and its steps', () => {
    const activation = activationOf(CALL, RESULT, { heldAt: 1010, now: 1100 })
    expect(activation).toMatchObject({ startedAt: 1000, ms: 100 })
    expect(serverTiming(activation)).toBe('policy;dur=10, wake;dur=90, spawn;dur=30')
  })

  it('makes spans below the one that the call was held in, and none for a call that is not traced', () => {
    let count = 0
    const spans = activationSpans(activationOf(CALL, RESULT, { heldAt: 1010, now: 1100 }), () => String((count += 1)))
    expect(spans.map(({ name, spanId, parentId }) => [name, spanId, parentId])).toEqual([
      ['activation', '1', CALL.trace.parentId],
      ['activation policy', '2', '1'],
      ['activation wake', '3', '1'],
      ['activation spawn', '4', '1'],
    ])
    expect(spans[3]).toMatchObject({ startUs: 1_020_000, endUs: 1_050_040, failed: false })
    expect(activationSpans(activationOf({ workload: 'default/temp-1', timing: false }, RESULT, { heldAt: 1, now: 2 }))).toEqual([])
  })

  it('knows no policy step of a call that is not traced, and no steps of a refusal', () => {
    const refused = activationOf({ workload: 'default/temp-1', timing: true }, { ok: false, status: 503, reason: 'gone' }, { heldAt: 5, now: 9 })
    expect(serverTiming(refused)).toBe('wake;dur=4')
  })
})
