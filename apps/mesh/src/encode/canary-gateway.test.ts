import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { IncomingHttpHeaders } from 'node:http'
import type { CanaryRouting } from '@weft/api'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { freePort } from '../testing/free-port.ts'
import { gatewayCall } from '../testing/tls-client.ts'
import { compiled, destinationRule, functionOf, networking, tried, virtualService } from './testing/resources.ts'
import { echoUpgrade, upgrade, upgrade2 } from './testing/streams.ts'
import { answering, World } from './testing/world.ts'

const CANARIES: Readonly<Record<string, CanaryRouting>> = {
  ab: { match: [{ headers: { 'x-user': { exact: 'jason' } } }, { cookies: { group: { prefix: 'beta' } } }] },
  copied: { mirror: { percent: 100, methods: ['GET', 'HEAD'] } },
  sticky: { affinity: { cookie: 'run', value: 'v2.abc', maxAgeSeconds: 60 } },
  over: { expire: { cookie: 'run' } },
}
const FUNCTIONS = Object.keys(CANARIES)
const HALVES = { v1: 50, v2: 50 }

// -- names for a function, each by another kind of resource ---------------------------------------------------------------------

const metadata = (name: string) => ({ name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' })
const to = (host: string, more: object = {}) => [{ destination: { host, ...more } }]
const bound = (name: string, hosts: readonly string[], http: readonly unknown[]) => networking('VirtualService', name, { hosts, gateways: ['web'], http })

const FRONTS: Readonly<Record<string, (fn: string, host: string) => Resource>> = {
  virtualservice: (fn, host) => bound(`${fn}-name`, [host], [{ match: [{ uri: { prefix: '/' } }], route: to(fn) }]),
  ingress: (fn, host) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadata(fn),
    spec: { rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: fn, port: { number: 8080 } } } }] } }] },
  }),
  httproute: (fn, host) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadata(fn),
    spec: { parentRefs: [{ name: 'api' }], hostnames: [host], rules: [{ backendRefs: [{ name: fn, port: 8080 }] }] },
  }),
  httptrigger: (fn, host) => ({
    apiVersion: 'kubeless.io/v1beta1',
    kind: 'HTTPTrigger',
    metadata: metadata(fn),
    spec: { 'function-name': fn, 'host-name': host, path: '' },
  }),
}
const server = (hosts: readonly string[]) => ({ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts })
const RESOURCES: readonly Resource[] = [
  ...functionOf('caller'),
  ...functionOf('else', 2),
  ...Object.entries(CANARIES).flatMap(([name, routing]) => tried(name, routing, name === 'sticky' ? HALVES : undefined)),
  networking('Gateway', 'web', { selector: { istio: 'ingressgateway' }, servers: [server(['*.example.com', 'merged.example.org'])] }),
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: metadata('api'),
    spec: { gatewayClassName: 'weft', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  },
  ...Object.entries(FRONTS).flatMap(([kind, front]) => FUNCTIONS.map((fn) => front(fn, `${fn}.${kind}.example.com`))),
  // What a VirtualService says itself.
  destinationRule('ab'),
  bound(
    'own',
    ['own.example.com'],
    [
      { match: [{ uri: { prefix: '/pinned' } }], route: to('ab', { subset: 'v1' }) },
      {
        match: [{ uri: { prefix: '/shared' } }],
        route: [...to('ab').map((share) => ({ ...share, weight: 50 })), ...to('else').map((share) => ({ ...share, weight: 50 }))],
      },
      { match: [{ uri: { exact: '/get' }, method: { exact: 'POST' } }], route: to('copied') },
      { match: [{ uri: { prefix: '/copied' } }], route: to('copied'), mirrors: [{ destination: { host: 'else' }, percentage: { value: 100 } }] },
      {
        match: [{ uri: { prefix: '/rewritten' } }],
        rewrite: { uri: '/' },
        headers: { response: { set: { 'x-route': 'own' } } },
        route: [{ ...to('sticky')[0], headers: { response: { set: { 'x-share': 'own' } } } }],
      },
      { route: to('ab') },
    ],
  ),
  // The older of two for one name takes every call; the younger one's path is its own.
  bound('merged-a', ['merged.example.org'], [{ route: to('ab') }]),
  bound('merged-b', ['merged.example.org'], [{ match: [{ uri: { prefix: '/else' } }], route: to('else') }]),
  // In the mesh: one that only says how calls go.
  ...tried('how', { ...CANARIES['ab'], ...CANARIES['over'] }),
  virtualService('how', [{ timeout: '5s', route: to('how') }]),
]

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('what a canary does under names of gateways, on the %s path', (path) => {
  let world: World
  let port: number
  const reached: string[] = []

  beforeAll(async () => {
    port = await freePort()
    const snapshot = compiled(RESOURCES, path, { ingressPorts: { http: port, https: 1 } })
    const listening = async (before: World) => {
      for (const name of [...FUNCTIONS, 'how', 'else']) {
        for (const revision of ['v1', 'v2']) {
          const answer = answering(name === 'else' ? 'else' : revision)
          await before.addReplica(
            `default/${name}-${revision}`,
            (request, response) => {
              reached.push(`${name}-${revision} ${request.method} ${request.url}`)
              answer(request, response)
            },
            echoUpgrade,
          )
        }
      }
      await before.addReplica('default/caller-v1')
    }
    world = await World.start(snapshot, listening, { ingress: { address: '127.0.0.1', port } })
  }, 30_000)
  afterAll(() => world?.stop())

  const call = (host: string, headers: Readonly<Record<string, string>> = {}, at = '/', method = 'GET') =>
    gatewayCall({ port, host, path: at, headers, method })
  const answers = (host: string, headers: Readonly<Record<string, string>> = {}, at = '/') =>
    Promise.all(Array.from({ length: 30 }, () => call(host, headers, at)))
  const given = (headers: IncomingHttpHeaders) => headers['set-cookie']

  describe.each(Object.keys(FRONTS))('of a %s', (kind) => {
    it('A/B: calls that match by header or cookie, and no others, go to the candidate', async () => {
      const host = `ab.${kind}.example.com`
      const seen: string[] = []
      for (const headers of [{}, { 'x-user': 'jason' }, { 'x-user': 'eve' }, { cookie: 'a=1; group=beta-7' }, { cookie: 'group=alpha' }])
        seen.push((await call(host, headers)).body)
      expect(seen).toEqual(['v1', 'v2', 'v1', 'v2', 'v1'])
    })

    it('mirror first: calls that change nothing are copied, others are not', async () => {
      const host = `copied.${kind}.example.com`
      const at = `/${kind}`
      const copies = () => reached.filter((one) => one.startsWith('copied-v2 ') && one.endsWith(at))
      expect((await call(host, {}, at, 'POST')).body).toBe('v1')
      for (const end = Date.now() + 10_000; copies().length === 0 && Date.now() < end;) expect((await call(host, {}, at)).body).toBe('v1')
      expect(new Set(copies())).toEqual(new Set([`copied-v2 GET ${at}`]))
    })

    it('sticky: who was answered by the candidate gets a cookie, and stays there', async () => {
      const host = `sticky.${kind}.example.com`
      const first = await answers(host)
      expect(new Set(first.map(({ body }) => body))).toEqual(new Set(['v1', 'v2']))
      for (const { body, headers } of first) expect(given(headers)).toEqual(body === 'v2' ? ['run=v2.abc; Max-Age=60; Path=/; HttpOnly'] : undefined)
      expect(new Set((await answers(host, { cookie: 'run=v2.abc' })).map(({ body }) => body))).toEqual(new Set(['v2']))
    })

    it('takes the cookie of a run that is over back', async () => {
      const { headers } = await call(`over.${kind}.example.com`, { cookie: 'run=v2.abc' })
      expect(given(headers)).toEqual(['run=; Max-Age=0; Path=/; HttpOnly'])
    })
  })

  it('WebSockets are carried too, of HTTP/1.1 and of HTTP/2', async () => {
    const host = 'over.virtualservice.example.com'
    expect(await upgrade({ host: '127.0.0.1', port, path: '/ws', headers: { host } }, 'hello')).toBe('hello')
    expect(await upgrade2(`http://127.0.0.1:${port}`, { path: '/ws', authority: host }, 'hello')).toBe('hello')
  })

  describe('where a VirtualService says more', () => {
    const jason = { 'x-user': 'jason' }
    it.each<[string, string, string]>([
      ['a subset is pinned: nobody else decides', '/pinned', 'v1'],
      ['all calls that are left', '/other', 'v2'],
    ])('%s', async (_name, at, expected) => {
      expect((await call('own.example.com', jason, at)).body).toBe(expected)
    })

    it('a route with shares for several hosts keeps them', async () => {
      const bodies = (await answers('own.example.com', jason, '/shared')).map(({ body }) => body)
      expect(new Set(bodies)).toEqual(new Set(['v1', 'else']))
    })

    it('its own copies are made beside those of the canary, and by its own condition on the method there are none', async () => {
      const count = (who: string) => reached.filter((one) => one.startsWith(who) && one.includes('/copied/mine')).length
      for (const end = Date.now() + 10_000; (count('copied-v2') === 0 || count('else-') === 0) && Date.now() < end;)
        expect((await call('own.example.com', {}, '/copied/mine')).body).toBe('v1')
      expect([count('copied-v2') > 0, count('else-') > 0]).toEqual([true, true])
      expect((await call('own.example.com', {}, '/get', 'POST')).body).toBe('v1')
      expect(reached.filter((one) => one === 'copied-v2 POST /get')).toEqual([])
    })

    it('rewrites and headers hold for the calls of the canary too, whose cookie comes beside them', async () => {
      reached.length = 0
      const { body, headers } = await call('own.example.com', { cookie: 'run=v2.abc' }, '/rewritten')
      expect([body, headers['x-route'], headers['x-share'], reached]).toEqual(['v2', 'own', 'own', ['sticky-v2 GET /']])
      const candidate = (await answers('own.example.com', {}, '/rewritten')).find((one) => one.body === 'v2')
      expect([candidate?.headers['x-share'], candidate === undefined ? undefined : given(candidate.headers)]).toEqual([
        'own',
        ['run=v2.abc; Max-Age=60; Path=/; HttpOnly'],
      ])
    })

    it('the path of another VirtualService for the same name is not taken by the canary', async () => {
      expect((await call('merged.example.org', jason, '/else')).body).toBe('else')
      expect((await call('merged.example.org', jason)).body).toBe('v2')
    })

    it('in the mesh, one that only says how calls go leaves them to the canary', async () => {
      const headers = { ...jason, cookie: 'run=old' }
      expect((await world.from('default/caller-v1', 'http://how/', { headers })).body).toBe('v2')
      expect((await world.from('default/caller-v1', 'http://how/')).body).toBe('v1')
      const outside = await call('localhost', { cookie: 'run=old' }, '/function/how')
      expect([outside.status, given(outside.headers)]).toEqual([200, ['run=; Max-Age=0; Path=/; HttpOnly']])
    })
  })
})
