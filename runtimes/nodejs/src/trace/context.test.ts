import { describe, expect, it } from '@jest/globals'
import { readTraceparent } from './context.ts'
import { headersToAdd } from './trace-headers.ts'

const ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const OWN = { traceId: ID, spanId: 'aaaaaaaaaaaaaaaa', parentId: SPAN, sampled: true, takenUs: 1 }
const nothing = () => false

describe('readTraceparent', () => {
  it.each([
    ['a plain one', `00-${ID}-${SPAN}-01`, true],
    ['one that is not sampled', `00-${ID}-${SPAN}-00`, false],
    ['further flags', `00-${ID}-${SPAN}-fe`, false],
    ['a version to come', `cc-${ID}-${SPAN}-01`, true],
    ['a version to come with more fields', `cc-${ID}-${SPAN}-01-what`, true],
  ])('reads %s', (_name, text, sampled) => expect(readTraceparent(text)).toEqual({ traceId: ID, spanId: SPAN, sampled }))

  it.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['several, as Node.js joins them', `00-${ID}-${SPAN}-01, 00-${ID}-${SPAN}-01`],
    ['version ff', `ff-${ID}-${SPAN}-01`],
    ['more than version 00 has', `00-${ID}-${SPAN}-01-what`],
    ['a version to come without a hyphen before more', `cc-${ID}-${SPAN}-01.what`],
    ['upper case', `00-${ID.toUpperCase()}-${SPAN}-01`],
    ['an id of zeroes', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a parent of zeroes', `00-${ID}-${'0'.repeat(16)}-01`],
    ['an id that is too short', `00-${ID.slice(1)}-${SPAN}-01`],
    ['an id that is too long', `00-${ID}0-${SPAN}-01`],
    ['a parent that is too long', `00-${ID}-${SPAN}0-01`],
    ['flags of one digit', `00-${ID}-${SPAN}-1`],
    ['letters', `00-${'g'.repeat(32)}-${SPAN}-01`],
  ])('is not misled by %s', (_name, text) => expect(readTraceparent(text)).toBeUndefined())
})

describe('headersToAdd', () => {
  const added = (incoming: Readonly<Record<string, string>>, span = true) => Object.fromEntries(headersToAdd(incoming, nothing, span ? OWN : undefined))

  it('makes the own span the parent of what is called, in W3C and in B3', () => {
    expect(added({ traceparent: `00-${ID}-${SPAN}-01`, tracestate: 'a=1', b3: `${ID}-${SPAN}-1`, baggage: 'k=v', 'x-request-id': 'r' })).toEqual({
      traceparent: `00-${ID}-${OWN.spanId}-01`,
      tracestate: 'a=1',
      b3: `${ID}-${OWN.spanId}-1-${SPAN}`,
      baggage: 'k=v',
      'x-request-id': 'r',
    })
    expect(added({ traceparent: `00-${ID}-${SPAN}-01`, 'x-b3-traceid': ID.slice(16), 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' })).toMatchObject({
      'x-b3-traceid': ID,
      'x-b3-spanid': OWN.spanId,
      'x-b3-parentspanid': SPAN,
    })
  })

  it('leaves the B3 of another trace alone', () => {
    const b3 = `${'1'.repeat(32)}-${SPAN}-1`
    expect(added({ traceparent: `00-${ID}-${SPAN}-01`, b3 })).toMatchObject({ b3 })
  })

  it('carries everything as it came when the call is not traced', () => {
    const incoming = { traceparent: `00-${ID}-${SPAN}-01`, tracestate: 'a=1', b3: `${ID}-${SPAN}-1`, baggage: 'k=v' }
    expect(added(incoming, false)).toEqual(incoming)
  })

  it.each([
    ['a malformed traceparent, with its state', { traceparent: 'junk', tracestate: 'a=1' }],
    ['a state alone', { tracestate: 'a=1' }],
  ])('does not carry %s', (_name, incoming) => expect(added(incoming, false)).toEqual({}))

  it('drops a state that is too long and keeps the trace', () => {
    const traceparent = `00-${ID}-${SPAN}-01`
    expect(added({ traceparent, tracestate: `a=${'x'.repeat(600)}` }, false)).toEqual({ traceparent })
  })

  // The cases of W3C's own test-suite.
  const members = (count: number) => Array.from({ length: count }, (_, index) => `bar${index}=${index}`).join(',')
  it.each([
    ['blanks between members', 'foo=1 \t , \t bar=2, \t baz=3'],
    ['an empty member', 'foo=1,'],
    ['a key twice', 'foo=1,foo=2'],
    ['all signs of keys', 'az09_-*/=1,0a_-*/b@v0_-*/=1'],
    [
      'all signs of values',
      `foo=${Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))
        .join('')
        .replace(/[,=]/g, '')}`,
    ],
    ['the longest key', `${'z'.repeat(256)}=1`],
    ['the longest tenant and system', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    ['the longest value', `foo=${'x'.repeat(256)}`],
    ['32 members', members(32)],
  ])('carries a state with %s', (_name, tracestate) => {
    const incoming = { traceparent: `00-${ID}-${SPAN}-01`, tracestate }
    expect(added(incoming, false)).toEqual(incoming)
  })

  it.each([
    ['33 members', members(33)],
    ['a key that is too long', `foo=1,${'z'.repeat(257)}=1`],
    ['a tenant that is too long', `${'t'.repeat(242)}@v=1`],
    ['a system that is too long', `t@${'v'.repeat(15)}=1`],
    ['a value that is too long', `foo=${'x'.repeat(257)}`],
    ['a blank in a key', 'foo =1'],
    ['capitals in a key', 'FOO=1'],
    ['a dot in a key', 'foo.bar=1'],
    ['a tenant without a system', 'foo@=1,bar=2'],
    ['a system without a tenant', '@foo=1,bar=2'],
    ['two tenants', 'foo@bar@baz=1,bar=2'],
    ['a second equals sign', 'foo=bar=baz'],
    ['an empty value', 'foo=,bar=3'],
    ['no member', ' , '],
    ['nothing', ''],
  ])('does not carry a state with %s, and keeps the trace', (_name, tracestate) => {
    const traceparent = `00-${ID}-${SPAN}-01`
    expect(added({ traceparent, tracestate }, false)).toEqual({ traceparent })
  })
})
