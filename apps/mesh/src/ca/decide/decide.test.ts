import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { BACKDATE_MS, planLeaf } from './leaf.ts'
import { planRoots, type Generation, type RootPlan } from './roots.ts'
import { expiryWarning } from './warnings.ts'

const HOUR = 3_600_000
const NOW = 1_800_000_000_000

describe('the life of a leaf', () => {
  it('begins five minutes ago and is renewed at half of what is left of it', () => {
    expect(planLeaf(NOW, 24 * HOUR, Number.POSITIVE_INFINITY, 0.5)).toEqual({
      notBefore: NOW - BACKDATE_MS,
      notAfter: NOW + 24 * HOUR,
      rotatesAt: NOW + 12 * HOUR,
    })
  })

  it('is renewed earlier or later by a tenth of half its life at most', () => {
    expect(planLeaf(NOW, 20 * HOUR, Number.POSITIVE_INFINITY, 0).rotatesAt).toBe(NOW + 9 * HOUR)
    expect(planLeaf(NOW, 20 * HOUR, Number.POSITIVE_INFINITY, 1).rotatesAt).toBe(NOW + 11 * HOUR)
  })

  it('ends with its root', () => {
    expect(planLeaf(NOW, 24 * HOUR, NOW + HOUR, 0.5)).toMatchObject({ notAfter: NOW + HOUR, rotatesAt: NOW + HOUR / 2 })
  })
})

describe('authorities that follow each other', () => {
  const settings = { overlapMs: HOUR, own: true }
  const made = (id: string, addedAt: number, more: Partial<Generation> = {}): Generation => ({
    id,
    addedAt: NOW + addedAt * HOUR,
    signsFrom: NOW + addedAt * HOUR,
    canSign: true,
    notAfter: NOW + (addedAt + 1000) * HOUR,
    ...more,
  })
  const announced = (id: string, addedAt: number, more: Partial<Generation> = {}): Generation => {
    const { signsFrom: _none, ...rest } = made(id, addedAt, more)
    return rest
  }
  const ago = (hours: number) => ({ signsFrom: NOW - hours * HOUR })
  const cases: readonly { readonly name: string; readonly roots: readonly Generation[]; readonly own?: false; readonly plan: Partial<RootPlan> }[] = [
    { name: 'without a root one is made', roots: [], plan: { signer: undefined, trusted: [], create: true } },
    { name: 'but not where somebody brings it', roots: [], own: false, plan: { signer: undefined, trusted: [], create: false } },
    { name: 'the first root signs at once', roots: [announced('a', 0)], plan: { signer: 'a', trusted: ['a'], pending: undefined, create: false } },
    { name: 'a root makes room at four fifths of its life', roots: [made('a', -800)], plan: { signer: 'a', create: true } },
    { name: 'and not before', roots: [made('a', -799)], plan: { signer: 'a', create: false, nextAt: NOW + HOUR } },
    { name: 'a brought one does not', roots: [made('a', -999)], own: false, plan: { signer: 'a', create: false, nextAt: NOW + HOUR } },
    {
      name: 'a new root is trusted and does not sign yet, however long that takes',
      roots: [made('a', -800), announced('b', -100)],
      plan: { signer: 'a', trusted: ['a', 'b'], pending: 'b', dropped: [], retiring: [] },
    },
    {
      name: 'then it signs, and the old one is still trusted',
      roots: [made('a', -801), made('b', -1, ago(0))],
      plan: { signer: 'b', trusted: ['b', 'a'], pending: undefined, dropped: [], retiring: [{ id: 'a', dropAt: NOW + HOUR }], nextAt: NOW + HOUR },
    },
    {
      name: 'the old one is dropped after the overlap',
      roots: [made('a', -801), made('b', -2, ago(1))],
      plan: { signer: 'b', trusted: ['b'], dropped: ['a'] },
    },
    {
      name: 'each old one in its own time',
      roots: [made('a', -9), made('b', -8, ago(0.9)), made('c', -7, ago(0.1))],
      plan: { signer: 'c', trusted: ['c', 'b', 'a'], nextAt: NOW + 0.1 * HOUR },
    },
    {
      name: 'what was announced and never signed goes when another is announced',
      roots: [made('a', -9), announced('b', -2), announced('c', -1)],
      plan: { signer: 'a', trusted: ['a', 'c'], pending: 'c', dropped: ['b'] },
    },
    { name: 'a root that has ended is dropped', roots: [made('a', -1000), made('b', -2)], plan: { signer: 'b', trusted: ['b'], dropped: ['a'] } },
    { name: 'when all have ended a new one is made', roots: [made('a', -1000)], plan: { signer: undefined, dropped: ['a'], create: true } },
    { name: 'a new root signs at once when nothing else is valid', roots: [made('a', -1000), announced('b', 0)], plan: { signer: 'b', trusted: ['b'] } },
    {
      name: 'one without a key is trusted until its successor has signed for the overlap',
      roots: [made('a', -9, { canSign: false }), announced('b', 0)],
      plan: { signer: 'b', trusted: ['b', 'a'], pending: undefined },
    },
  ]
  it.each(cases)('$name', ({ roots, own = true, plan }) => {
    expect(planRoots(roots, NOW, { ...settings, own })).toMatchObject(plan)
  })

  it('at every moment what signs was announced before, and what was replaced less than the overlap ago is trusted', () => {
    const step = fc.oneof(fc.constant('announce' as const), fc.constant('promote' as const), fc.integer({ min: 1, max: 90 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = NOW
        let roots: readonly Generation[] = [made('first', 0)]
        let signed: readonly { readonly id: string; readonly until: number }[] = []
        for (const [index, each] of steps.entries()) {
          const before = planRoots(roots, now, settings)
          if (each === 'announce') roots = [...roots, { id: `r${index}`, addedAt: now, canSign: true, notAfter: now + 1000 * HOUR }]
          else if (each === 'promote') roots = roots.map((root) => (root.id === before.pending ? { ...root, signsFrom: now } : root))
          else now += each * 60_000
          const plan = planRoots(roots, now, settings)
          roots = roots.filter(({ id }) => !plan.dropped.includes(id))
          if (plan.signer !== before.signer) {
            expect(before.trusted).toContain(plan.signer)
            signed = [...signed, { id: String(before.signer), until: now + HOUR }]
          }
          for (const { id, until } of signed) expect(plan.trusted.includes(id)).toBe(until > now)
          expect(plan.nextAt).toBeGreaterThan(now)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the warning before a certificate ends', () => {
  const DAY = 24 * HOUR
  it.each<[string, Parameters<typeof expiryWarning>[0], string | undefined]>([
    ['a root with 31 days left', { kind: 'root', notBefore: NOW - 1000 * DAY, notAfter: NOW + 31 * DAY }, undefined],
    [
      'a root with 29 days left',
      { kind: 'root', notBefore: NOW - 1000 * DAY, notAfter: NOW + 29 * DAY },
      'it ends in 29 days; replace it before (docs/guide/trust.md)',
    ],
    ['one that is retiring', { kind: 'root', notBefore: NOW - 1000 * DAY, notAfter: NOW + DAY, retiring: true }, undefined],
    ['an intermediate of 15 days in its first part', { kind: 'intermediate', notBefore: NOW - 9 * DAY, notAfter: NOW + 6 * DAY }, undefined],
    [
      'and in its last third',
      { kind: 'intermediate', notBefore: NOW - 11 * DAY, notAfter: NOW + 4 * DAY },
      'it ends in 4 days; replace it before (docs/guide/trust.md)',
    ],
    ['a leaf that will be renewed', { kind: 'leaf', notBefore: NOW - 13 * HOUR, notAfter: NOW + 11 * HOUR }, undefined],
    ['a leaf that was not', { kind: 'leaf', notBefore: NOW - 19 * HOUR, notAfter: NOW + 5 * HOUR }, 'it ends in 5 hours and was not renewed at half its life'],
    ['an hour before', { kind: 'leaf', notBefore: NOW - 23 * HOUR, notAfter: NOW + HOUR }, 'it ends in 60 minutes and was not renewed at half its life'],
    ['what has ended', { kind: 'root', notBefore: NOW - DAY, notAfter: NOW }, 'it has ended'],
  ])('%s', (_name, certificate, warning) => expect(expiryWarning(certificate, NOW)).toBe(warning))
})
