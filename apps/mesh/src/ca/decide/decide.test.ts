import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { BACKDATE_MS, planLeaf } from './leaf.ts'
import { planRoots, type RootFacts, type RootPlan } from './roots.ts'

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

describe('roots that follow each other', () => {
  const settings = { trustFirstMs: HOUR, leafLifetimeMs: 24 * HOUR }
  const root = (id: string, createdAt: number, life = 1000): RootFacts => ({ id, createdAt: NOW + createdAt * HOUR, notAfter: NOW + (createdAt + life) * HOUR })
  const cases: readonly { readonly name: string; readonly roots: readonly RootFacts[]; readonly plan: Partial<RootPlan> }[] = [
    { name: 'without a root one is made', roots: [], plan: { signer: undefined, trusted: [], create: true } },
    { name: 'the first root signs at once', roots: [root('a', 0)], plan: { signer: 'a', trusted: ['a'], create: false, nextAt: NOW + HOUR } },
    { name: 'a root makes room at four fifths of its life', roots: [root('a', -800)], plan: { signer: 'a', create: true } },
    { name: 'and not before', roots: [root('a', -799)], plan: { signer: 'a', create: false, nextAt: NOW + HOUR } },
    {
      name: 'a new root is trusted and does not sign yet',
      roots: [root('a', -800), root('b', 0)],
      plan: { signer: 'a', trusted: ['a', 'b'], dropped: [], nextAt: NOW + HOUR },
    },
    {
      name: 'then it signs, and the old one is still trusted',
      roots: [root('a', -801), root('b', -1)],
      plan: { signer: 'b', trusted: ['b', 'a'], dropped: [], nextAt: NOW + 24 * HOUR },
    },
    {
      name: 'the old one is dropped when its last leaf has ended',
      roots: [root('a', -826), root('b', -25)],
      plan: { signer: 'b', trusted: ['b'], dropped: ['a'] },
    },
    { name: 'and not an hour before', roots: [root('a', -825), root('b', -24)], plan: { signer: 'b', trusted: ['b', 'a'], dropped: [] } },
    { name: 'a root that has ended is dropped', roots: [root('a', -1000), root('b', -2)], plan: { signer: 'b', trusted: ['b'], dropped: ['a'] } },
    { name: 'when all have ended a new one is made', roots: [root('a', -1000)], plan: { signer: undefined, dropped: ['a'], create: true } },
    { name: 'a new root signs at once when nothing else is valid', roots: [root('a', -1000), root('b', 0)], plan: { signer: 'b', trusted: ['b'] } },
  ]
  it.each(cases)('$name', ({ roots, plan }) => {
    expect(planRoots(roots, NOW, settings)).toMatchObject(plan)
  })

  it('at every moment every leaf that is valid was signed by a root that is trusted, and whoever learnt the bundle an hour ago trusts what is signed now', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 3000 }), fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 30, maxLength: 80 }), (life, steps) => {
        let roots: readonly RootFacts[] = []
        let now = NOW
        let bundles: readonly { readonly at: number; readonly trusted: readonly string[] }[] = []
        let leaves: readonly { readonly signer: string; readonly until: number }[] = []
        for (const step of steps) {
          // The plan is looked at whenever it asks to be, as the timer does.
          const until = now + step * HOUR * Math.ceil(life / 100)
          while (now < until) {
            let plan = planRoots(roots, now, settings)
            if (plan.create) roots = [...roots, { id: `r${now}`, createdAt: now, notAfter: now + life * HOUR }]
            plan = planRoots(roots, now, settings)
            roots = roots.filter(({ id }) => !plan.dropped.includes(id))
            leaves = leaves.filter((leaf) => leaf.until > now)
            for (const leaf of leaves) expect(plan.trusted).toContain(leaf.signer)
            const known = bundles.findLast((bundle) => bundle.at <= now - HOUR)
            expect(known === undefined || known.trusted.includes(String(plan.signer))).toBe(true)
            bundles = [...bundles.slice(-50), { at: now, trusted: plan.trusted }]
            const signer = roots.find(({ id }) => id === plan.signer)
            leaves = [...leaves, { signer: String(plan.signer), until: Math.min(now + 24 * HOUR, signer?.notAfter ?? 0) }]
            expect(plan.nextAt).toBeGreaterThan(now)
            now = Math.min(plan.nextAt, until)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
