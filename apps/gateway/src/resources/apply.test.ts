import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { applied, APPLIED_ANNOTATION } from './apply.ts'

const document = (spec: object, labels?: object) => ({
  apiVersion: 'x/v1',
  kind: 'X',
  metadata: { name: 'a', ...(labels === undefined ? {} : { labels }) },
  spec,
})
const apply = (live: Resource | undefined, given: object, manager = 'weft') => applied(live, given, manager) as Resource

describe('an apply', () => {
  it('creates what is not there and remembers names of fields, never values', () => {
    const made = apply(undefined, document({ env: { PASSWORD: 'secret value' } }))
    expect(made.spec).toEqual({ env: { PASSWORD: 'secret value' } })
    expect(made.metadata.annotations?.[APPLIED_ANNOTATION]).not.toContain('secret value')
  })

  it('removes a field that it set before and now leaves out', () => {
    const live = apply(undefined, document({ env: { A: '1', B: '2' }, timeout: '3s' }, { x: 'y' }))
    const next = apply(live, document({ env: { A: '1' } }))
    expect(next.spec).toEqual({ env: { A: '1' } })
    expect(next.metadata.labels).toBeUndefined()
  })

  it('leaves what others set: a split, a scale', () => {
    const live = apply(undefined, document({ template: { image: 'a' } }))
    const changed = { ...live, spec: { ...(live.spec as object), traffic: [{ revision: 'v1', weight: 100 }], scale: { replicas: 3 } } }
    expect(apply(changed, document({ template: { image: 'b' } })).spec).toEqual({
      template: { image: 'b' },
      traffic: [{ revision: 'v1', weight: 100 }],
      scale: { replicas: 3 },
    })
  })

  it('replaces lists whole', () => {
    const live = apply(undefined, document({ list: [1, 2, 3] }))
    expect(apply(live, document({ list: [4] })).spec).toEqual({ list: [4] })
  })

  it('keeps a field that another manager applied too', () => {
    const first = apply(undefined, document({ env: { A: '1', B: '2' } }), 'one')
    const second = apply(first, document({ env: { B: '2' } }), 'two')
    expect(apply(second, document({ env: { A: '1' } }), 'one').spec).toEqual({ env: { A: '1', B: '2' } })
    expect(apply(apply(second, document({ env: { A: '1' } }), 'one'), document({ env: {} }), 'two').spec).toEqual({ env: { A: '1' } })
  })

  it('goes on when somebody wrote into its annotation', () => {
    const live = apply(undefined, document({ a: 1 }))
    const broken = { ...live, metadata: { ...live.metadata, annotations: { [APPLIED_ANNOTATION]: '{' } } }
    expect(apply(broken, document({ b: 2 })).spec).toEqual({ a: 1, b: 2 })
  })
})
