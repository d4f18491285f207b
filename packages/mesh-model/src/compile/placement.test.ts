import { describe, expect, it } from '@jest/globals'
import { placedOn } from './placement.ts'

const KEYS = Array.from({ length: 1000 }, (_, index) => `default/fn-${index}-v1`)

describe('placement', () => {
  it('has one answer where there is one proxy', () => {
    expect(new Set(KEYS.map((key) => placedOn(['node'], key)))).toEqual(new Set(['node']))
  })

  it('spreads workloads evenly, whatever the order of the proxies', () => {
    const share = KEYS.filter((key) => placedOn(['node', 'node-2'], key) === 'node-2').length
    expect(Math.abs(share - 500)).toBeLessThan(80)
    for (const key of KEYS) expect(placedOn(['node-2', 'node'], key)).toBe(placedOn(['node', 'node-2'], key))
  })

  it('moves only what a further proxy takes over', () => {
    for (const key of KEYS) {
      const after = placedOn(['a', 'b', 'c'], key)
      if (after !== 'c') expect(after).toBe(placedOn(['a', 'b'], key))
    }
  })
})
