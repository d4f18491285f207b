import http from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { MeshSnapshot, RouteMatch } from '@weft/mesh-model'
import { eventually } from '../testing/fixture.ts'
import { host, OPEN, route, snapshot, workload } from './testing/model.ts'
import { echoUpgrade, tunnel, upgrade } from './testing/streams.ts'
import { ask, mirror, World } from './testing/world.ts'

const CALLER = 'default/control-1'

const onlyFrom = (more: Partial<RouteMatch>): RouteMatch => ({ headers: [], queryParameters: [], ...more })

function model(more: Partial<MeshSnapshot> = {}): MeshSnapshot {
  const control = {
    deny: [],
    allow: [
      {
        policy: { group: '', kind: 'P', name: 'p' },
        index: 0,
        sources: [{ principals: [{ kind: 'exact' as const, value: 'cluster.local/ns/default/sa/control' }] }],
        operations: [],
      },
    ],
  }
  const workloads = [
    workload('control'),
    workload('temp'),
    workload('other'),
    workload('guarded', { policy: control }),
    workload('cart', { namespace: 'shop' }),
    workload('closed', { policy: { ...OPEN, allow: [] } }),
  ]
  const labelled = host('labelled', [
    route('default/temp-1', { matches: [onlyFrom({ sourceLabels: { app: 'control' } })] }),
    route('default/other-1', { matches: [onlyFrom({ port: 8080 })] }),
  ])
  return snapshot(
    workloads,
    [...['control', 'temp', 'other', 'guarded', 'closed'].map((name) => host(name)), host('cart', [route('shop/cart-1')], 'shop'), labelled],
    more,
  )
}

let world: World
let outside: http.Server
let outsidePort: number

beforeAll(async () => {
  outside = http.createServer(mirror)
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
  const address = outside.address()
  outsidePort = typeof address === 'object' && address !== null ? address.port : 0
  world = await World.start(model(), async (starting) => {
    for (const name of ['default/control-1', 'default/temp-1', 'default/other-1', 'default/guarded-1', 'default/closed-1', 'shop/cart-1'])
      await starting.addReplica(name, mirror, echoUpgrade)
  })
})

afterAll(async () => {
  await world?.stop()
  await new Promise((resolve) => outside.close(resolve))
})

describe('calls of a function to the mesh', () => {
  it('are accepted by Envoy as they are configured', () => expect(world.plane.refused).toEqual([]))

  it.each([
    'http://temp/a?b=c',
    'http://temp:8080/a?b=c',
    'http://temp.default/a?b=c',
    'http://TEMP.default:80/a?b=c',
    'http://temp.openfaas-fn:8080/a?b=c',
    'http://temp.default.svc:8080/a?b=c',
    'http://temp.default.svc.cluster.local:8080/a?b=c',
  ])('reach %s as themselves', async (url) => {
    for (const _again of [1, 2]) {
      const { url: seen, headers } = (await world.from(CALLER, url)).json()
      expect(seen).toBe('/a?b=c')
      expect(headers['x-forwarded-client-cert']).toMatch(
        /^By=spiffe:\/\/cluster.local\/ns\/default\/sa\/temp;Hash=.*;URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/control$/,
      )
    }
  })

  it('reach another namespace by its name only', async () => {
    expect((await world.from(CALLER, 'http://cart.shop/')).status).toBe(200)
    expect((await world.from(CALLER, 'http://cart/')).status).toBe(404)
  })

  it('may be the first ones with a body of any size', async () => {
    const answer = await world.from('default/temp-1', 'http://other/', { method: 'POST', body: Buffer.alloc(3_000_000) })
    expect(answer.json().bytes).toBe(3_000_000)
  })

  it('have a bounded number of connections, so that those of others are left', async () => {
    const most = world.layout.limits.maxReplicaConnections
    const sockets = Array.from({ length: most + 20 }, () => connect(world.outbound(CALLER)).on('error', () => undefined))
    await eventually(() => sockets.filter(({ closed }) => closed).length >= 20 || undefined)
    expect(sockets.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(most)
    await expect(world.from(CALLER, 'http://temp/')).rejects.toThrow()
    expect((await world.from('default/temp-1', 'http://other/')).status).toBe(200)
    for (const socket of sockets) socket.destroy()
    await eventually(async () => (await world.from(CALLER, 'http://temp/').catch(() => undefined))?.status === 200 || undefined)
  })

  it('may be the first ones with a WebSocket', async () => {
    expect(await upgrade({ socketPath: world.outbound('default/other-1'), path: '/ws', headers: { host: 'temp' } }, 'hello')).toBe('hello')
  })

  it('work in absolute form', async () => {
    const answer = await ask({ socketPath: world.outbound(CALLER), path: 'http://temp.default:8080/a' }, { headers: { host: 'temp.default:8080' } })
    expect(answer.json().url).toBe('/a')
  })

  it('have the identity of the socket, not the one they claim', async () => {
    const forged = { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/control', 'x-weft-first': 'yes', 'x-weft-retry': 'none' }
    expect((await world.from(CALLER, 'http://guarded/')).status).toBe(200)
    expect((await world.from('default/other-1', 'http://guarded/', { headers: forged })).status).toBe(403)
    expect((await world.from('default/other-1', 'http://guarded/', { headers: forged })).json().error.code).toBe('CALL_FORBIDDEN')
    expect((await world.from(CALLER, 'http://closed/')).status).toBe(403)
  })

  it('follow conditions on the caller and the port', async () => {
    expect((await world.from(CALLER, 'http://labelled/')).json().headers['x-forwarded-client-cert']).toContain('sa/temp;')
    expect((await world.from('default/temp-1', 'http://labelled:8080/')).json().headers['x-forwarded-client-cert']).toContain('sa/other;')
    expect((await world.from('default/temp-1', 'http://labelled/')).status).toBe(404)
  })

  it.each([
    ['nobody', 'HOST_NOT_FOUND'],
    ['nobody.default:8080', 'HOST_NOT_FOUND'],
    ['a.b.svc.cluster.local', 'HOST_NOT_FOUND'],
    ['temp:9999', 'PORT_NOT_FOUND'],
  ])('get a 404 that says why for %s, at once', async (name, code) => {
    for (const _again of [1, 2]) {
      const answer = await world.from(CALLER, `http://${name}/`, { method: 'POST', body: 'x' })
      expect([answer.status, answer.json().error.code]).toEqual([404, code])
    }
  })

  it('see a change of routes', async () => {
    await world.from(CALLER, 'http://temp/')
    await world.apply({ ...model(), hosts: new Map([...model().hosts, ['default/temp', host('temp', [route('default/other-1')])]]) })
    expect((await world.from(CALLER, 'http://temp/')).json().headers['x-forwarded-client-cert']).toContain('sa/other;')
    await world.apply(model())
  })

  it('cannot fill the proxy with names: after some the routes come as a whole, and work', async () => {
    for (let index = 0; index < 12; index += 1) expect((await world.from('default/other-1', `http://made-up-${index}/`)).status).toBe(404)
    await world.push()
    expect((await world.from('default/other-1', 'http://made-up-99/')).status).toBe(404)
    expect((await world.from('default/other-1', 'http://temp.default:8080/', { method: 'POST', body: Buffer.alloc(3_000_000) })).json().bytes).toBe(3_000_000)
    expect(world.plane.refused).toEqual([])
  })
})

describe('CONNECT', () => {
  it.each(['temp:80', 'temp.default:8080', 'temp.default.svc.cluster.local:8080'])('to %s goes the same way, under the same identity', async (authority) => {
    const socket = await tunnel(world.outbound(CALLER), authority)
    if (typeof socket === 'number') throw new Error(`refused: ${socket}`)
    const answer = await ask({ path: '/a', createConnection: () => socket }, { headers: { host: authority } })
    expect(answer.json().url).toBe('/a')
    expect(answer.json().headers['x-forwarded-client-cert']).toContain('sa/control')
    socket.destroy()
  })

  it('to a mesh name is no way around the policy', async () => {
    const socket = await tunnel(world.outbound('default/temp-1'), 'guarded:80')
    if (typeof socket === 'number') throw new Error(`refused: ${socket}`)
    expect((await ask({ path: '/', createConnection: () => socket }, { headers: { host: 'guarded' } })).status).toBe(403)
    socket.destroy()
  })

  it('inside of CONNECT is refused', async () => {
    const socket = await tunnel(world.outbound(CALLER), 'temp:80')
    if (typeof socket === 'number') throw new Error(`refused: ${socket}`)
    const text = await new Promise<string>((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString()))
      socket.write(`CONNECT temp:80 HTTP/1.1\r\nHost: temp:80\r\n\r\n`)
    })
    expect(text).toMatch(/^HTTP\/1.1 40[0-9]/)
    socket.destroy()
  })
})

const FORBIDDEN = [
  '127.0.0.1',
  'localhost',
  'localhost.',
  '169.254.169.254',
  '10.1.2.3',
  '192.168.1.1',
  '172.16.0.1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '2130706433',
  '0x7f000001',
  '127.1',
  '0.0.0.0',
  '[::]',
  '[fe80::1]',
  '[fd00::1]',
  '203.0.113.7',
  'ip6-localhost',
]

describe('calls to the outside', () => {
  it.each(FORBIDDEN)('do not reach %s by CONNECT', async (name) => {
    expect([403, 404, 503]).toContain(await connected(`${name}:${outsidePort}`))
  })

  it.each(FORBIDDEN)('do not reach %s by a plain request', async (name) => {
    const answer = await ask({ socketPath: world.outbound(CALLER), path: '/' }, { headers: { host: `${name}:${outsidePort}` } })
    expect([400, 403, 404, 503]).toContain(answer.status)
    const absolute = await ask({ socketPath: world.outbound(CALLER), path: `http://${name}:${outsidePort}/` }, { headers: { host: 'temp' } })
    expect([400, 403, 404, 503]).toContain(absolute.status)
  })

  it('say that https in absolute form needs CONNECT', async () => {
    const answer = await ask({ socketPath: world.outbound(CALLER), path: 'https://example.org/' }, { headers: { host: 'example.org' } })
    expect([answer.status, answer.json().error.code]).toEqual([501, 'USE_CONNECT'])
  })

  it('are refused when only the mesh may be called, with the reason', async () => {
    await world.apply(model({ outbound: { policy: 'REGISTRY_ONLY' } }))
    const answer = await world.from(CALLER, 'http://192.0.2.1/')
    expect([answer.status, answer.json().error.code, answer.json().error.message]).toEqual([
      502,
      'HOST_NOT_REGISTERED',
      expect.stringContaining('only registered hosts'),
    ])
    expect(await connected('192.0.2.1:443')).toBe(502)
    await world.apply(model())
  })
})

async function connected(authority: string): Promise<number> {
  const socket = await tunnel(world.outbound(CALLER), authority).catch(() => 400)
  if (typeof socket === 'number') return socket
  const answer = await ask({ path: '/', createConnection: () => socket }, { headers: { host: authority } })
  socket.destroy()
  return answer.status
}
