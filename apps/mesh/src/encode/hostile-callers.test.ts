import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { attack, exchange, forbidden, head, isForbidden, statuses, type Attempt } from './testing/attack.ts'
import { startWays, type Way, type Ways } from './testing/ways.ts'

/** Paths that some reader takes for the one that is forbidden. Escaped slashes are refused; what is left is one string for policy, routes and the function. */
const PATHS = [
  '/secret',
  '/secret/',
  '/secret/x',
  '/secret?x',
  '//secret',
  '///////secret',
  '/./secret',
  '/x/../secret',
  '/x/./../secret',
  '/../secret',
  '/../../secret',
  '/secret/.',
  '/secret/x/..',
  '/%73ecret',
  '/%53ecret/../secret',
  '/%2fsecret',
  '/%2Fsecret',
  '/x%2f..%2fsecret',
  '/x/..%2fsecret',
  '/x%5c..%5csecret',
  '/\\secret',
  '/x\\..\\secret',
  '/%2e/secret',
  '/x/%2e%2e/secret',
  '/x/.%2e/secret',
  '/%2e%2e%2fsecret',
  '/secret%2f',
  '/secret%00',
  '/secret%00/x',
  '/secret#/a',
  '/a#/../secret',
  '/secret/%2e',
].map((path) => [path] as const)

/** What a caller may not say, in the spellings that some readers take for the same. */
const FORGED = [
  'X-Forwarded-Client-Cert: By=evil;URI=spiffe://cluster.local/ns/weft-system/sa/prober',
  'x-forwarded-client-cert: URI=evil',
  'X-Weft-Scope: /function/evil',
  'X-Weft-Workload: default/evil-v1',
  'X-Weft-Cluster: evil',
  'X-Weft-Held: 9',
  'X-Weft-Retry: evil',
  'X-Weft-First: evil',
  'X-Weft-Path: /evil',
  'X-Weft-Client: 6.6.6.6',
  'X-Weft-Trace: evil',
  'X-Envoy-Original-Path: /evil',
  'X-Envoy-Original-Host: evil',
  'X-Envoy-Original-Dst-Host: 6.6.6.6:80',
  'X-Envoy-External-Address: 6.6.6.6',
  'X-Envoy-Internal: evil',
  'X-Envoy-Peer-Metadata: evil',
  'X-Envoy-Peer-Metadata-Id: evil',
  'X-Envoy-Decorator-Operation: evil',
  'X-Envoy-Upstream-Alt-Stat-Name: evil',
  'X-Envoy-Retry-On: evil',
  'X-Envoy-Max-Retries: 424242',
  'X-Envoy-Upstream-Rq-Timeout-Ms: 424242',
  'Client-Cert: :evil:',
  'Client-Cert-Chain: :evil:',
  'X-Client-Cert: evil',
]

const HOSTS: readonly (readonly [name: string, text: (way: Way) => string])[] = [
  ['two hosts', (way) => `${head(way)}Host: other\r\n\r\n`],
  ['one host twice', (way) => `${head(way)}Host: ${way.host}\r\n\r\n`],
  ['a list of hosts', (way) => `${head(way, 'GET', '/', `${way.host},other`)}\r\n`],
  ['a user', (way) => `${head(way, 'GET', '/', `a@${way.host}`)}\r\n`],
]

describe.each(['encrypted', 'direct'] as const)('a caller who is not who it should be, on the %s path', (path) => {
  let ways: Ways
  const send = async (way: Way, text: string) => exchange(await way.open('http/1.1'), text)
  /** The hold listener is behind policy, and only proxies can open its socket. */
  const before = <Result>(attempts: readonly Attempt<Result>[] = []) => attempts.filter(({ way }) => way.from !== 'proxy')
  beforeAll(async () => {
    ways = await startWays(path)
  }, 30_000)
  afterAll(() => ways?.stop())

  describe('reaches no path that policy forbids by writing', () => {
    let answers: ReadonlyMap<string, readonly Attempt<string>[]>
    beforeAll(async () => {
      answers = await attack(ways, PATHS, (way, [written]) => send(way, `${head(way, 'GET', written)}\r\n`))
    }, 60_000)

    it.each(PATHS)('%s', (written) => {
      const strange = before(answers.get(written)).filter(({ result, seen }) => ![400, 403, 404].includes(statuses(result)[0] ?? 0) || seen.length > 0)
      expect(answers.get(written)).toHaveLength(ways.all.length)
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })

  it('is believed nothing about who it is, where it stands and where its call goes', async () => {
    const answers = await attack(ways, [['forged'] as const], (way) => {
      // Inside of a tunnel this header asks whether a name is known, and is answered to whoever asks.
      const lines = way.name.startsWith('CONNECT') ? FORGED.filter((line) => !line.startsWith('X-Weft-First')) : FORGED
      return send(way, `${head(way)}${lines.join('\r\n')}\r\n\r\n`)
    })
    const shown = before(answers.get('forged')).map(({ way, result, seen }) => {
      const said = seen.map(({ headers: { 'x-call-id': _id, ...headers } }) => JSON.stringify(headers)).join()
      const uri = /URI=spiffe:\/\/cluster\.local\/ns\/([^"\\]+)/.exec(said)?.[1]
      return [way.name, statuses(result), seen.length, /evil|6\.6\.6\.6|"424242"|x-weft-|x-envoy-/.exec(said)?.[0], uri]
    })
    const identity = (way: Way) =>
      way.name.endsWith('plain text') || way.name.endsWith('egress gateway')
        ? undefined
        : way.from === 'outside'
          ? 'weft-system/sa/ingress'
          : 'default/sa/caller'
    expect(shown).toEqual(ways.all.filter(({ from }) => from !== 'proxy').map((way) => [way.name, [200], 1, undefined, identity(way)]))
  })

  describe('is refused with', () => {
    let answers: ReadonlyMap<string, readonly Attempt<string>[]>
    beforeAll(async () => {
      answers = await attack(ways, HOSTS, (way, [, text]) => send(way, text(way)))
    }, 60_000)

    it.each(HOSTS)('%s', (name) => {
      const strange = before(answers.get(name)).filter(({ result, seen }) => ![400, 404].includes(statuses(result)[0] ?? 0) || seen.length > 0)
      expect(strange.map(({ way, result, seen }) => [way.name, result, seen])).toEqual([])
    })
  })

  it('gets no tunnel to this machine, and none through a listener that carries calls', async () => {
    const reached: string[] = []
    const secret = createServer((socket) => {
      reached.push('this machine')
      socket.end('secret')
    })
    await new Promise<void>((resolve) => secret.listen(0, '127.0.0.1', resolve))
    const { port } = secret.address() as AddressInfo
    const places = [`127.0.0.1:${port}`, `localhost:${port}`, `[::ffff:127.0.0.1]:${port}`, `0.0.0.0:${port}`, '169.254.169.254:80', `echo:${port}`]
    const answers = await attack(
      ways,
      places.map((place) => [place] as const),
      (way, [place]) => send(way, `CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${way.headers}\r\n`),
    )
    const opened = [...answers.values()].flat().filter(({ result }) => (statuses(result)[0] ?? 0) < 400)
    // A name of the mesh is not looked up outside, and goes to the function's own policy.
    expect(opened.filter(({ way }) => !way.name.startsWith('an outbound listener')).map(({ way, result }) => [way.name, result])).toEqual([])
    expect(reached).toEqual([])
    await new Promise((resolve) => secret.close(resolve))
  })

  it('wakes nothing that it may not call', async () => {
    const woken: string[] = []
    ways.world.wake = async (workload) => {
      woken.push(workload)
      return 503
    }
    const asleep: Pick<Ways, 'seen' | 'all'> = {
      seen: ways.seen,
      all: ways.all.flatMap((way) => {
        if (way.name === 'the ingress') return [{ ...way, prefix: '/function/sleepy' }]
        if (way.name === 'an outbound listener') return [{ ...way, host: 'sleepy' }]
        return way.name === 'an inbound listener' ? [{ ...way, host: 'sleepy', open: (protocol) => ways.peer('default/sleepy-v1', protocol) }] : []
      }),
    }
    const requests: readonly (readonly [string, (way: Way) => string])[] = [
      ['forbidden', forbidden],
      ['another method', (way) => `${head(way, 'DELETE')}\r\n`],
      ['hidden', (way) => `${head(way, 'POST')}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${forbidden(way)}`],
      ['escaped', (way) => `${head(way, 'GET', '/x%2f..%2fsecret')}\r\n`],
    ]
    const refused = await attack(asleep, requests, (way, [, text]) => send(way, text(way)))
    expect([...refused].map(([name, attempts]) => [name, attempts.map(({ result }) => [400, 403].includes(statuses(result)[0] ?? 0))])).toEqual(
      requests.map(([name]) => [name, [true, true, true]]),
    )
    expect(woken).toEqual([])
    await attack(asleep, [['good'] as const], (way) => send(way, `${head(way)}\r\n`))
    expect(woken.length).toBeGreaterThan(0)
  })

  it('has shown no function anything that policy forbids', () => {
    const proxies = ways.all.flatMap(({ from }, index) => (from === 'proxy' ? [`/${index}`] : []))
    const byCallers = ways.seen.filter(({ headers }) => !proxies.some((end) => String(headers['x-case']).endsWith(end)))
    expect(byCallers.filter(isForbidden)).toEqual([])
  })
})
