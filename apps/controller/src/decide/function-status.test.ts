import { describe, expect, it } from '@jest/globals'
import type { FunctionResource, RevisionResource } from '@weft/api'
import { functionStatus, type FunctionFacts, type RevisionFacts } from './function-status.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const EARLIER = '2025-01-01T00:00:00.000Z'

function facts(more: Partial<FunctionFacts> = {}): FunctionFacts {
  const fn: FunctionResource = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'temp', generation: 3 }, spec: { template: {} } }
  return {
    fn,
    revisions: [known('v1', 1)],
    plan: { traffic: [{ revision: 'v1', weight: 100 }], because: 'latest-ready' },
    inForce: true,
    refusal: undefined,
    ...more,
  }
}

function known(short: string, number: number, more: Partial<RevisionFacts> = {}): RevisionFacts {
  const revision: RevisionResource = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Revision',
    metadata: { name: `temp-${short}` },
    spec: { function: 'temp', revision: short, number, template: {} },
  }
  return { revision, proven: 1, desired: 1, wasProven: true, failure: undefined, ...more }
}

/** A function that was told ready by a revision. */
function told(latestReady: string): FunctionResource {
  const conditions = ['Ready', 'RevisionReady'].map((type) => ({ type, status: 'True' as const, reason: 'x', message: 'x', lastTransitionTime: EARLIER }))
  const status = { observedGeneration: 1, traffic: [], latestCreated: latestReady, latestReady, replicas: 0, availableReplicas: 0, conditions }
  return { ...facts().fn, status }
}

const conditionOf = (given: FunctionFacts, type: string) => functionStatus(given, NOW).conditions.find((entry) => entry.type === type)

describe('functionStatus', () => {
  it('adds the replicas of all revisions up and names the newest and the newest ready', () => {
    const given = facts({ revisions: [known('v1', 1, { desired: 2, proven: 2 }), known('v2', 2, { proven: 0, wasProven: false })] })
    expect(functionStatus(given, NOW)).toMatchObject({ replicas: 3, availableReplicas: 2, latestCreated: 'v2', latestReady: 'v1', observedGeneration: 3 })
  })

  it.each([
    ['is ready while traffic goes somewhere', {}, 'Ready', 'True', /v1=100/],
    ['is not ready before', { plan: { traffic: [], because: 'nothing-ready' } }, 'Ready', 'False', /no revision/],
    ['says why a template made no revision', { refusal: { reason: 'RevisionExists', message: 'v1 exists' } }, 'RevisionReady', 'False', /v1 exists/],
    [
      'says why the newest does not get ready',
      { revisions: [known('v2', 2, { proven: 0, failure: { reason: 'OOMKilled', message: 'killed' } })] },
      'RevisionReady',
      'False',
      /v2: killed/,
    ],
    [
      'forgives one that is proven all the same',
      { revisions: [known('v2', 2, { failure: { reason: 'OOMKilled', message: 'killed' } })] },
      'RevisionReady',
      'True',
      /v2/,
    ],
    ['waits for one that starts', { revisions: [known('v2', 2, { proven: 0, wasProven: false })] }, 'RevisionReady', 'Unknown', /starting/],
    ['is not ready before its routes are in force', { inForce: false }, 'Ready', 'Unknown', /on their way/],
    ['is not ready by its revision either', { inForce: false }, 'RevisionReady', 'Unknown', /v1 was proven ready; its routes/],
    ['stays ready while its split changes', { inForce: false, fn: told('v1') }, 'Ready', 'True', /v1=100/],
    ['stays ready by a revision that was told ready', { inForce: false, fn: told('v1') }, 'RevisionReady', 'True', /v1/],
    ['is not told ready by the revision before', { inForce: false, fn: told('v0') }, 'RevisionReady', 'Unknown', /v1 was proven ready; its routes/],
    ['knows of no revision', { revisions: [] }, 'RevisionReady', 'Unknown', /no revision/],
  ] as const)('%s', (_name, more, type, status, message) => {
    const condition = conditionOf(facts(more), type)
    expect(condition).toMatchObject({ status, message: expect.stringMatching(message) })
  })

  it('tells how to send traffic to a newest revision that a pinned split leaves out', () => {
    const pinned = { ...facts().fn, spec: { template: {}, traffic: [{ revision: 'v1', weight: 100 }] } }
    const condition = conditionOf(facts({ fn: pinned, revisions: [known('v1', 1), known('v2', 2)] }), 'TrafficPinned')
    expect(condition?.message).toContain('weft traffic set temp v2=100')
  })

  it('keeps the time of a condition that says the same, and takes now for one that changed', () => {
    const conditions = [
      { type: 'Ready', status: 'True' as const, reason: 'Serving', message: 'x', lastTransitionTime: EARLIER },
      { type: 'RevisionReady', status: 'False' as const, reason: 'x', message: 'x', lastTransitionTime: EARLIER },
    ]
    const fn = { ...facts().fn, status: { observedGeneration: 1, traffic: [], latestCreated: 'v1', replicas: 0, availableReplicas: 0, conditions } }
    expect(functionStatus(facts({ fn }), NOW).conditions.map((entry) => entry.lastTransitionTime)).toEqual([EARLIER, NOW])
  })

  it('does not take a generation for seen whose template was refused', () => {
    expect(functionStatus(facts({ refusal: { reason: 'NotFound', message: 'no image' } }), NOW).observedGeneration).toBe(0)
  })
})
