import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { MeshSnapshot } from '@weft/mesh-model'
import { compiled, destinationRule, functionOf, subset, virtualService } from './testing/resources.ts'
import { World } from './testing/world.ts'
import type { Answer, Ask } from './testing/world.ts'

const BALANCERS: Readonly<Record<string, object>> = {
  round: { simple: 'ROUND_ROBIN' },
  random: { simple: 'RANDOM' },
  warm: { simple: 'LEAST_REQUEST', warmup: { duration: '30s', minimumPercent: 10, aggression: 1.5 } },
  header: { consistentHash: { httpHeaderName: 'X-User' } },
  cookie: { consistentHash: { httpCookie: { name: 'stay', ttl: '0s', path: '/' } } },
  query: { consistentHash: { httpQueryParameterName: 'user', maglev: {} } },
  source: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 128 } } },
}
const NARROW = { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, maxRequestsPerConnection: 1 } }
const SINGLE = { http: { http2MaxRequests: 1 } }

function model(path: MeshSnapshot['path']): MeshSnapshot {
  const balanced = Object.entries(BALANCERS).flatMap(([name, loadBalancer]) => [...functionOf(name), destinationRule(name, { loadBalancer })])
  return compiled(
    [
      ...functionOf('caller'),
      ...balanced,
      ...functionOf('narrow'),
      destinationRule('narrow', { connectionPool: NARROW, tls: { mode: 'ISTIO_MUTUAL' } }),
      ...functionOf('single'),
      destinationRule('single', { connectionPool: SINGLE }),
      ...functionOf('sick'),
      destinationRule('sick', { outlierDetection: { consecutive5xxErrors: 1, interval: '0.1s', baseEjectionTime: '60s', maxEjectionPercent: 100 } }),
      ...functionOf('parts', 2),
      destinationRule('parts', { loadBalancer: { simple: 'ROUND_ROBIN' } }, [
        subset('v1'),
        subset('v2', { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } }),
      ]),
      virtualService('parts', [
        { match: [{ uri: { prefix: '/v2' } }], route: [{ destination: { host: 'parts', subset: 'v2' } }] },
        { route: [{ destination: { host: 'parts', subset: 'v1' } }] },
      ]),
    ],
    path,
  )
}

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('how a DestinationRule has calls carried, on the %s path', (path) => {
  let world: World

  beforeAll(async () => {
    world = await World.start(model(path), async (starting) => {
      await starting.addReplica('default/caller-v1')
      for (const name of [...Object.keys(BALANCERS).map((each) => `${each}-v1`), 'parts-v1', 'parts-v2']) {
        for (const replica of ['a', 'b', 'c']) await starting.addReplica(`default/${name}`, (_request, response) => void response.end(replica))
      }
      await starting.addReplica('default/narrow-v1', (_request, response) => void setTimeout(() => response.end('{}'), 300))
      await starting.addReplica('default/sick-v1', (_request, response) => void response.end('well'))
      await starting.addReplica('default/sick-v1', (_request, response) => {
        response.statusCode = 500
        response.end('sick')
      })
    })
  })

  afterAll(() => world?.stop())

  type Call = (host: string, url?: string, options?: Ask) => Promise<Answer>
  const ways: readonly (readonly [string, Call])[] = [
    ['from outside', (host, url = '/', options = {}) => world.get(`/function/${host}${url}`, options)],
    ['from a function', (host, url = '/', options = {}) => world.from('default/caller-v1', `http://${host}${url}`, options)],
  ]

  it('is accepted by Envoy as it is configured', async () => {
    expect((await world.from('default/caller-v1', 'http://round/')).status).toBe(200)
    expect(world.plane.refused).toEqual([])
  })

  describe.each(ways)('called %s', (_way, call) => {
    const replicas = async (count: number, ask: (index: number) => Promise<Answer>): Promise<readonly string[]> => {
      const bodies: string[] = []
      for (let index = 0; index < count; index++) bodies.push((await ask(index)).body)
      return bodies
    }
    const kinds = (bodies: readonly string[]): number => new Set(bodies).size

    it('calls go around', async () => {
      const bodies = await replicas(30, () => call('round'))
      expect(Object.values(Object.groupBy(bodies, (body) => body)).map((list) => list?.length)).toEqual([10, 10, 10])
    })

    it.each(['random', 'warm'])('calls reach every replica: %s', async (host) => expect(kinds(await replicas(60, () => call(host)))).toBe(3))

    it('a header keeps calls with one replica', async () => {
      expect(kinds(await replicas(10, () => call('header', '/', { headers: { 'x-user': 'jason' } })))).toBe(1)
      expect(kinds(await replicas(40, (index) => call('header', '/', { headers: { 'x-user': `user-${index}` } })))).toBe(3)
    })

    it('a query parameter keeps calls with one replica', async () => {
      expect(kinds(await replicas(10, () => call('query', '/?user=jason')))).toBe(1)
      expect(kinds(await replicas(40, (index) => call('query', `/?user=${index}`)))).toBe(3)
    })

    it('a cookie is set, and keeps calls with one replica', async () => {
      const first = await call('cookie')
      const [cookie = ''] = first.headers['set-cookie'] ?? []
      expect(cookie).toMatch(/^stay="?[0-9a-f]+"?; path=\//i)
      const bodies = await replicas(10, () => call('cookie', '/', { headers: { cookie: cookie.split(';')[0] } }))
      expect(new Set(bodies)).toEqual(new Set([first.body]))
    })

    it('the source keeps calls with one replica', async () => expect(kinds(await replicas(10, () => call('source')))).toBe(1))

    it('a subset has its own', async () => {
      expect(kinds(await replicas(9, () => call('parts')))).toBe(3)
      expect(kinds(await replicas(9, () => call('parts', '/v2', { headers: { 'x-user': 'jason' } })))).toBe(1)
    })

    it('calls above the limits are answered at once', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => call('narrow')))
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1)
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(5)
      expect(new Set(statuses)).toEqual(new Set([200, 429]))
      expect(answers.find(({ status }) => status === 429)?.json().error.code).toBe('OVERLOADED')
    })

    it('limits do not keep a call from waking what has no replica', async () => {
      world.replicas.delete('default/single-v1')
      await world.push()
      world.wake = async (name) => {
        await world.addReplica(name, (_request, response) => void response.end('awake'))
        await world.push()
        return 200
      }
      expect((await call('single', '/', { method: 'POST', body: 'x' })).body).toBe('awake')
    })

    it('a replica that fails is left out', async () => {
      world.wake = async () => 200
      const deadline = Date.now() + 10_000
      for (let well = 0; well < 20 && Date.now() < deadline;) {
        const { status } = await call('sick')
        well = status === 200 ? well + 1 : 0
        if (status !== 200) await pause(50)
      }
      expect(new Set(await replicas(10, () => call('sick')))).toEqual(new Set(['well']))
    })
  })
})
