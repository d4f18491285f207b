import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { compiledWith, functionOf } from './testing/resources.ts'
import { mirror, World } from './testing/world.ts'
import type { Answer, Ask } from './testing/world.ts'

// The cases are those of the conformance suite of the Gateway API v1.4 (profiles MESH-HTTP and GATEWAY-HTTP), as tables.

const ref = (name: string, more: object = {}) => ({ name, port: 8080, ...more })
const ONE = [ref('one')]
const TWO = [ref('two')]
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } })
const exact = (value: string) => ({ path: { type: 'Exact', value } })
const query = (value: string) => ({ queryParams: [{ name: 'animal', value }] })
const version = (value: string) => ({ headers: [{ name: 'Version', value }] })
const rewrite = (urlRewrite: object) => [{ type: 'URLRewrite', urlRewrite }]
const redirect = (requestRedirect: object) => [{ type: 'RequestRedirect', requestRedirect }]
const toPrefix = (value: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value } })
const toFull = (value: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath: value } })
const MODIFIER = {
  set: [{ name: 'X-Header-Set', value: '100% set' }],
  add: [{ name: 'X-Header-Add', value: 'added' }],
  remove: ['X-Header-Remove'],
}
const requestModifier = { type: 'RequestHeaderModifier', requestHeaderModifier: MODIFIER }
const responseModifier = { type: 'ResponseHeaderModifier', responseHeaderModifier: { ...MODIFIER, remove: ['x-secret'] } }
const copy = (more: object = {}) => ({ type: 'RequestMirror', requestMirror: { backendRef: ref('two'), ...more } })

const RULES: Readonly<Record<string, readonly object[]>> = {
  matching: [
    { matches: [prefix('/'), version('one')], backendRefs: ONE },
    { matches: [prefix('/v2'), version('two')], backendRefs: TWO },
  ],
  exact: [
    { matches: [exact('/one')], backendRefs: ONE },
    { matches: [exact('/two/')], backendRefs: TWO },
  ],
  methods: [
    { matches: [{ method: 'POST' }], backendRefs: ONE },
    {
      matches: [
        { method: 'GET', ...prefix('/path') },
        { method: 'PUT', ...version('three') },
      ],
      backendRefs: TWO,
    },
  ],
  expressions: [
    { matches: [{ path: { type: 'RegularExpression', value: '/[a-c]+/x' } }], backendRefs: ONE },
    { matches: [{ headers: [{ type: 'RegularExpression', name: 'color', value: 'blue|green' }] }], backendRefs: TWO },
  ],
  queries: [
    { matches: [query('whale')], backendRefs: ONE },
    { matches: [query('dolphin')], backendRefs: TWO },
    { matches: [{ ...version('one'), ...query('whale') }], backendRefs: TWO },
    {
      matches: [
        { ...prefix('/path3'), ...query('shark') },
        { ...prefix('/path4'), ...version('three'), ...query('kraken') },
      ],
      backendRefs: ONE,
    },
    { matches: [prefix('/path5')], backendRefs: ONE },
    { matches: [query('hydra')], backendRefs: TWO },
  ],
  rewritten: [
    { matches: [prefix('/prefix/one')], filters: rewrite(toPrefix('/one')), backendRefs: ONE },
    { matches: [prefix('/slash/')], filters: rewrite(toPrefix('/xyz/')), backendRefs: ONE },
    { matches: [prefix('/strip-prefix')], filters: rewrite(toPrefix('/')), backendRefs: ONE },
    { matches: [prefix('/empty')], filters: rewrite(toPrefix('')), backendRefs: ONE },
    { matches: [prefix('/full/one')], filters: rewrite(toFull('/one')), backendRefs: ONE },
    { matches: [prefix('/host')], filters: rewrite({ hostname: 'one.example.org' }), backendRefs: ONE },
    { matches: [prefix('/modify')], filters: [...rewrite(toPrefix('/prefix')), requestModifier], backendRefs: ONE },
    { matches: [prefix('/')], filters: rewrite(toPrefix('/all')), backendRefs: ONE },
  ],
  redirected: [
    { matches: [prefix('/original-prefix')], filters: redirect(toPrefix('/replacement-prefix')) },
    { matches: [prefix('/strip')], filters: redirect(toPrefix('/')) },
    { matches: [prefix('/full')], filters: redirect(toFull('/full-path-replacement')) },
    { matches: [prefix('/path-and-host')], filters: redirect({ hostname: 'example.org', ...toPrefix('/replacement-prefix') }) },
    { matches: [prefix('/path-and-status')], filters: redirect({ ...toPrefix('/replacement-prefix'), statusCode: 301 }) },
    { matches: [prefix('/scheme')], filters: redirect({ scheme: 'https', hostname: 'example.org', ...toFull('/') }) },
    { matches: [prefix('/port')], filters: redirect({ port: 8083, statusCode: 308 }) },
    { matches: [prefix('/port-and-host')], filters: redirect({ port: 8083, hostname: 'example.org', ...toFull('/') }) },
  ],
  modified: [
    { matches: [prefix('/request')], filters: [requestModifier], backendRefs: ONE },
    { matches: [prefix('/response')], filters: [responseModifier], backendRefs: ONE },
    { matches: [prefix('/share')], backendRefs: [ref('one', { filters: [requestModifier, responseModifier] })] },
    {
      matches: [prefix('/shares')],
      backendRefs: [
        ref('one', { filters: [requestModifier] }),
        ref('two', { weight: 0, filters: [{ ...requestModifier, requestHeaderModifier: { remove: ['x-a'] } }] }),
      ],
    },
  ],
  weighted: [{ backendRefs: [ref('one', { weight: 3 }), ref('two', { weight: 1 })] }],
  copied: [
    { matches: [prefix('/all')], filters: [copy()], backendRefs: ONE },
    { matches: [prefix('/none')], filters: [copy({ percent: 0 })], backendRefs: ONE },
    { matches: [prefix('/some')], filters: [copy({ fraction: { numerator: 1, denominator: 2 } })], backendRefs: ONE },
    { matches: [prefix('/nowhere')], filters: [{ type: 'RequestMirror', requestMirror: { backendRef: ref('nobody') } }], backendRefs: ONE },
  ],
  broken: [
    { matches: [prefix('/whole')], backendRefs: [ref('nobody')] },
    { matches: [prefix('/half')], backendRefs: [ref('one'), ref('nobody')] },
    { matches: [prefix('/nothing')] },
  ],
  timed: [
    { matches: [prefix('/request')], timeouts: { request: '200ms' }, backendRefs: [ref('slow')] },
    { matches: [prefix('/try')], timeouts: { backendRequest: '200ms' }, backendRefs: [ref('slow')] },
    { matches: [prefix('/never')], timeouts: { request: '0s' }, backendRefs: [ref('slow')] },
  ],
}

const attached = (name: string, spec: object, kind = 'HTTPRoute'): Resource => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name }], ...spec },
})
const GRPC = attached(
  'rpc',
  {
    rules: [
      { matches: [{ method: { service: 'shop.Cart', method: 'Add' } }], backendRefs: TWO },
      { matches: [{ method: { service: 'shop.Cart' } }], backendRefs: ONE },
      { matches: [{ method: { method: 'Ping' }, headers: [{ name: 'version', value: 'two' }] }], backendRefs: TWO },
      { matches: [{ method: { type: 'RegularExpression', service: 'shop[.](Stock|Store)' } }], backendRefs: ONE },
      { matches: [{ method: { service: 'shop.Gone' } }], backendRefs: [ref('nobody')] },
    ],
  },
  'GRPCRoute',
)
const GUARD: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'guard', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'one' } }, action: 'DENY', rules: [{ to: [{ operation: { paths: ['/all/secret'] } }] }] },
}

function model(path: MeshSnapshot['path']): MeshSnapshot {
  const functions = ['caller', 'one', 'two', 'slow', 'rpc', ...Object.keys(RULES)].flatMap((name) => functionOf(name))
  return compiledWith([...functions, GRPC, GUARD, ...Object.entries(RULES).map(([name, rules]) => attached(name, { rules }))], path)
}

/** Which function answered. */
const by = (answer: Answer) => /\/sa\/(\w+)[;,]/.exec(answer.json().headers['x-forwarded-client-cert'] ?? '')?.[1]

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('what routes of the Gateway API do with calls, on the %s path', (path) => {
  let world: World
  const copies: string[] = []

  beforeAll(async () => {
    world = await World.start(model(path), async (starting) => {
      await starting.addReplica('default/caller-v1')
      await starting.addReplica('default/one-v1', (request, response) => {
        response.setHeader('x-secret', 'yes')
        mirror(request, response)
      })
      await starting.addReplica('default/two-v1', (request, response) => {
        copies.push(`${request.headers.host} ${request.url}`)
        mirror(request, response)
      })
      await starting.addReplica('default/slow-v1', (request, response) => {
        setTimeout(() => mirror(request, response), 400)
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
    expect((await world.from('default/caller-v1', 'http://matching/')).status).toBe(200)
    expect(world.plane.refused).toEqual([])
  })

  describe.each(ways)('called %s', (way, call) => {
    it.each<readonly [string, string, Ask, string | number]>([
      ['matching', '/', {}, 'one'],
      ['matching', '/example', {}, 'one'],
      ['matching', '/', { headers: { version: 'one' } }, 'one'],
      ['matching', '/v2', {}, 'two'],
      ['matching', '/v2/example', {}, 'two'],
      ['matching', '/', { headers: { version: 'two' } }, 'two'],
      ['matching', '/v2/', {}, 'two'],
      ['matching', '/v2example', {}, 'one'],
      ['matching', '/foo/v2/example', {}, 'one'],
      ['exact', '/one', {}, 'one'],
      ['exact', '/two/', {}, 'two'],
      ['exact', '/one/example', {}, 404],
      ['exact', '/two', {}, 404],
      ['exact', '/ONE', {}, 404],
      ['methods', '/', { method: 'POST' }, 'one'],
      ['methods', '/', { method: 'GET' }, 404],
      ['methods', '/path', { method: 'GET' }, 'two'],
      ['methods', '/path', { method: 'PUT' }, 404],
      ['methods', '/path', { method: 'PUT', headers: { version: 'three' } }, 'two'],
      ['expressions', '/abc/x', {}, 'one'],
      ['expressions', '/abc/xy', {}, 404],
      ['expressions', '/', { headers: { color: 'green' } }, 'two'],
      ['expressions', '/', { headers: { color: 'greenish' } }, 404],
      ['queries', '/?animal=whale', {}, 'one'],
      ['queries', '/?animal=dolphin&color=yellow', {}, 'two'],
      ['queries', '/?color=blue', {}, 404],
      ['queries', '/?animal=whaledolphin', {}, 404],
      ['queries', '/', {}, 404],
      ['queries', '/?animal=whale', { headers: { version: 'one' } }, 'two'],
      ['queries', '/path3?animal=shark', {}, 'one'],
      ['queries', '/path4?animal=kraken', { headers: { version: 'three' } }, 'one'],
      ['queries', '/path4?animal=kraken', {}, 404],
      ['queries', '/path5?animal=hydra', {}, 'one'],
      ['rpc', '/shop.Cart/Add', { method: 'POST' }, 'two'],
      ['rpc', '/shop.Cart/Remove', { method: 'POST' }, 'one'],
      ['rpc', '/any.Service/Ping', { method: 'POST', headers: { version: 'two' } }, 'two'],
      ['rpc', '/any.Service/Ping', { method: 'POST' }, 404],
      ['rpc', '/shop.Stock/Take', { method: 'POST' }, 'one'],
      ['rpc', '/shop.Stocks/Take', { method: 'POST' }, 404],
      ['rpc', '/shop.Gone/Take', { method: 'POST' }, 503],
      ['broken', '/whole', {}, 500],
      ['broken', '/nothing', {}, 500],
      ['broken', '/elsewhere', {}, 404],
    ])('%s %s %j: %s', async (host, url, options, outcome) => {
      const answer = await call(host, url, options)
      expect(answer.status === 200 ? by(answer) : answer.status).toBe(outcome)
    })

    it.each([
      ['/prefix/one/two?q=1', '/one/two?q=1'],
      ['/prefix/one', '/one'],
      ['/slash/bar', '/xyz/bar'],
      ['/slash', '/xyz'],
      ['/strip-prefix/three', '/three'],
      ['/strip-prefix', '/'],
      ['/strip-prefix/', '/'],
      ['/empty/bar?q', '/bar?q'],
      ['/full/one/two', '/one'],
      ['/full/one?a=b', '/one?a=b'],
      ['/other/thing', '/all/other/thing'],
    ])('%s is rewritten to %s', async (asked, seen) => {
      expect((await call('rewritten', asked)).json().url).toBe(seen)
    })

    it('the host is rewritten, and policy sees what a route made of the call', async () => {
      expect((await call('rewritten', '/host')).json().headers['host']).toBe('one.example.org')
      expect((await call('rewritten', '/secret')).status).toBe(403)
    })

    it.each([
      ['/original-prefix/lemon?q=1', 302, '/replacement-prefix/lemon?q=1'],
      ['/strip/a', 302, '/a'],
      ['/strip', 302, '/'],
      ['/full/path/original', 302, '/full-path-replacement'],
      ['/path-and-status', 301, '/replacement-prefix'],
    ])('%s is redirected (%d) to %s of the same host', async (asked, status, to) => {
      const answer = await call('redirected', asked)
      const { pathname, search } = new URL(answer.headers.location ?? '')
      expect([answer.status, pathname + search]).toEqual([status, (way === 'from outside' ? '/function/redirected' : '') + to])
    })

    it.each([
      ['/path-and-host/x', 302, 'http://example.org/replacement-prefix/x'],
      ['/scheme', 302, 'https://example.org/'],
      ['/port-and-host', 302, 'http://example.org:8083/'],
    ])('%s is redirected (%d) to %s', async (asked, status, to) => {
      const answer = await call('redirected', asked)
      expect([answer.status, answer.headers.location]).toEqual([status, to])
    })

    it('is redirected to another port of the same host', async () => {
      const answer = await call('redirected', '/port')
      expect([answer.status, new URL(answer.headers.location ?? '').port]).toEqual([308, '8083'])
    })

    it.each(['/request', '/share', '/shares'])('headers of requests are changed at %s', async (at) => {
      const { headers } = (
        await call('modified', at, { headers: { 'x-header-set': 'own', 'x-header-add': 'own', 'x-header-remove': 'gone', 'x-a': 'kept' } })
      ).json()
      expect([headers['x-header-set'], headers['x-header-add'], headers['x-header-remove'], headers['x-a']]).toEqual([
        '100% set',
        expect.stringMatching(/^own, ?added$/),
        undefined,
        'kept',
      ])
    })

    it.each(['/response', '/share'])('headers of answers are changed at %s', async (at) => {
      const { headers } = await call('modified', at)
      expect([headers['x-header-set'], headers['x-header-add'], headers['x-secret']]).toEqual(['100% set', 'added', undefined])
    })

    it('calls are shared out by weight', async () => {
      const answers = await Promise.all(Array.from({ length: 200 }, () => call('weighted', '/')))
      const first = answers.filter((answer) => by(answer) === 'one').length
      expect(first).toBeGreaterThan(110)
      expect(first).toBeLessThan(190)
    })

    it('a backend that is not there takes its share of the calls with it, and no more', async () => {
      const statuses = (await Promise.all(Array.from({ length: 120 }, () => call('broken', '/half')))).map(({ status }) => status)
      expect(new Set(statuses)).toEqual(new Set([200, 500]))
      expect(statuses.filter((status) => status === 500).length).toBeGreaterThan(25)
    })

    it('copies are made, of all calls or of a share', async () => {
      copies.length = 0
      const deadline = Date.now() + 15_000
      // Of the first calls to a host copies may be missing: they do not wait for the way to where copies go.
      while (copies.length === 0 && Date.now() < deadline) await call('copied', '/all/first')
      const calls = Array.from({ length: 60 }, (_, index) => index)
      await Promise.all(calls.flatMap((index) => ['/none', '/some', '/nowhere', '/all'].map((at) => call('copied', `${at}/${index}`))))
      const count = (at: string) => copies.filter((each) => each.includes(` ${at}/`) && !each.endsWith('/first')).length
      while (count('/all') < 60 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
      expect([count('/all'), count('/none'), count('/nowhere')]).toEqual([60, 0, 0])
      expect(count('/some')).toBeGreaterThan(10)
      expect(count('/some')).toBeLessThan(50)
      expect(copies.every((each) => each.includes('-shadow'))).toBe(true)
    })

    it.each([
      ['/request', 504],
      ['/try', 504],
      ['/never', 200],
    ])('a slow function at %s: %d', async (at, status) => {
      expect((await call('timed', at)).status).toBe(status)
    })
  })
})

describe('routes of two namespaces', () => {
  const mark = (value: string) => [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-set', value }] } }]
  const route = (name: string, spec: object, namespace = 'default'): Resource => ({ ...attached(name, spec), metadata: { name, namespace } })
  const parent = { group: '', kind: 'Service', name: 'one', namespace: 'default' }
  const producer = route('producer', { parentRefs: [parent], rules: [{ matches: [prefix('/p')], filters: mark('producer'), backendRefs: ONE }] })
  const consumer = route(
    'consumer',
    { parentRefs: [parent], rules: [{ filters: mark('consumer'), backendRefs: [ref('one', { namespace: 'default' })] }] },
    'shop',
  )
  const onPort = route('ports', { parentRefs: [{ ...parent, name: 'two', port: 8080 }], rules: [{ filters: mark('port'), backendRefs: TWO }] })
  const foreign = route('foreign', { parentRefs: [{ ...parent, name: 'three' }], rules: [{ backendRefs: [ref('stock', { namespace: 'shop' })] }] })
  const grant: Resource = {
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'ReferenceGrant',
    metadata: { name: 'stock', namespace: 'shop' },
    spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }], to: [{ group: '', kind: 'Service' }] },
  }
  const SHOP: Resource = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }
  const functions = [
    SHOP,
    ...['caller', 'one', 'two', 'three'].flatMap((name) => functionOf(name)),
    ...['caller', 'stock'].flatMap((name) => functionOf(name, 1, 'shop')),
  ]
  const all = [...functions, producer, consumer, onPort, foreign]
  let world: World

  beforeAll(async () => {
    world = await World.start(compiledWith(all), async (starting) => {
      for (const workload of ['default/caller-v1', 'shop/caller-v1', 'default/one-v1', 'default/two-v1', 'default/three-v1', 'shop/stock-v1'])
        await starting.addReplica(workload)
    })
  })
  afterAll(() => world?.stop())

  it.each<readonly [string, string, string, number, string | undefined]>([
    ['default/caller-v1', 'http://one.default/p', 'a producer\u2019s rule holds', 200, 'producer'],
    ['default/caller-v1', 'http://one.default/', 'and nothing else is there', 404, undefined],
    ['shop/caller-v1', 'http://one.default/', 'a consumer has its own rules', 200, 'consumer'],
    ['shop/caller-v1', 'http://one.default/p', 'and none of the producer\u2019s', 200, 'consumer'],
    ['default/caller-v1', 'http://two.default:8080/', 'a route of a port holds there', 200, 'port'],
    ['default/caller-v1', 'http://two.default:80/', 'and not on another port', 200, undefined],
  ])('%s to %s: %s', async (caller, url, _what, status, value) => {
    const answer = await world.from(caller, url)
    expect([answer.status, answer.headers['x-set']]).toEqual([status, value])
  })

  it('a consumer has no say in calls from outside', async () => {
    expect((await world.get('/function/one/p')).headers['x-set']).toBe('producer')
    expect((await world.get('/function/one/')).status).toBe(404)
  })

  it('a backend of another namespace is called while a ReferenceGrant is there', async () => {
    const ask = async () => (await world.from('default/caller-v1', 'http://three.default/')).status
    expect(await ask()).toBe(500)
    await world.apply(compiledWith([...all, grant]))
    expect(await ask()).toBe(200)
    await world.apply(compiledWith(all))
    expect(await ask()).toBe(500)
  })
})
