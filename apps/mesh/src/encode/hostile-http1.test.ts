import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { attack, exchange, forbidden, head, isForbidden, statuses, type Attempt } from './testing/attack.ts'
import { FORBIDDEN_PATH, startWays, type Way, type Ways } from './testing/ways.ts'

const CHUNKED = 'Transfer-Encoding: chunked'
const post = (headers: string, body: (way: Way) => string) => (way: Way) => `${head(way, 'POST')}${headers}\r\n\r\n${body(way)}`
const lastChunk = (way: Way) => `0\r\n\r\n${forbidden(way)}`

type Case = readonly [name: string, text: (way: Way) => string]

/** Requests that two readers could read in two ways; behind each hides one that nobody may make. All are refused, and nothing of them arrives. */
const AMBIGUOUS: readonly Case[] = [
  ['a length and chunks', post(`Content-Length: 5\r\n${CHUNKED}`, lastChunk)],
  ['chunks and a length', (way) => post(`${CHUNKED}\r\nContent-Length: ${forbidden(way).length + 5}`, lastChunk)(way)],
  ['a coding that nobody knows', post('Transfer-Encoding: xchunked', lastChunk)],
  ['a coding behind a control character', post('Transfer-Encoding: \x0bchunked', lastChunk)],
  ['a coding behind chunks', post(`${CHUNKED}, identity`, lastChunk)],
  ['two codings', post(`${CHUNKED}\r\nTransfer-Encoding: identity`, lastChunk)],
  ['chunks twice', post(`${CHUNKED}, chunked`, lastChunk)],
  ['two lengths that differ', (way) => post(`Content-Length: 0\r\nContent-Length: ${forbidden(way).length}`, forbidden)(way)],
  ['a list of lengths', (way) => post(`Content-Length: 0, ${forbidden(way).length}`, forbidden)(way)],
  ['a length with a sign', post('Content-Length: +0', forbidden)],
  ['a negative length', post('Content-Length: -1', forbidden)],
  ['a length in hexadecimal', post('Content-Length: 0x0', forbidden)],
  ['a length with a blank in it', post('Content-Length: 1 0', forbidden)],
  ['a length beyond 64 bits', post('Content-Length: 99999999999999999999999', forbidden)],
  ['an empty length', post('Content-Length: ', forbidden)],
  ['a space before the colon', post('Content-Length : 0', forbidden)],
  ['a coding with a space before the colon', post('Transfer-Encoding : chunked', lastChunk)],
  ['a header without a name', post(': b', forbidden)],
  ['a line that is no header', post('smuggled', forbidden)],
  ['a name with NUL', post('X\0A: b', forbidden)],
  ['a value with NUL', post('X-A: a\0b', forbidden)],
  ['a value with a control character', post('X-Role:\x0bguest', forbidden)],
  ['a fold in front of all headers', (way) => `GET ${way.prefix}/ HTTP/1.1\r\n X-A: b\r\nHost: ${way.host}\r\n${way.headers}\r\n${forbidden(way)}`],
  ['a chunk with a bad size', post(CHUNKED, (way) => `zz\r\n${forbidden(way)}`)],
  ['a chunk with a signed size', post(CHUNKED, (way) => `-1\r\n${forbidden(way)}`)],
  ['a chunk size beyond 64 bits', post(CHUNKED, (way) => `ffffffffffffffffff\r\n${forbidden(way)}`)],
  ['a chunk that is longer than its size', post(CHUNKED, (way) => `3\r\nabcdef\r\n0\r\n\r\n${forbidden(way)}`)],
  ['a bare line feed behind a chunk size', post(CHUNKED, (way) => `1;a\nb\r\nx\r\n0\r\n\r\n${forbidden(way)}`)],
  ['a carriage return in a chunk extension', post(CHUNKED, (way) => `1;a\rb\r\nx\r\n0\r\n\r\n${forbidden(way)}`)],
  ['a version that does not exist', (way) => `${head(way).replace('HTTP/1.1', 'HTTP/9.9')}\r\n${forbidden(way)}`],
  ['the version before', (way) => `${head(way, 'POST').replace('HTTP/1.1', 'HTTP/1.0')}${CHUNKED}\r\n\r\n${lastChunk(way)}`],
  ['no version', (way) => `GET ${way.prefix}/\r\n\r\n${forbidden(way)}`],
  ['a space in the path', (way) => `${head(way, 'GET', '/a b')}\r\n${forbidden(way)}`],
  ['a method in small letters', (way) => `${head(way, 'delete')}\r\n${forbidden(way)}`],
  ['a method that nobody knows', (way) => `${head(way, 'SMUGGLE')}\r\n${forbidden(way)}`],
  ['no Host', (way) => `GET ${way.prefix}/ HTTP/1.1\r\n${way.headers}\r\n${forbidden(way)}`],
  ['a host with a control character', (way) => `${head(way, 'GET', '/', `${way.host}\tother`)}\r\n${forbidden(way)}`],
  ['a host with a fragment', (way) => `${head(way, 'GET', '/', `${way.host}#x`)}\r\n${forbidden(way)}`],
  ['an address of another scheme', (way) => `GET ftp://${way.host}${way.prefix}/ HTTP/1.1\r\nHost: ${way.host}\r\n${way.headers}\r\n${forbidden(way)}`],
  ['a header of the connection that is not for it', (way) => `${head(way)}Connection: host, x-weft-client\r\n\r\n${forbidden(way)}`],
  ['CONNECT to a path', (way) => `CONNECT / HTTP/1.1\r\nHost: ${way.host}\r\n${way.headers}\r\n${forbidden(way)}`],
  ['CONNECT with a length', (way) => `CONNECT cache:6379 HTTP/1.1\r\nHost: cache:6379\r\n${way.headers}Content-Length: 3\r\n\r\nabc${forbidden(way)}`],
  ['CONNECT with chunks', (way) => `CONNECT cache:6379 HTTP/1.1\r\nHost: cache:6379\r\n${way.headers}${CHUNKED}\r\n\r\n3\r\nabc\r\n${lastChunk(way)}`],
  ['no HTTP at all', (way) => `hello there\r\n\r\n${forbidden(way)}`],
]

const value =
  (name: string, expected: string | undefined) =>
  ({ headers }: Attempt<unknown>['seen'][number]) => {
    expect(headers[name]).toBe(expected)
  }

/** What may be read in one way only: it arrives as that, once, and as nothing else. What the proxy passes on is written anew, never the client's bytes. */
const NORMALISED: readonly (readonly [...Case, check: (seen: Attempt<unknown>['seen'][number]) => void])[] = [
  ['a folded header', (way) => `${head(way)}X-A: b\r\n ${CHUNKED}\r\n\r\n`, value('x-a', `b ${CHUNKED}`)],
  ['a carriage return alone', (way) => `${head(way)}X-A: b\r${CHUNKED}\r\n\r\n`, value('x-a', `b${CHUNKED}`)],
  ['lines that end with a line feed only', (way) => `${head(way)}X-A: b\r\n\r\n`.replaceAll('\r\n', '\n'), value('x-a', 'b')],
  ['empty lines in front', (way) => `\r\n\r\n${head(way)}X-A: b\r\n\r\n`, value('x-a', 'b')],
  [
    'chunks with extensions, and trailers that say who calls',
    post(CHUNKED, () => `5;ext="a"\r\nhello\r\n0\r\nX-Role: guest\r\nX-Forwarded-Client-Cert: evil\r\nX-Weft-Client: 6.6.6.6\r\nHost: evil\r\n\r\n`),
    ({ body, headers }) => expect([body, JSON.stringify(headers)]).toEqual(['hello', expect.not.stringMatching(/evil|guest|6\.6\.6\.6/)]),
  ],
  [
    'a request in the body of one that waits',
    (way) => post(`Expect: 100-continue\r\nContent-Length: ${forbidden(way).length}`, forbidden)(way),
    ({ body }) => expect(body).toMatch(/^GET .*secret HTTP/),
  ],
  ['headers of the connection', (way) => `${head(way)}X-A: b\r\nConnection: x-a, keep-alive\r\n\r\n`, value('x-a', undefined)],
  ['codings that it would take', (way) => `${head(way)}TE: trailers, chunked\r\n\r\n`, value('te', 'trailers')],
]

/** What policy forbids, in every spelling that is read as that. */
const FORBIDDEN: readonly Case[] = [
  ['its own path', forbidden],
  ['another request behind it', (way) => `${head(way)}\r\n${forbidden(way)}`],
  ['an absolute address', (way) => `GET http://${way.host}${way.prefix}${FORBIDDEN_PATH} HTTP/1.1\r\nHost: other\r\n${way.headers}\r\n`],
  ['the method', (way) => `${head(way, 'DELETE')}\r\n`],
  ['a value', (way) => `${head(way)}X-Role: guest\r\n\r\n`],
  ['a value with blanks', (way) => `${head(way)}X-Role: \t guest \t\r\n\r\n`],
  ['a value that is folded', (way) => `${head(way)}X-Role:\r\n guest\r\n\r\n`],
  ['a value with a carriage return', (way) => `${head(way)}X-Role: gu\rest\r\n\r\n`],
  ['a value behind a line feed', (way) => `${head(way)}X-A: b\nX-Role: guest\r\n\r\n`],
  ['the second of two values', (way) => `${head(way)}X-Role: a\r\nX-Role: guest\r\n\r\n`],
  ['the first of two values', (way) => `${head(way)}X-Role: guest\r\nX-Role: a\r\n\r\n`],
]

const upgrade = (way: Way, to: string, more = '') =>
  `${head(way)}Connection: Upgrade\r\nUpgrade: ${to}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

/** Upgrades of a function that knows none and answers 200: no tunnel may come of it, at once or after the answer. */
const UPGRADES: readonly (readonly [name: string, text: (way: Way) => string, later: (way: Way) => string])[] = [
  ['a WebSocket', (way) => upgrade(way, 'websocket'), (way) => forbidden({ ...way, prefix: '' })],
  ['a WebSocket and more at once', (way) => upgrade(way, 'websocket') + forbidden({ ...way, prefix: '' }), () => ''],
  ['a WebSocket with chunks', (way) => `${upgrade(way, 'websocket', `${CHUNKED}\r\n`)}0\r\n\r\n${forbidden({ ...way, prefix: '' })}`, () => ''],
  ['HTTP/2', (way) => upgrade(way, 'h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__\r\n'), forbidden],
  ['TLS', (way) => upgrade(way, 'TLS/1.0'), (way) => forbidden({ ...way, prefix: '' })],
  ['UDP', (way) => upgrade(way, 'connect-udp'), (way) => forbidden({ ...way, prefix: '' })],
  ['a tunnel', (way) => upgrade(way, 'CONNECT'), (way) => forbidden({ ...way, prefix: '' })],
  ['two things', (way) => upgrade(way, 'websocket, h2c'), (way) => forbidden({ ...way, prefix: '' })],
]

describe.each(['encrypted', 'direct'] as const)('a hostile client of HTTP/1.1 at every listener, on the %s path', (path) => {
  let ways: Ways
  const send = async (way: Way, [, text]: readonly [string, (way: Way) => string, ...unknown[]]) => exchange(await way.open('http/1.1'), text(way))
  beforeAll(async () => {
    ways = await startWays(path)
  }, 30_000)
  afterAll(() => ways?.stop())

  it('finds functions there', async () => {
    expect(ways.world.plane.refused).toEqual([])
    const answers = await attack(ways, [['a call', (way: Way) => `${head(way)}\r\n`]] as const, send)
    expect(answers.get('a call')?.map(({ way, result, seen }) => [way.name, statuses(result), seen.length])).toEqual(
      ways.all.map(({ name }) => [name, [200], 1]),
    )
  })

  describe('is refused, and the connection closed, with', () => {
    let answers: Awaited<ReturnType<typeof attack<Case, string>>>
    beforeAll(async () => {
      answers = await attack(ways, AMBIGUOUS, send)
    }, 60_000)

    it.each(AMBIGUOUS)('%s', (name) => {
      // A function of HTTP/2 gets a head before its body is known to be bad: a call that broke off.
      const strange = (answers.get(name) ?? []).filter(({ result, seen }) => {
        const [status = 0, ...more] = statuses(result)
        return ![400, 403, 404, 426, 501].includes(status) || more.length > 0 || seen.some(({ by, body }) => by !== 'rpc' || body !== '')
      })
      expect(answers.get(name)).toHaveLength(ways.all.length)
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })

  describe('is read in one way only with', () => {
    let answers: Awaited<ReturnType<typeof attack<(typeof NORMALISED)[number], string>>>
    beforeAll(async () => {
      answers = await attack(ways, NORMALISED, send)
    }, 60_000)

    it.each(NORMALISED)('%s', (name, _text, check) => {
      for (const { way, result, seen } of answers.get(name) ?? []) {
        expect([way.name, statuses(result).filter((status) => status !== 100), seen.length]).toEqual([way.name, [200], 1])
        for (const one of seen) check(one)
      }
    })
  })

  describe('is refused by policy for', () => {
    let answers: Awaited<ReturnType<typeof attack<Case, string>>>
    beforeAll(async () => {
      answers = await attack(ways, FORBIDDEN, send)
    }, 60_000)

    it.each(FORBIDDEN)('%s', (name) => {
      const strange = (answers.get(name) ?? []).filter(
        ({ way, result, seen }) => way.from !== 'proxy' && (statuses(result).at(-1) !== 403 || seen.some(isForbidden)),
      )
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })

  describe('gets no tunnel by an upgrade to', () => {
    let answers: Awaited<ReturnType<typeof attack<(typeof UPGRADES)[number], string>>>
    beforeAll(async () => {
      answers = await attack(ways, UPGRADES, async (way, [, text, later]) => exchange(await way.open('http/1.1'), text(way), { later: later(way) }))
    }, 60_000)

    it.each(UPGRADES)('%s', (name) => {
      const strange = (answers.get(name) ?? []).filter(({ way, seen }) => way.from !== 'proxy' && (seen.length > 1 || seen.some(isForbidden)))
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })
})
