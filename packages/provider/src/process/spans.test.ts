import { describe, expect, it } from '@jest/globals'
import { parseControl } from './incarnation.ts'
import { readSpans, SpanBudget } from './spans.ts'

const SPAN = { trace: 'a'.repeat(32), span: 'b'.repeat(16), parent: 'c'.repeat(16), name: 'handler', start: 10, end: 20, status: 200 }

describe('spans of a replica', () => {
  it('are read from its control pipe', () => {
    expect(parseControl(JSON.stringify({ type: 'spans', spans: [SPAN] }))).toEqual({
      type: 'spans',
      spans: [{ traceId: SPAN.trace, spanId: SPAN.span, parentId: SPAN.parent, name: 'handler', startUs: 10, endUs: 20, status: 200, cut: false }],
    })
  })

  it.each<[string, object]>([
    ['an id of a wrong length', { trace: 'a' }],
    ['an id that is no number', { span: 'z'.repeat(16) }],
    ['a name of its own', { name: 'ingress' }],
    ['a time that is no number', { start: 'now' }],
    ['an end before its start', { end: 5 }],
    ['a time beyond all numbers', { end: 1e300 }],
  ])('with %s are passed over', (_name, wrong) => expect(readSpans([{ ...SPAN, ...wrong }, SPAN])).toHaveLength(1))

  it.each<[unknown]>([[undefined], [null], ['x'], [{}], [[null, 1, 'x', []]]])('are none in %j', (value) => expect(readSpans(value)).toEqual([]))

  it('lose a status that is none', () => expect(readSpans([{ ...SPAN, status: 1e9 }])[0]?.status).toBeUndefined())

  it('are bounded for a line and for a second', () => {
    expect(readSpans(Array.from({ length: 1000 }, () => SPAN))).toHaveLength(200)
    let now = 0
    const budget = new SpanBudget(() => now)
    const line = readSpans(Array.from({ length: 200 }, () => SPAN))
    const taken = () => Array.from({ length: 20 }, () => budget.take(line).length).reduce((sum, each) => sum + each, 0)
    expect(taken()).toBe(2000)
    expect(taken()).toBe(0)
    now = 1000
    expect(taken()).toBe(2000)
  })
})
