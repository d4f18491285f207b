import { describe, expect, it } from '@jest/globals'
import type { FunctionSpec, RevisionResource } from '@weft/api'
import { carriedWeight, planReplicas, type ReplicaFacts } from './replicas.ts'
import { planRetention } from './retention.ts'
import { planRevision } from './revision.ts'
import { planTraffic, type CanaryShare } from './traffic.ts'

function revision(short: string, number: number, template: FunctionSpec['template'] = { artifact: `sha256:${number}` }): RevisionResource {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Revision',
    metadata: { name: `temp-${short}`, namespace: 'default' },
    spec: { function: 'temp', revision: short, number, template },
  }
}

describe('planRevision', () => {
  const one = revision('00001', 1, { artifact: 'sha256:a', env: { A: '1', B: '2' } })
  const named = revision('v1', 1, { revision: 'v1', artifact: 'sha256:a' })
  it.each([
    ['cuts the first revision with number 1', { artifact: 'sha256:a' }, [], { kind: 'create', revision: '00001', number: 1 }],
    [
      'keeps the newest when nothing changed but the order of keys',
      { env: { B: '2', A: '1' }, artifact: 'sha256:a' },
      [one],
      { kind: 'keep', revision: '00001' },
    ],
    ['cuts the next number for a changed template', { artifact: 'sha256:b' }, [one], { kind: 'create', revision: '00002', number: 2 }],
    ['cuts a named revision', { artifact: 'sha256:b', revision: 'v2' }, [named], { kind: 'create', revision: 'v2', number: 2 }],
    ['finds a named revision again', { artifact: 'sha256:a', revision: 'v1' }, [named, revision('v2', 2)], { kind: 'keep', revision: 'v1' }],
    ['refuses a name that stands for another template', { artifact: 'sha256:b', revision: 'v1' }, [named], { kind: 'refuse', reason: 'RevisionExists' }],
  ])('%s', (_name, template, revisions, expected) => {
    const plan = planRevision('temp', template, revisions)
    expect(plan.kind === 'create' ? { kind: plan.kind, revision: plan.spec.revision, number: plan.spec.number } : plan).toMatchObject(expected)
  })
})

describe('planTraffic', () => {
  const revisions = [revision('v1', 1), revision('v2', 2)]
  const spec = (traffic?: FunctionSpec['traffic']): FunctionSpec => ({ template: {}, ...(traffic === undefined ? {} : { traffic }) })
  const v1 = [{ revision: 'v1', weight: 100 }]
  it.each([
    ['goes nowhere before anything is ready', spec(), [], [], 'nothing-ready', []],
    ['goes to the newest that is ready', spec(), ['v1', 'v2'], v1, 'latest-ready', [{ revision: 'v2', weight: 100 }]],
    ['stays with the old one while the new one is not ready', spec(), ['v1'], v1, 'latest-ready', v1],
    ['stays where it is when nothing is ready any more', spec(), [], v1, 'nothing-ready', v1],
    ['forgets a revision that is gone', spec(), [], [{ revision: 'v0', weight: 100 }], 'nothing-ready', []],
    [
      'follows what is pinned',
      spec([
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ]),
      ['v1', 'v2'],
      v1,
      'pinned',
      [
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ],
    ],
    [
      'keeps the old split until all that is pinned is ready',
      spec([
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ]),
      ['v1'],
      v1,
      'pinned-not-ready',
      v1,
    ],
    [
      'adds up the shares of one revision',
      spec([{ revision: 'v2', weight: 40 }, { weight: 60 }]),
      ['v1', 'v2'],
      v1,
      'pinned',
      [{ revision: 'v2', weight: 100 }],
    ],
    [
      'does not wait for a share of zero',
      spec([
        { revision: 'v1', weight: 100 },
        { revision: 'v2', weight: 0 },
      ]),
      ['v1'],
      [],
      'pinned-not-ready-or-zero',
      undefined,
    ],
  ])('%s', (_name, functionSpec, ready, current, because, traffic) => {
    const plan = planTraffic({ spec: functionSpec, revisions, ready: new Set(ready), current })
    if (traffic === undefined)
      expect(plan.traffic).toEqual([
        { revision: 'v1', weight: 100 },
        { revision: 'v2', weight: 0 },
      ])
    else expect([plan.because, plan.traffic]).toEqual([because, traffic])
  })
})

describe('planTraffic with a canary', () => {
  const revisions = [revision('v1', 1), revision('v2', 2)]
  const match = { match: [{ headers: { 'x-user': { exact: 'jason' } } }] }
  const share = { stable: 'v1', candidate: 'v2', weight: 20, routing: undefined }
  const v1 = [{ revision: 'v1', weight: 100 }]
  it.each<[string, CanaryShare, readonly string[], object]>([
    [
      'gives the candidate its share',
      share,
      ['v1', 'v2'],
      {
        traffic: [
          { revision: 'v1', weight: 80 },
          { revision: 'v2', weight: 20 },
        ],
      },
    ],
    ['serves the share of a candidate that is not ready by the stable one', share, ['v1'], { traffic: v1 }],
    ['hands on which calls match', { ...share, weight: 0, routing: match }, ['v1', 'v2'], { traffic: v1, canary: { candidate: 'v2', ...match } }],
    ['matches no calls for a candidate that is not ready', { ...share, weight: 0, routing: match }, ['v1'], { traffic: v1, because: 'canary' }],
    [
      'takes cookies back although the candidate is gone',
      { ...share, weight: 0, routing: { expire: { cookie: 'c' } } },
      ['v1'],
      { traffic: v1, canary: { candidate: 'v2', expire: { cookie: 'c' } } },
    ],
  ])('%s', (_name, canary, ready, expected) => {
    const plan = planTraffic({ spec: { template: {} }, revisions, ready: new Set(ready), current: v1, canary })
    expect(plan).toEqual({ because: 'canary', ...expected })
  })
})

describe('planTraffic with a canary of a function that was removed and made anew', () => {
  it('serves the newest revision: the stable one that the canary names is not there', () => {
    const canary = { stable: 'v3', candidate: 'v4', weight: 20, routing: undefined }
    const plan = planTraffic({ spec: { template: {} }, revisions: [revision('v1', 1)], ready: new Set(['v1']), current: [], canary })
    expect(plan).toEqual({ because: 'latest-ready', traffic: [{ revision: 'v1', weight: 100 }] })
  })
})

describe('planReplicas', () => {
  const now = 1_000_000
  const base: ReplicaFacts = {
    scale: undefined,
    routed: true,
    proving: false,
    awake: false,
    wokenAt: undefined,
    lastBusyAt: now,
    inProgress: 0,
    present: 1,
    unroutedAt: undefined,
  }
  it.each([
    ['one by default', {}, undefined, 1, 'scale'],
    ['what was asked for', { scale: { replicas: 3 } }, undefined, 3, 'scale'],
    ['never more than max', { scale: { replicas: 9, max: 4 } }, undefined, 4, 'scale'],
    ['zero when asked for', { scale: { replicas: 0 } }, undefined, 0, 'scale'],
    ['one while a call woke it', { scale: { replicas: 0 }, awake: true }, undefined, 1, 'awake'],
    ['zero again when the call is long over', { scale: { replicas: 0 }, awake: true, lastBusyAt: now - 60_000 }, undefined, 0, 'idle'],
    ['one while a long call is under way', { scale: { replicas: 0 }, awake: true, lastBusyAt: now - 60_000, inProgress: 1 }, undefined, 1, 'awake'],
    ['zero after the idle time', { scale: { min: 1 }, lastBusyAt: now - 5_001 }, 5_000, 0, 'idle'],
    ['its replicas before the idle time', { scale: { replicas: 2 }, lastBusyAt: now - 4_000 }, 5_000, 2, 'scale'],
    ['at least one to be proven', { scale: { replicas: 0 }, routed: false, proving: true, present: 0 }, undefined, 1, 'proving'],
    ['what it has until the proxies know that it leaves', { routed: false, present: 2 }, undefined, 2, 'leaving'],
    ['what it has while calls are under way', { routed: false, present: 2, unroutedAt: now - 9_000, inProgress: 1 }, undefined, 2, 'leaving'],
    [
      'its replicas while others than its function call it',
      { scale: { min: 2 }, routed: false, awake: true, wokenAt: now - 5_000, unroutedAt: now - 9_000, lastBusyAt: now - 5_000 },
      undefined,
      2,
      'awake',
    ],
    [
      'none when they do not any more',
      { routed: false, awake: true, wokenAt: now - 50_000, unroutedAt: now - 90_000, lastBusyAt: now - 40_000 },
      undefined,
      0,
      'idle',
    ],
    [
      'none when it was woken before it left',
      { routed: false, awake: true, wokenAt: now - 9_000, unroutedAt: now - 5_000, lastBusyAt: now - 9_000 },
      undefined,
      0,
      'not-routed',
    ],
    ['none when it left and is quiet', { routed: false, present: 2, unroutedAt: now - 9_000, lastBusyAt: now - 9_000 }, undefined, 0, 'not-routed'],
  ] as const)('wants %s', (_name, facts, zeroAfterMs, desired, because) => {
    expect(planReplicas({ ...base, ...facts }, zeroAfterMs, now)).toMatchObject({ desired, because })
  })

  it.each<[string, Partial<ReplicaFacts>, number]>([
    ['the replicas of its share, rounded up', { scale: { replicas: 10 }, candidateFor: 25 }, 3],
    ['all of them for all calls', { scale: { replicas: 10 }, candidateFor: 100 }, 10],
    ['one while it has no share', { scale: { replicas: 10 }, candidateFor: 0 }, 1],
    ['one of a function at zero, so that it does not sleep while it is judged', { scale: { replicas: 0 }, candidateFor: 10 }, 1],
    ['one although nobody calls it', { scale: { min: 1 }, candidateFor: 10, lastBusyAt: now - 60_000 }, 1],
    ['those of its share to be proven', { scale: { replicas: 10 }, candidateFor: 50, proving: true }, 5],
  ])('gives a candidate %s', (_name, facts, desired) => {
    expect(planReplicas({ ...base, ...facts }, 5_000, now).desired).toBe(desired)
  })

  it.each([
    [undefined, 0, 100],
    [{ replicas: 0 }, 0, 100],
    [{ replicas: 4 }, 1, 25],
    [{ replicas: 3 }, 1, 33],
    [{ replicas: 4 }, 9, 100],
  ])('of %j: %i replicas carry %i per cent', (scale, replicas, weight) => expect(carriedWeight(scale, replicas)).toBe(weight))

  it('says when to look again while it waits for quiet', () => {
    expect(planReplicas({ ...base, lastBusyAt: now - 4_000 }, 5_000, now).againInMs).toBe(1_000)
  })
})

describe('planRetention', () => {
  it('keeps the ten newest and whatever is in use', () => {
    const revisions = Array.from({ length: 14 }, (_, index) => revision(`r${index + 1}`, index + 1))
    const gone = planRetention(revisions, (each) => each.spec.number === 2)
    expect(gone.map((each) => each.spec.number).toSorted((a, b) => a - b)).toEqual([1, 3, 4])
  })
})
