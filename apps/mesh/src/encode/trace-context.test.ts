import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type http from 'node:http'
import { host, route, snapshot, workload } from './testing/model.ts'
import { World } from './testing/world.ts'

const ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const SHORT = 'a2fb4a1d1a96d312'
const PADDED = `0000000000000000${SHORT}`
const ZERO_ID = '0'.repeat(32)
const STATE = Array.from({ length: 40 }, (_, index) => `vendor${index}=aaaaaaaa`).join(',')

const members = (count: number) => Array.from({ length: count }, (_, index) => `bar${String(index + 1).padStart(2, '0')}=${index}`).join(',')
/** What a value may have, from the blank to the tilde. */
const VALUE_SIGNS = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index))
  .filter((sign) => sign !== ',' && sign !== '=')
  .join('')

let world: World
const one = workload('one')

beforeAll(async () => {
  const tracing = { collector: { protocol: 'http/protobuf', host: '127.0.0.1', port: 9, path: '' }, samplingPercent: 50 } as const
  world = await World.start(
    snapshot([one], [host('one', [route(one.key)])]),
    async (made) => {
      await made.addReplica(one.key)
    },
    { telemetry: { tracing, accessLog: { format: 'json', only: 'all' } } },
  )
})
afterAll(() => world.stop())

async function arrived(headers: http.OutgoingHttpHeaders): Promise<Readonly<Record<string, string | undefined>>> {
  const answer = await world.get('/function/one', { headers })
  expect(answer.status).toBe(200)
  return answer.json().headers
}

const parts = (traceparent = '') => /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/.exec(traceparent)?.slice(1) ?? []

describe('W3C Trace Context at the gateway', () => {
  it.each<[string, http.OutgoingHttpHeaders]>([
    ['a plain one', { traceparent: `00-${ID}-${SPAN}-01` }],
    ['an unknown flag beside "sampled"', { traceparent: `00-${ID}-${SPAN}-ff` }],
    ['a version to come', { traceparent: `cc-${ID}-${SPAN}-01` }],
    ['a version to come with more fields', { traceparent: `cc-${ID}-${SPAN}-01-what-the-future-will-be-like` }],
    ['a version to come with a hyphen at its end', { traceparent: `cc-${ID}-${SPAN}-01-` }],
    ['another case of the name', { TraceParent: `00-${ID}-${SPAN}-01` }],
  ])('goes on with %s', async (_name, headers) => {
    const [id, span, flags] = parts((await arrived(headers))['traceparent'])
    expect([id, flags]).toEqual([ID, '01'])
    expect(span).not.toBe(SPAN)
  })

  it.each<[string, http.OutgoingHttpHeaders]>([
    ['none', {}],
    ['no hyphens', { traceparent: `00${ID}${SPAN}01` }],
    ['version ff', { traceparent: `ff-${ID}-${SPAN}-01` }],
    ['more than version 00 has', { traceparent: `00-${ID}-${SPAN}-01-what-the-future-will-be-like` }],
    ['a hyphen at the end of version 00', { traceparent: `00-${ID}-${SPAN}-01-` }],
    ['a version to come without a hyphen before more', { traceparent: `cc-${ID}-${SPAN}-01.what` }],
    ['two of them', { traceparent: [`00-${ID}-${SPAN}-01`, `00-${ID}-${SPAN}-01`] }],
    ['two of a version to come', { traceparent: [`cc-${ID}-${SPAN}-01`, `cc-${ID}-${SPAN}-01`] }],
    ['an id of zeroes', { traceparent: `00-${ZERO_ID}-${SPAN}-01` }],
    ['a parent of zeroes', { traceparent: `00-${ID}-0000000000000000-01` }],
    ['upper case', { traceparent: `00-${ID.toUpperCase()}-${SPAN}-01` }],
    ['an id that is too long', { traceparent: `00-${ID}0-${SPAN}-01` }],
    ['an id that is too short', { traceparent: `00-${ID.slice(1)}-${SPAN}-01` }],
    ['a parent that is too long', { traceparent: `00-${ID}-${SPAN}0-01` }],
    ['a parent that is too short', { traceparent: `00-${ID}-${SPAN.slice(1)}-01` }],
    ['flags of one digit', { traceparent: `00-${ID}-${SPAN}-1` }],
    ['flags that are no digits', { traceparent: `00-${ID}-${SPAN}-.0` }],
    ['a version of one digit', { traceparent: `0-${ID}-${SPAN}-01` }],
    ['a version that is no digits', { traceparent: `.0-${ID}-${SPAN}-01` }],
    ['letters that are not hexadecimal', { traceparent: `00-${ID.replace('a', 'g')}-${SPAN}-01` }],
    ['an empty one', { traceparent: '' }],
    ['a tracestate alone', { tracestate: 'foo=1' }],
  ])('begins a new trace after %s, without the old state', async (_name, headers) => {
    const seen = await arrived({ ...headers, tracestate: 'foo=1' })
    const [id, span] = parts(seen['traceparent'])
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect([ID, ZERO_ID]).not.toContain(id)
    expect(span).not.toBe(SPAN)
    expect(seen).not.toHaveProperty('tracestate')
  })

  it.each<[string, string | string[] | undefined, string]>([
    ['keeps one list', 'foo=1,bar=2', 'foo=1,bar=2'],
    ['joins several headers in their order', ['foo=1', 'bar=2'], 'foo=1,bar=2'],
    ['keeps 512 characters', STATE.slice(0, 512), STATE.slice(0, 512)],
    ['drops more than that', `${STATE},more=1`, ''],
    ['keeps none where there is none', undefined, ''],
    ['keeps blanks between members', 'foo=1 \t , \t bar=2, \t baz=3', 'foo=1 \t , \t bar=2, \t baz=3'],
    ['keeps an empty member', ['foo=1', ''], 'foo=1,'],
    ['keeps what stands behind an empty member', ['', 'foo=1'], ',foo=1'],
    ['keeps a key twice', 'foo=1,foo=2', 'foo=1,foo=2'],
    ['joins three headers with several members', ['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'], 'foo=1,bar=2,rojo=1,congo=2,baz=3'],
    ['keeps all signs of keys', 'abcdefghijklmnopqrstuvwxyz0123456789_-*/=1', 'abcdefghijklmnopqrstuvwxyz0123456789_-*/=1'],
    ['keeps all signs of tenants', '0a_-*/b@v0_-*/=1', '0a_-*/b@v0_-*/=1'],
    ['keeps all signs of values', `foo=${VALUE_SIGNS}`, `foo=${VALUE_SIGNS}`],
    ['keeps the longest key', `${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    ['keeps the longest tenant and system', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`, `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    ['keeps the longest value', `foo=${'x'.repeat(256)}`, `foo=${'x'.repeat(256)}`],
    ['keeps 32 members', members(32), members(32)],
    ['drops 33 members', members(33), ''],
    ['drops 33 members in two headers', [members(16), members(33).slice(members(16).length + 1)], ''],
    ['drops a key that is too long', `${'z'.repeat(257)}=1`, ''],
    ['drops a later key that is too long', `foo=1,${'z'.repeat(257)}=1`, ''],
    ['drops a tenant that is too long', `foo=1,${'t'.repeat(242)}@v=1`, ''],
    ['drops a system that is too long', `foo=1,t@${'v'.repeat(15)}=1`, ''],
    ['drops a blank in a key', 'foo =1', ''],
    ['drops capitals in a key', 'FOO=1', ''],
    ['drops capitals in a later key', 'foo=1,bAr=1', ''],
    ['drops a dot in a key', 'foo.bar=1', ''],
    ['drops a tenant without a system', 'foo@=1,bar=2', ''],
    ['drops a system without a tenant', '@foo=1,bar=2', ''],
    ['drops two signs of a tenant', 'foo@@bar=1,bar=2', ''],
    ['drops two tenants', 'foo@bar@baz=1,bar=2', ''],
    ['drops a value with an equals sign', 'foo=bar=baz', ''],
    ['drops an empty value', 'foo=,bar=3', ''],
    ['drops an empty key', '=1,bar=3', ''],
    ['drops a member that is none', 'foo=1,bar', ''],
    ['drops what is not printable', 'foo=\u00e9', ''],
  ])('%s of tracestate', async (_name, tracestate, expected) => {
    const seen = await arrived({ traceparent: `00-${ID}-${SPAN}-01`, ...(tracestate === undefined ? {} : { tracestate }) })
    expect(parts(seen['traceparent'])[0]).toBe(ID)
    expect(seen['tracestate']).toBe(expected === '' ? undefined : expected)
  })

  it('keeps the decision of a parent that is not sampled', async () => {
    expect(parts((await arrived({ traceparent: `00-${ID}-${SPAN}-00` }))['traceparent'])[2]).toBe('00')
  })

  it('lets nobody speak by the headers that it works with, and keeps the baggage', async () => {
    const forged = { 'x-weft-trace': '1', 'x-weft-trace-1': `00-${ID}-${SPAN}-01`, 'x-weft-trace-2': `00-${ID}-${SPAN}-01`, 'x-weft-trace-flags': '01' }
    const seen = await arrived({ ...forged, b3: 'junk', baggage: 'user=jason;p=1,plan=gold' })
    expect(parts(seen['traceparent'])[0]).not.toBe(ID)
    expect(seen['baggage']).toBe('user=jason;p=1,plan=gold')
    expect(Object.keys(seen).filter((name) => name.startsWith('x-weft-trace-'))).toEqual([])
    expect(seen['x-weft-trace']).toMatch(/^\d{16}$/)
  })
})

describe('B3 at the gateway', () => {
  it.each<[string, http.OutgoingHttpHeaders, string, string | undefined]>([
    ['a single header', { b3: `${ID}-${SPAN}-1` }, ID, '01'],
    ['a single header with a parent', { b3: `${ID}-${SPAN}-1-05e3ac9a4f6e3b90` }, ID, '01'],
    ['a single header for debugging', { b3: `${ID}-${SPAN}-d` }, ID, '01'],
    ['a single header that is not sampled', { b3: `${ID}-${SPAN}-0` }, ID, '00'],
    ['a single header with an id of 64 bits', { b3: `${SHORT}-${SPAN}-1` }, PADDED, '01'],
    ['a single header without a decision, by its id', { b3: `${ID}-${SPAN}` }, ID, '01'],
    ['a single header without a decision, by another id', { b3: `f${ID.slice(1)}-${SPAN}` }, `f${ID.slice(1)}`, '00'],
    ['several headers', { 'x-b3-traceid': ID, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' }, ID, '01'],
    ['several headers with an id of 64 bits', { 'x-b3-traceid': SHORT, 'x-b3-spanid': SPAN, 'x-b3-sampled': 'true' }, PADDED, '01'],
    ['several headers that are not sampled', { 'x-b3-traceid': ID, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0' }, ID, '00'],
    ['several headers for debugging', { 'x-b3-traceid': ID, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' }, ID, '01'],
    ['several headers without a decision', { 'x-b3-traceid': ID, 'x-b3-spanid': SPAN }, ID, '01'],
    ['W3C beside B3', { traceparent: `00-${ID}-${SPAN}-01`, b3: `${SHORT}-${SPAN}-0` }, ID, '01'],
    ['B3 after a malformed W3C', { traceparent: 'junk', b3: `${ID}-${SPAN}-1` }, ID, '01'],
  ])('goes on with %s', async (_name, headers, id, flags) => {
    const found = parts((await arrived(headers))['traceparent'])
    expect([found[0], found[2]]).toEqual([id, flags])
    expect(found[1]).not.toBe(SPAN)
  })

  it.each<[string, http.OutgoingHttpHeaders]>([
    ['letters', { b3: 'not-a-trace' }],
    ['zeroes', { b3: `${ZERO_ID}-${SPAN}-1` }],
    ['upper case', { b3: `${ID.toUpperCase()}-${SPAN}-1` }],
    ['an id of a wrong length', { b3: `${ID.slice(2)}-${SPAN}-1` }],
    ['an id without a span', { 'x-b3-traceid': ID }],
    ['an id that is too long', { 'x-b3-traceid': `${ID}00`, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' }],
    ['a span that is too long', { 'x-b3-traceid': ID, 'x-b3-spanid': `${SPAN}00`, 'x-b3-sampled': '1' }],
    ['a decision alone', { b3: '1' }],
  ])('begins a new trace after %s', async (_name, headers) => {
    const [id] = parts((await arrived(headers))['traceparent'])
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(id?.startsWith(ID.slice(0, 12))).toBe(false)
  })
})
