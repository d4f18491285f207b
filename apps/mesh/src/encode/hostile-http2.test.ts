import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { attack, forbidden, isForbidden, type Attempt } from './testing/attack.ts'
import { askInFrames, type Became, type Field, type WrittenRequest } from './testing/frames.ts'
import { FORBIDDEN_PATH, startWays, type Way, type Ways } from './testing/ways.ts'

type Pseudo = Partial<Record<':method' | ':scheme' | ':authority' | ':path' | ':protocol', string>>

/** Header fields of a good request, but for some of its pseudo-headers; `without` leaves one out. */
function fields(way: Way, own: Pseudo = {}, without?: keyof Pseudo): Field[] {
  const all: Pseudo = { ':method': 'GET', ':scheme': 'http', ':authority': way.host, ':path': `${way.prefix}/`, ...own }
  const lines = way.headers.split('\r\n').filter((line) => line !== '')
  const more = lines.map((line): Field => [line.split(': ')[0]?.toLowerCase() ?? '', line.slice(line.indexOf(': ') + 2)])
  return [...Object.entries(all).filter(([name]) => name !== without), ...more]
}

type Case = readonly [name: string, request: (way: Way) => WrittenRequest]

const posted =
  (...more: readonly Field[]) =>
  (way: Way) => ({ fields: [...fields(way, { ':method': 'POST' }), ...more], data: forbidden(way) })
const having =
  (...more: readonly Field[]) =>
  (way: Way) => ({ fields: [...fields(way), ...more] })
const asking = (own: (way: Way) => Pseudo) => (way: Way) => ({ fields: fields(way, own(way)) })
const lacking = (name: keyof Pseudo) => (way: Way) => ({ fields: fields(way, {}, name) })
const split = (way: Way) => `${way.prefix}/ HTTP/1.1\r\nHost: ${way.host}\r\n\r\nGET ${way.prefix}${FORBIDDEN_PATH}`

/** What cannot be written as HTTP/1.1, or would be another request there. All of it ends the stream or the connection. */
const MALFORMED: readonly Case[] = [
  ['a length of nothing', posted(['content-length', '0'])],
  ['a length that is too large', posted(['content-length', '10000'])],
  ['a length without a body', having(['content-length', '10'])],
  ['two lengths', posted(['content-length', '3'], ['content-length', '3'])],
  ['a list of lengths', posted(['content-length', '3, 3'])],
  ['a length with a sign', posted(['content-length', '+3'])],
  ['chunks', posted(['transfer-encoding', 'chunked'])],
  ['line ends in a value', posted(['x-a', 'b\r\ntransfer-encoding: chunked'])],
  ['a line feed in a value', (way) => having(['x-a', `b\n\n${forbidden(way)}`])(way)],
  ['a carriage return in a value', having(['x-a', 'b\rc'])],
  ['NUL in a value', having(['x-a', 'b\0c'])],
  ['a control character in a value', having(['x-role', '\x0bguest'])],
  ['line ends in a name', having(['x-a: b\r\nx-role', 'guest'])],
  ['a colon in a name', having(['x-a: b', 'c'])],
  ['a blank in a name', having(['x a', 'b'])],
  ['capitals in a name', having(['X-A', 'b'])],
  ['an empty name', having(['', 'b'])],
  ['another request in the path', asking((way) => ({ ':path': split(way) }))],
  ['a blank in the path', asking((way) => ({ ':path': `${way.prefix}/a b` }))],
  ['another request in the method', asking((way) => ({ ':method': `GET ${way.prefix}${FORBIDDEN_PATH} HTTP/1.1\r\nHost: x\r\n\r\nGET` }))],
  ['a path in the method', asking(() => ({ ':method': `GET ${FORBIDDEN_PATH}` }))],
  ['an empty method', asking(() => ({ ':method': '' }))],
  ['line ends in the authority', asking((way) => ({ ':authority': `${way.host}\r\nx-role: guest` }))],
  ['a user in the authority', asking((way) => ({ ':authority': `a@${way.host}` }))],
  ['a path in the authority', asking((way) => ({ ':authority': `${way.host}/a` }))],
  ['an empty authority', asking(() => ({ ':authority': '' }))],
  ['an address in the scheme', asking(() => ({ ':scheme': 'http://x/ ' }))],
  ['an empty path', asking(() => ({ ':path': '' }))],
  ['a path without a slash', asking(() => ({ ':path': FORBIDDEN_PATH.slice(1) }))],
  ['an address as the path', asking((way) => ({ ':path': `http://${way.host}${way.prefix}${FORBIDDEN_PATH}` }))],
  ['two paths', (way) => having([':path', `${way.prefix}${FORBIDDEN_PATH}`])(way)],
  ['two methods', having([':method', 'DELETE'])],
  ['two authorities', having([':authority', 'other'])],
  ['a pseudo-header behind others', (way) => ({ fields: [...fields(way, {}, ':path'), [':path', `${way.prefix}/`]] })],
  ['a pseudo-header that nobody knows', (way) => ({ fields: [[':smuggled', 'a'], ...fields(way)] })],
  ['a status', (way) => ({ fields: [[':status', '200'], ...fields(way)] })],
  ['a protocol without CONNECT', (way) => ({ fields: [[':protocol', 'websocket'], ...fields(way)] })],
  ['CONNECT with a path', asking(() => ({ ':method': 'CONNECT', ':authority': 'cache:6379', ':path': FORBIDDEN_PATH }))],
  ['no method', lacking(':method')],
  ['no scheme', lacking(':scheme')],
  ['no authority', lacking(':authority')],
  ['no path', lacking(':path')],
  ['two hosts', (way) => having(['host', way.host], ['host', 'other'])(way)],
  ['Connection', having(['connection', 'x-role'])],
  ['Keep-Alive', having(['keep-alive', 'a'])],
  ['Proxy-Connection', having(['proxy-connection', 'a'])],
  ['Upgrade', having(['upgrade', 'websocket'])],
  ['a coding that it would take', having(['te', 'gzip'])],
  ['too many headers', (way) => ({ fields: [...fields(way), ...Array.from({ length: 150 }, (_, index): Field => [`x-${index}`, 'a'])] })],
  ['pseudo-headers in trailers', (way) => ({ ...posted()(way), trailers: [[':path', FORBIDDEN_PATH]] })],
  [
    'a length in trailers',
    (way) => ({
      ...posted()(way),
      trailers: [
        ['content-length', '3'],
        ['transfer-encoding', 'chunked'],
      ],
    }),
  ],
  ['line ends in trailers', (way) => ({ ...posted()(way), trailers: [['x-a', 'b\r\nc: d']] })],
]

const role = (...values: readonly string[]) => having(...values.map((value): Field => ['x-role', value]))

/** What policy forbids, in every spelling that HTTP/2 has for it. */
const FORBIDDEN: readonly Case[] = [
  ['its own path', asking((way) => ({ ':path': `${way.prefix}${FORBIDDEN_PATH}` }))],
  ['the method', asking(() => ({ ':method': 'DELETE' }))],
  ['a WebSocket', asking((way) => ({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': `${way.prefix}${FORBIDDEN_PATH}` }))],
  ['a value', role('guest')],
  ['the second of two values', role('a', 'guest')],
  ['the first of two values', role('guest', 'a')],
  // Whoever gets it by HTTP/1.1 takes the blanks off, so that the function would see what the rule is about.
  ['a value behind a blank', role(' guest')],
  ['a value before a blank', role('guest ')],
  ['a value between tabs', role('\tguest\t')],
  ['a second value behind a blank', role('a', ' guest')],
]

describe.each(['encrypted', 'direct'] as const)('a hostile client of HTTP/2 at every listener, on the %s path', (path) => {
  let ways: Ways
  const send = async (way: Way, [, request]: Case) => askInFrames(await way.open('h2'), request(way))
  beforeAll(async () => {
    ways = await startWays(path)
  }, 30_000)
  afterAll(() => ways?.stop())

  it('finds functions there, whatever the host header beside the authority says', async () => {
    const good: readonly Case[] = [
      ['a call', having()],
      [
        'a body and trailers',
        (way) => ({
          ...posted()(way),
          trailers: [
            ['x-role', 'guest'],
            ['x-forwarded-client-cert', 'URI=evil'],
          ],
        }),
      ],
      ['another host', having(['host', 'other'])],
    ]
    for (const [name, attempts] of await attack(ways, good, send)) {
      expect([name, ...attempts.map(({ result }) => result)]).toEqual([name, ...ways.all.map(() => 200)])
      for (const { seen } of attempts) {
        expect(seen).toHaveLength(1)
        expect(JSON.stringify(seen[0]?.headers)).not.toMatch(/evil|guest|"(?:host|:authority)":"other"/)
      }
    }
  })

  it('is refused for a protocol that nobody knows, and no function sees it', async () => {
    const attempts = await attack(ways, [['a protocol that nobody knows', asking(() => ({ ':method': 'CONNECT', ':protocol': 'smuggled' }))]], send)
    const shown = [...attempts.values()].flat().map(({ way, result, seen }) => [way.name, result, seen])
    expect(shown).toEqual(ways.all.map(({ name }) => [name, 403, []]))
  })

  describe('is cut off with', () => {
    let answers: ReadonlyMap<string, readonly Attempt<Became>[]>
    beforeAll(async () => {
      answers = await attack(ways, MALFORMED, send)
    }, 60_000)

    it.each(MALFORMED)('%s', (name) => {
      // Where the head is good and the body is not, the function saw a call that broke off.
      const strange = (answers.get(name) ?? []).filter(({ result, seen }) => typeof result === 'number' || seen.length > 1 || seen.some(isForbidden))
      expect(answers.get(name)).toHaveLength(ways.all.length)
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })

  describe('is refused by policy for', () => {
    let answers: ReadonlyMap<string, readonly Attempt<Became>[]>
    beforeAll(async () => {
      answers = await attack(ways, FORBIDDEN, send)
    }, 60_000)

    it.each(FORBIDDEN)('%s', (name) => {
      const strange = (answers.get(name) ?? []).filter(({ way, result, seen }) => way.from !== 'proxy' && (result !== 403 || seen.length > 0))
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })
})
