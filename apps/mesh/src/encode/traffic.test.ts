import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { compiled, destinationRule, functionOf, virtualService } from './testing/resources.ts'
import { mirror, World } from './testing/world.ts'
import type { Answer, Ask } from './testing/world.ts'

const to = (host: string, subset?: string) => [{ destination: { host, ...(subset === undefined ? {} : { subset }) } }]
const NAMES = ['rewritten', 'redirected', 'fixed', 'faulty', 'slowed', 'copied', 'cors', 'again', 'matched', 'retried', 'failing', 'disguised']
const MIRROR = [{ destination: { host: 'echo' } }]
const SERVICES: readonly Resource[] = [
  virtualService('rewritten', [
    { match: [{ uri: { prefix: '/api' } }], rewrite: { uri: '/v2', authority: 'inner.example' }, route: MIRROR },
    { match: [{ uri: { exact: '/one' } }, { uri: { regex: '/t[a-z]+' } }], rewrite: { uri: '/whole' }, route: MIRROR },
    { match: [{ uri: { prefix: '/Any/' }, ignoreUriCase: true }], rewrite: { uri: '/' }, route: MIRROR },
    { match: [{ uri: { prefix: '/service' } }], rewrite: { uriRegexRewrite: { match: '^/service/([^/]+)(/.*)$', rewrite: '\\2/of/\\1' } }, route: MIRROR },
    { rewrite: { uri: '/all/' }, route: MIRROR },
  ]),
  virtualService('redirected', [
    { match: [{ uri: { exact: '/path' } }], redirect: { uri: '/new' } },
    { match: [{ uri: { exact: '/host' } }], redirect: { authority: 'other.example', uri: '/there', scheme: 'https', redirectCode: 308 } },
    { redirect: { port: 8443, redirectCode: 302 } },
  ]),
  virtualService('fixed', [
    { match: [{ uri: { exact: '/bytes' } }], directResponse: { status: 200, body: { bytes: 'aGVsbG8=' } } },
    { directResponse: { status: 503, body: { string: '100% closed' } }, headers: { response: { set: { 'x-why': 'inventory' } } } },
  ]),
  virtualService('faulty', [
    { match: [{ headers: { 'end-user': { exact: 'jason' } } }], fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, route: to('echo') },
    { match: [{ headers: { 'end-user': { exact: 'half' } } }], fault: { abort: { httpStatus: 500, percentage: { value: 50 } } }, route: to('echo') },
    { match: [{ headers: { 'end-user': { exact: 'rpc' } } }], fault: { abort: { grpcStatus: 'UNAVAILABLE' } }, route: to('echo') },
    { route: to('echo') },
  ]),
  virtualService('slowed', [
    { match: [{ headers: { 'end-user': { exact: 'jason' } } }], fault: { delay: { fixedDelay: '0.5s', percentage: { value: 100 } } }, route: to('echo') },
    { route: to('echo') },
  ]),
  virtualService('copied', [{ route: to('echo', 'v1'), mirror: { host: 'echo', subset: 'v2' }, mirrorPercentage: { value: 100 } }]),
  virtualService('cors', [
    {
      route: to('echo'),
      corsPolicy: { allowOrigins: [{ prefix: 'https://good.' }], allowMethods: ['GET', 'PUT'], allowHeaders: ['x-a'], maxAge: '24h', allowCredentials: true },
    },
  ]),
  virtualService('disguised', [{ match: [{ uri: { prefix: '/x' } }], rewrite: { uri: '/admin' }, route: to('guarded') }, { route: to('guarded') }]),
  virtualService('retried', [{ route: to('failing'), retries: { attempts: 3, retryOn: '418,reset', perTryTimeout: '2s' } }]),
  virtualService('matched', [
    { match: [{ method: { exact: 'PUT' } }], route: to('echo'), headers: { request: { set: { 'x-by': 'method' } } } },
    { match: [{ queryParams: { q: { regex: 'a+' } } }], route: to('echo'), headers: { request: { set: { 'x-by': 'query' } } } },
    {
      match: [{ headers: { 'x-a': {} }, withoutHeaders: { 'x-b': { exact: 'no' } } }],
      route: to('echo'),
      headers: { request: { set: { 'x-by': 'headers' } } },
    },
    { match: [{ authority: { prefix: 'MATCHED.default' } }], route: to('echo'), headers: { request: { set: { 'x-by': 'authority' } } } },
    { match: [{ scheme: { exact: 'https' } }], route: to('echo'), headers: { request: { set: { 'x-by': 'scheme' } } } },
    { match: [{ gateways: ['a-gateway'] }], directResponse: { status: 500 } },
    { match: [{ gateways: ['a-gateway', 'mesh'], uri: { prefix: '/g' } }], route: to('echo'), headers: { request: { set: { 'x-by': 'gateways' } } } },
    { match: [{ sourceNamespace: 'elsewhere' }], directResponse: { status: 500 } },
    { match: [{ sourceLabels: { app: 'caller' } }], route: to('echo'), headers: { request: { set: { 'x-by': 'labels' } } } },
    { route: to('echo'), headers: { request: { set: { 'x-by': 'rest' } } } },
  ]),
]

const GUARD: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'guard', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'guarded' } },
    action: 'DENY',
    rules: [{ to: [{ operation: { paths: ['/admin'] } }] }],
  },
}

function model(path: MeshSnapshot['path']): MeshSnapshot {
  const functions = ['caller', ...NAMES].flatMap((name) => functionOf(name))
  return compiled([...functions, ...functionOf('guarded'), GUARD, ...functionOf('echo', 2), destinationRule('echo'), ...SERVICES], path)
}

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('what a VirtualService does with calls, on the %s path', (path) => {
  let world: World
  const copies: string[] = []
  let failures = 0

  beforeAll(async () => {
    world = await World.start(model(path), async (starting) => {
      await starting.addReplica('default/caller-v1')
      await starting.addReplica('default/echo-v1')
      await starting.addReplica('default/guarded-v1')
      await starting.addReplica('default/echo-v2', (request, response) => {
        copies.push(`${request.headers.host} ${request.url}`)
        mirror(request, response)
      })
      await starting.addReplica('default/failing-v1', (_request, response) => {
        failures += 1
        response.statusCode = failures % 3 === 0 ? 200 : 418
        response.end('{}')
      })
    })
  })

  afterAll(() => world?.stop())

  type Call = (host: string, url: string, options?: Ask) => Promise<Answer>
  const ways: readonly (readonly [string, Call])[] = [
    ['from outside', (host, url, options) => world.get(`/function/${host}${url}`, options)],
    ['from a function', (host, url, options) => world.from('default/caller-v1', `http://${host}${url}`, options)],
  ]

  it('is accepted by Envoy as it is configured', async () => {
    expect((await world.from('default/caller-v1', 'http://rewritten/')).status).toBe(200)
    expect(world.plane.refused).toEqual([])
  })

  describe.each(ways)('called %s', (way, call) => {
    it.each([
      ['/api/x?q=1', '/v2/x?q=1'],
      ['/apix', '/v2x'],
      ['/one', '/whole'],
      ['/two?q', '/whole?q'],
      ['/aNy/thing', '/thing'],
      ['/service/cart/items/1', '/items/1/of/cart'],
      ['/service', '/service'],
      ['/other/a?b', '/all/other/a?b'],
    ])('%s is rewritten to %s', async (asked, seen) => {
      expect((await call('rewritten', asked)).json().url).toBe(seen)
    })

    it('the host is rewritten', async () => expect((await call('rewritten', '/api')).json().headers['host']).toBe('inner.example'))

    it('policy sees what the route made of the call', async () => {
      expect((await call('disguised', '/x')).status).toBe(403)
      expect((await call('disguised', '/y')).status).toBe(200)
    })

    it('redirects are sent', async () => {
      const own = way === 'from outside' ? '/function/redirected' : ''
      const redirect = await call('redirected', '/path?q=1')
      expect(redirect.status).toBe(301)
      expect(new URL(redirect.headers.location ?? '').pathname).toBe(`${own}/new`)
      expect(new URL(redirect.headers.location ?? '').search).toBe('?q=1')
      const host = await call('redirected', '/host')
      expect([host.status, host.headers.location]).toEqual([308, 'https://other.example/there'])
      const port = await call('redirected', '/x')
      expect(port.status).toBe(302)
      expect(new URL(port.headers.location ?? '').port).toBe('8443')
      expect(new URL(port.headers.location ?? '').pathname).toBe(`${own}/x`)
    })

    it('fixed answers are given', async () => {
      const answer = await call('fixed', '/')
      expect([answer.status, answer.body, answer.headers['x-why']]).toEqual([503, '100% closed', 'inventory'])
      expect((await call('fixed', '/bytes')).body).toBe('hello')
    })

    it('calls are aborted for one user, and for a share', async () => {
      const jason = await call('faulty', '/', { headers: { 'end-user': 'jason' } })
      expect([jason.status, jason.body]).toEqual([418, 'fault filter abort'])
      expect((await call('faulty', '/')).status).toBe(200)
      const half = await Promise.all(Array.from({ length: 60 }, () => call('faulty', '/', { headers: { 'end-user': 'half' } })))
      const aborted = half.filter(({ status }) => status === 500).length
      expect(aborted).toBeGreaterThan(10)
      expect(aborted).toBeLessThan(50)
      const rpc = await call('faulty', '/', { method: 'POST', headers: { 'end-user': 'rpc', 'content-type': 'application/grpc' } })
      expect([rpc.status, rpc.headers['grpc-status']]).toEqual([200, '14'])
    })

    it('calls are delayed for one user', async () => {
      await call('slowed', '/')
      const started = performance.now()
      expect((await call('slowed', '/', { headers: { 'end-user': 'jason' } })).status).toBe(200)
      expect(performance.now() - started).toBeGreaterThan(450)
    })

    it('copies are sent, and their answers dropped', async () => {
      copies.length = 0
      const { status } = await call('copied', '/copy?q=1', { method: 'POST', body: 'x' })
      expect(status).toBe(200)
      const deadline = Date.now() + 5000
      while (copies.length === 0 && Date.now() < deadline) await pause(10)
      expect(copies).toEqual([expect.stringMatching(/-shadow(:\d+)? \/copy\?q=1$/)])
    })

    it('pages of other origins may call as far as the policy says', async () => {
      const preflight = (origin: string) => call('cors', '/', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } })
      const good = await preflight('https://good.example')
      expect(good.status).toBe(200)
      expect(good.headers).toMatchObject({
        'access-control-allow-origin': 'https://good.example',
        'access-control-allow-methods': 'GET,PUT',
        'access-control-allow-headers': 'x-a',
        'access-control-allow-credentials': 'true',
        'access-control-max-age': '86400',
      })
      expect((await preflight('https://bad.example')).headers['access-control-allow-origin']).toBeUndefined()
      expect((await call('cors', '/', { headers: { origin: 'https://good.example' } })).headers['access-control-allow-origin']).toBe('https://good.example')
    })

    it('failed calls are tried again on the conditions that are named, when they are idempotent', async () => {
      failures = 0
      expect((await call('retried', '/')).status).toBe(200)
      expect(failures).toBe(3)
      failures = 0
      expect((await call('retried', '/', { method: 'POST', body: 'x' })).status).toBe(418)
      expect(failures).toBe(1)
    })

    it.each<readonly [string, string, Ask]>([
      ['method', '/', { method: 'PUT' }],
      ['query', '/?q=aaa', {}],
      ['headers', '/', { headers: { 'x-a': '1' } }],
      ['gateways', '/g', {}],
    ])('a route is chosen by %s', async (by, url, options) => {
      expect((await call('matched', url, options)).json().headers['x-by']).toBe(by)
    })
  })

  it('the route is chosen by what is known of the caller, and by the name that was called', async () => {
    expect((await world.from('default/caller-v1', 'http://matched/')).json().headers['x-by']).toBe('labels')
    expect((await world.from('default/caller-v1', 'http://matched.default:8080/')).json().headers['x-by']).toBe('authority')
    expect((await world.get('/function/matched/')).json().headers['x-by']).toBe('rest')
    expect((await world.get('/function/matched/', { headers: { 'x-a': '1', 'x-b': 'no' } })).json().headers['x-by']).toBe('rest')
  })
})
