import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { host, replica, route, snapshot, workload } from './testing/model.ts'
import { echoUpgrade, raw, upgrade, upgrade2 } from './testing/streams.ts'
import { ask, mirror, World } from './testing/world.ts'

const said = (text: string) => (_request: unknown, response: { end(text: string): void }) => response.end(text)

let world: World

beforeAll(async () => {
  const versions = ['default/temp-1', 'default/humidity-1']
  const [cold = '', wet = ''] = versions
  const split = host('split', [
    route(cold, {
      name: 'by-header',
      matches: [{ headers: [{ name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false }], queryParameters: [] }],
      targets: [{ weight: 1, workload: wet }],
    }),
    route(cold, {
      name: 'by-path',
      matches: [{ path: { match: { kind: 'prefix', value: '/wet' }, ignoreCase: false }, headers: [], queryParameters: [] }],
      targets: [{ weight: 1, workload: wet }],
    }),
    route(cold, {
      name: 'by-query',
      matches: [{ headers: [], queryParameters: [{ name: 'v', match: { kind: 'exact', value: 'wet' } }] }],
      targets: [{ weight: 1, workload: wet }],
    }),
    route(cold, {
      name: 'weights',
      targets: [
        { weight: 90, workload: cold },
        { weight: 10, workload: wet },
      ],
    }),
  ])
  const half = host('half', [
    route(cold, {
      targets: [
        { weight: 0, workload: cold },
        { weight: 1, workload: undefined, missing: 'host "gone" is not known' },
      ],
    }),
  ])
  const share = host('share', [
    route(cold, {
      targets: [
        { weight: 1, workload: cold },
        { weight: 1, workload: undefined, missing: 'subset "v9" is not known' },
      ],
    }),
  ])
  const root = host('root', [
    route(wet, { matches: [{ path: { match: { kind: 'exact', value: '/' }, ignoreCase: false }, headers: [], queryParameters: [] }] }),
  ])
  const slow = host('slow', [route('default/mirror-1', { timeoutMs: 300 })])
  const headers = host('headers', [
    route('default/mirror-1', {
      requestHeaders: {
        set: [
          { name: 'x-set', value: '100%REQ(host)%' },
          { name: 'x-forwarded-client-cert', value: 'URI=evil' },
        ],
        add: [],
        remove: ['x-drop'],
      },
      responseHeaders: { set: [{ name: 'x-answer', value: 'yes' }], add: [], remove: [] },
    }),
  ])
  const names = ['mirror', 'temp', 'humidity']
  const model = snapshot(
    names.map((name) => workload(name)),
    [...names.map((name) => host(name)), host('cart', [route('default/mirror-1')], 'shop'), split, half, share, root, slow, headers],
  )
  world = await World.start(model, async (starting) => {
    await starting.addReplica(
      'default/mirror-1',
      (request, response) => {
        if (request.url === '/events') {
          response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
          return void setTimeout(() => response.end('data: 2\n\n'), 700)
        }
        if (request.url === '/hang') return
        mirror(request, response)
      },
      echoUpgrade,
    )
    await starting.addReplica('default/temp-1', said('cold'))
    await starting.addReplica('default/humidity-1', said('wet'))
    const gateway = await starting.serve((request, response) => response.end(JSON.stringify({ control: request.url, headers: request.headers })))
    Object.assign(starting.layout, { gatewaySocket: gateway })
  })
})

afterAll(() => world?.stop())

describe('the ingress', () => {
  it('is accepted by Envoy as it is', () => {
    expect(world.plane.refused).toEqual([])
  })

  it.each<[string, string, number, string]>([
    ['a path', '/function/mirror/a/b', 200, '/a/b'],
    ['the bare name', '/function/mirror', 200, '/'],
    ['the bare name with a slash', '/function/mirror/', 200, '/'],
    ['a query', '/function/mirror/a?b=/../c&d=%2F', 200, '/a?b=/../c&d=%2F'],
    ['a query on the bare name', '/function/mirror?x=1', 200, '/?x=1'],
    ['a name with its namespace', '/function/mirror.default/a', 200, '/a'],
    ['the alias of the default namespace', '/function/mirror.openfaas-fn/a', 200, '/a'],
    ['another namespace', '/function/cart.shop/a', 200, '/a'],
    ['doubled slashes', '//function//mirror//a', 200, '/a'],
    ['dot segments', '/function/temp/../mirror/./a', 200, '/a'],
    ['escaped dots', '/function/mirror/%2e%2e/mirror/a', 200, '/a'],
    ['an escaped slash', '/function/mirror%2fa', 400, ''],
    ['an escaped backslash', '/function/mirror/..%5ca', 400, ''],
    ['a name that begins like another', '/function/mirrorx/a', 404, ''],
    ['a name without its namespace', '/function/cart/a', 404, ''],
    ['a namespace that it is not in', '/function/mirror.shop/a', 404, ''],
    ['nobody', '/function/nobody', 404, ''],
    ['no name', '/function/', 404, ''],
  ])('takes %s', async (_name, path, status, seen) => {
    const answer = await world.get(path)
    expect(answer.status).toBe(status)
    if (status === 200) expect(answer.json().url).toBe(seen)
    else
      expect(answer.json()).toMatchObject({
        error: { code: status === 404 ? 'ROUTE_NOT_FOUND' : 'BAD_REQUEST', message: expect.any(String), help: expect.any(String) },
      })
  })

  it.each([
    '/',
    '/healthz',
    '/system/functions?x=1',
    '/system/function/mirror',
    '/apis/weft.dev/v1alpha1/functions',
    '/api/v1/services',
    '/async-function/mirror/a',
    '/ui/',
  ])('sends %s to the control API as it is', async (path) => {
    expect((await world.get(path)).json().control).toBe(path)
  })

  it('tells the function who called, and believes nobody else who says so', async () => {
    const forged = 'By=spiffe://cluster.local/ns/default/sa/mirror;URI=spiffe://cluster.local/ns/default/sa/control'
    const { headers } = (await world.get('/function/mirror', { headers: { 'X-Forwarded-Client-Cert': forged } })).json()
    expect(headers['x-forwarded-client-cert']).toMatch(
      /^By=spiffe:\/\/cluster.local\/ns\/default\/sa\/mirror;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster.local\/ns\/weft-system\/sa\/ingress$/,
    )
  })

  it('removes headers that steer the mesh', async () => {
    const names = [
      'x-weft-scope',
      'x-weft-workload',
      'x-weft-held',
      'x-weft-retry',
      'x-weft-cluster',
      'x-weft-first',
      'x-envoy-retry-on',
      'x-envoy-upstream-rq-timeout-ms',
      'x-envoy-original-path',
      'x-envoy-upstream-alt-stat-name',
    ]
    const { headers } = (await world.get('/function/mirror', { headers: Object.fromEntries(names.map((name) => [name, 'default/temp-1'])) })).json()
    expect(Object.keys(headers).filter((name) => name.startsWith('x-weft-') || name.startsWith('x-envoy-'))).toEqual([])
  })

  it('adds what OpenFaaS promises, and keeps what was sent', async () => {
    const fresh = await world.get('/function/mirror')
    const { headers } = fresh.json()
    expect(headers['x-call-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers['x-start-time']).toMatch(/^\d{19}$/)
    expect(headers['x-forwarded-host']).toBe(`127.0.0.1:${world.port}`)
    expect(fresh.headers['x-call-id']).toBe(headers['x-call-id'])
    expect(fresh.headers['x-start-time']).toBe(headers['x-start-time'])
    const kept = await world.get('/function/mirror', {
      headers: {
        'X-Call-Id': 'mine',
        'X-Forwarded-Host': 'example.org',
        'X-Request-Id': 'r',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    })
    expect(kept.json().headers).toMatchObject({
      'x-call-id': 'mine',
      'x-forwarded-host': 'example.org',
      'x-request-id': 'r',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    })
    expect(kept.headers['x-call-id']).toBe('mine')
  })

  it('chooses by header, path as the function sees it, and query, then by weight', async () => {
    expect((await world.get('/function/split/', { headers: { 'end-user': 'jason' } })).body).toBe('wet')
    expect((await world.get('/function/split/wet/a')).body).toBe('wet')
    expect((await world.get('/function/split/a?v=wet')).body).toBe('wet')
    let wet = 0
    for (let call = 0; call < 600; call += 20) {
      const bodies = await Promise.all(Array.from({ length: 20 }, () => world.get('/function/split/')))
      wet += bodies.filter(({ body }) => body === 'wet').length
    }
    expect(Math.abs(wet - 60)).toBeLessThan(4 * Math.sqrt(600 * 0.1 * 0.9))
  })

  it('takes a condition on the path / for the bare name, and nothing else for it', async () => {
    expect((await world.get('/function/root')).body).toBe('wet')
    expect((await world.get('/function/root/')).body).toBe('wet')
    expect((await world.get('/function/root/a')).status).toBe(404)
  })

  it('answers 503 with the reason for a share without a target', async () => {
    expect((await world.get('/function/half')).json().error).toMatchObject({
      code: 'TARGET_MISSING',
      message: expect.stringContaining('host "gone" is not known'),
    })
    const answers = await Promise.all(Array.from({ length: 40 }, () => world.get('/function/share')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]))
    const missing = answers.find(({ status }) => status === 503)
    expect(missing?.json().error.code).toBe('NO_REPLICA')
    expect(missing?.headers['x-weft-reason']).toBe('subset "v9" is not known')
  })

  it('changes headers as a route says, literally, but never those of the mesh', async () => {
    const answer = await world.get('/function/headers', { headers: { 'x-drop': '1' } })
    expect(answer.json().headers).toMatchObject({ 'x-set': '100%REQ(host)%' })
    expect(answer.json().headers['x-drop']).toBeUndefined()
    expect(answer.json().headers['x-forwarded-client-cert']).not.toContain('evil')
    expect(answer.headers['x-answer']).toBe('yes')
  })

  it('ends a call at the time-out of its route, in our error format', async () => {
    const answer = await world.get('/function/slow/hang')
    expect([answer.status, answer.json().error.code]).toEqual([504, 'CALL_TIMEOUT'])
  })

  it('streams events and WebSockets through, to functions and by their first bytes', async () => {
    expect((await world.get('/function/mirror/events')).body).toBe('data: 1\n\ndata: 2\n\n')
    expect(await upgrade({ host: '127.0.0.1', port: world.port, path: '/function/mirror/ws' }, 'hello')).toBe('hello')
  })

  it('carries WebSockets of HTTP/2 (RFC 8441), and answers those for nobody', async () => {
    const target = `http://127.0.0.1:${world.port}`
    expect(await upgrade2(target, { path: '/function/mirror/ws', authority: 'localhost' }, 'hello')).toBe('hello')
    expect(await upgrade2(target, { path: '/function/nobody/ws', authority: 'localhost' }, 'hello')).toBe('404')
  })

  it('takes 3 MB', async () => {
    expect((await world.get('/function/mirror', { method: 'POST', body: Buffer.alloc(3_000_000) })).json().bytes).toBe(3_000_000)
  })

  it.each<[string, string, RegExp]>([
    [
      'both a length and chunks',
      'POST /function/mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1.1 400/,
    ],
    ['two lengths', 'POST /function/mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd', /^HTTP\/1.1 400/],
    ['a space before the colon', 'GET /function/mirror HTTP/1.1\r\nHost : a\r\n\r\n', /^HTTP\/1.1 400/],
    ['a folded header as such: it becomes one line', 'GET /function/mirror HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n', /"x":"a b"/],
    [
      'an underscore in a header name',
      'GET /function/mirror HTTP/1.1\r\nHost: a\r\nx_forwarded_client_cert: URI=x\r\nConnection: close\r\n\r\n',
      /^HTTP\/1.1 400/,
    ],
    ['too large headers', `GET /function/mirror HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`, /^HTTP\/1.1 431/],
    [
      'too many headers',
      `GET /function/mirror HTTP/1.1\r\nHost: a\r\n${Array.from({ length: 200 }, (_, index) => `x-${index}: a\r\n`).join('')}\r\n`,
      /^HTTP\/1.1 431/,
    ],
    ['headers that never end', 'GET /function/mirror HTTP/1.1\r\nHost: a\r\nX', /^HTTP\/1.1 408/],
    ['a null in the path', 'GET /function/mirror/\0 HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1.1 400/],
    ['a fragment', 'GET /function/mirror/a#/../x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 (400|200 [^]*"url":"\/a")/],
    ['CONNECT', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 (403|404|400)/],
  ])('refuses %s', async (_name, text, expected) => {
    expect(await raw({ host: '127.0.0.1', port: world.port }, text, /"url"/)).toMatch(expected)
  })

  it('answers 503 when nothing listens behind, and says so', async () => {
    world.replicas.set('default/temp-1', [replica('gone', `${world.directory}/nowhere`)])
    await world.push()
    const answer = await ask({ host: '127.0.0.1', port: world.port, path: '/function/temp' })
    expect(answer.status).toBe(503)
  })

  it('writes who called whom, without queries and credentials', async () => {
    await world.get('/function/mirror/log?token=secret', { headers: { authorization: 'Basic secret', cookie: 'secret' } })
    let lines: Record<string, unknown>[] = []
    const deadline = Date.now() + 15_000
    while (lines.length < 2 && Date.now() < deadline) {
      lines = readFileSync(world.layout.accessLogFile, 'utf8')
        .split('\n')
        .filter((line) => /mirror\/log|"\/log"/.test(line))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const [ingress, inbound] = ['ingress', 'inbound'].map((hop) => lines.find((line) => line['hop'] === hop))
    expect(ingress).toMatchObject({
      method: 'GET',
      code: 200,
      path: '/function/mirror/log',
      upstreamTls: 'TLSv1.3',
      upstreamPeer: 'spiffe://cluster.local/ns/default/sa/mirror',
      upstreamLocal: 'spiffe://cluster.local/ns/weft-system/sa/ingress',
    })
    expect(inbound).toMatchObject({
      workload: 'default/mirror-1',
      tls: 'TLSv1.3',
      peer: 'spiffe://cluster.local/ns/weft-system/sa/ingress',
      local: 'spiffe://cluster.local/ns/default/sa/mirror',
      callId: ingress?.['callId'],
    })
    expect(JSON.stringify(lines)).not.toContain('secret')
  }, 20_000)
})
