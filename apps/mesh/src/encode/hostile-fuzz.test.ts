import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { attack, exchange, head, isForbidden, statuses } from './testing/attack.ts'
import { askInFrames, type Field } from './testing/frames.ts'
import { startWays, type Way, type Ways } from './testing/ways.ts'

const SEED = Number(process.env['WEFT_SEED'] ?? Date.now() % 1_000_000)
/** Of each protocol, on each way. */
const REQUESTS = 60

/** Good for the most part: what is bad in more than one way does not get far. */
const mostly = <T>(good: T, odd: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.oneof({ weight: 5, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: odd })

const END = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\r\n ', ' \r\n', '')
const METHOD = fc.constantFrom(
  'GET',
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'delete',
  'HEAD',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'GET /secret HTTP/1.1\r\nHost: x\r\n\r\nGET',
  'G\0T',
  '',
)
const PIECE = fc.constantFrom(
  '/',
  '//',
  '/.',
  '/..',
  '/secret',
  'secret',
  '%2f',
  '%5c',
  '\\',
  '%2e%2e',
  '%73ecret',
  '%00',
  '#',
  '?',
  ';',
  '*',
  '\xff',
  '%',
  '/a',
  ' ',
  '\t',
)
const PATH = fc.array(PIECE, { maxLength: 6 }).map((pieces) => pieces.join(''))
const VERSION = fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', 'http/1.1', '')
const NAME = fc.constantFrom(
  'X-Role',
  'x-role ',
  'X_Role',
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Upgrade',
  'TE',
  'Expect',
  'X-Weft-Client',
  'X-Weft-Scope',
  'X-Forwarded-Client-Cert',
  'X-Envoy-Original-Path',
  'Trailer',
  '',
  'x\0',
  ':path',
  'x-a: b\r\nx-role',
)
const VALUE = fc.oneof(
  fc.constantFrom(
    'guest',
    ' guest ',
    '\tguest',
    'a',
    '0',
    '3',
    '-1',
    '+3',
    '1, 1',
    '0x3',
    'chunked',
    'chunked, identity',
    '\x0bchunked',
    'close',
    'upgrade',
    'websocket',
    'trailers',
    '100-continue',
    'x-role, host',
    '/secret',
    'URI=evil',
    'a\0b',
    'a\rb',
    '\xff\xfe',
  ),
  fc.integer({ min: 1, max: 80_000 }).map((length) => 'x'.repeat(length)),
)
const BODY = fc.array(
  fc.constantFrom('0\r\n\r\n', '3\r\nabc\r\n', '3;a=b\r\nabc\r\n', 'zz\r\n', '-1\r\n', 'fffffffffffffffff\r\n', '3\nabc\n', 'abc', 'INNER', '\r\n', '\0'),
  { maxLength: 5 },
)

interface Written {
  readonly method: string
  readonly path: string
  readonly target: 'origin' | 'absolute' | 'elsewhere' | 'authority'
  readonly version: string
  readonly host: 'own' | 'none' | 'other' | 'two' | 'odd'
  readonly headers: readonly (readonly [name: string, value: string, end: string])[]
  readonly end: string
  readonly body: readonly string[]
}

const line: fc.Arbitrary<Written> = fc.record({
  method: mostly('GET', METHOD),
  path: mostly('/a', PATH),
  target: mostly<Written['target']>('origin', fc.constantFrom('absolute', 'elsewhere', 'authority')),
  version: mostly('HTTP/1.1', VERSION),
  host: mostly<Written['host']>('own', fc.constantFrom('none', 'other', 'two', 'odd')),
  headers: fc.array(fc.tuple(NAME, VALUE, mostly('\r\n', END)), { maxLength: 2 }),
  end: mostly('\r\n', END),
  body: mostly<readonly string[]>([], BODY),
})

const inner = (way: Way) => `${head(way, 'GET', '/secret')}\r\n`

function hostLines(way: Way, host: Written['host']): string {
  switch (host) {
    case 'own':
      return `Host: ${way.host}\r\n`
    case 'none':
      return ''
    case 'other':
      return 'Host: other\r\n'
    case 'two':
      return `Host: ${way.host}\r\nHost: other\r\n`
    case 'odd':
      return `Host: a@${way.host}:99999/secret\r\n`
    default:
      return host satisfies never
  }
}

function bytesOf(way: Way, { method, path, target, version, host, headers, end, body }: Written): string {
  const own = way.prefix + (path.startsWith('/') ? path : `/${path}`)
  const targets = { origin: own, absolute: `http://${way.host}${own}`, elsewhere: `http://127.0.0.1${own}`, authority: `${way.host}:80` }
  const lines = headers.map(([name, value, lineEnd]) => `${name}: ${value}${lineEnd}`).join('')
  const content = body.map((piece) => (piece === 'INNER' ? inner(way) : piece)).join('')
  return `${method} ${targets[target]} ${version}\r\n${hostLines(way, host)}${way.headers}${lines}${end}${content}`
}

const PSEUDO = fc.constantFrom(':method', ':path', ':authority', ':scheme', ':protocol', ':status', ':smuggled')
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.tuple(
    NAME.map((name) => name.toLowerCase()),
    VALUE,
  ),
  fc.tuple(NAME, VALUE),
  fc.tuple(PSEUDO, fc.oneof(METHOD, PATH, VALUE)),
)
const framed = fc.record({
  method: mostly('GET', METHOD),
  path: mostly('/a', PATH),
  authority: mostly('own', fc.constantFrom('other', 'a@own', 'own,other', '', 'own\r\nx: y')),
  more: fc.array(field, { maxLength: 2 }),
  first: mostly(false, fc.constant(true)),
  data: mostly<string | undefined>(undefined, fc.constantFrom('abc', 'INNER', '')),
  trailers: mostly<readonly Field[] | undefined>(undefined, fc.array(field, { minLength: 1, maxLength: 2 })),
})

const numbered = <T>(arbitrary: fc.Arbitrary<T>, salt: number) =>
  fc.sample(arbitrary, { numRuns: REQUESTS, seed: SEED + salt }).map((one, index): readonly [string, T] => [`${index}`, one])

describe.each(['encrypted', 'direct'] as const)(`whatever comes to the listeners on the %s path (WEFT_SEED=${SEED})`, (path) => {
  let ways: Ways
  beforeAll(async () => {
    ways = await startWays(path)
  }, 30_000)
  afterAll(() => ways?.stop())

  /** Of the header by which requests are told apart nothing is left when they are written badly, so all that functions saw is looked at. */
  const unguarded = () => ways.seen.filter((seen) => isForbidden(seen) && seen.headers['x-weft-workload'] === undefined)
  const callers = () => ({ seen: ways.seen, all: ways.all.filter(({ from }) => from !== 'proxy') })
  const forged = () => ways.seen.filter(({ headers }) => /evil/.test(JSON.stringify(headers['x-forwarded-client-cert'] ?? '')))

  it('by HTTP/1.1 is answered or cut off, and nothing gets through that policy forbids', async () => {
    await attack(callers(), numbered(line, 1), async (way, [, one]) => exchange(await way.open('http/1.1'), bytesOf(way, one), { patienceMs: 500 }))
    expect([unguarded(), forged()]).toEqual([[], []])
  }, 120_000)

  it('by HTTP/2 is answered or cut off, and nothing gets through that policy forbids', async () => {
    await attack(callers(), numbered(framed, 2), async (way, [, { method, path: asked, authority, more, first, data, trailers }]) => {
      const own: readonly Field[] = [
        [':method', method],
        [':scheme', 'http'],
        [':authority', authority.replace('own', way.host)],
        [':path', way.prefix + asked],
      ]
      const sent = { fields: first ? [...more, ...own] : [...own, ...more], ...(trailers === undefined ? {} : { trailers }) }
      return askInFrames(await way.open('h2'), data === undefined ? sent : { ...sent, data: data === 'INNER' ? inner(way) : data })
    })
    expect([unguarded(), forged()]).toEqual([[], []])
  }, 120_000)

  it('leaves the proxy as it was, the same process, with every way open', async () => {
    // Some of it was good.
    expect(ways.seen.length).toBeGreaterThan(REQUESTS)
    const answers = await attack(ways, [['afterwards'] as const], async (way) => exchange(await way.open('http/1.1'), `${head(way)}\r\n`))
    expect(answers.get('afterwards')?.map(({ way, result }) => [way.name, statuses(result)])).toEqual(ways.all.map(({ name }) => [name, [200]]))
    expect(ways.world.envoy.log()).not.toMatch(/assert failure|Caught|panic|critical/i)
  })
})
