import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PolicyRule, StringMatch } from '@weft/mesh-model'
import { host, OPEN, route, snapshot, workload } from './testing/model.ts'
import { echoUpgrade, upgrade } from './testing/streams.ts'
import { mirror, World } from './testing/world.ts'

const is = (value: string): StringMatch => ({ kind: 'exact', value })
const rule = (rest: Partial<PolicyRule>): PolicyRule => ({ policy: { group: '', kind: 'P', name: 'p' }, index: 0, sources: [], operations: [], ...rest })
const CONTROL = [{ principals: [is('cluster.local/ns/default/sa/control')] }]

let world: World

beforeAll(async () => {
  const guarded = workload('guarded', {
    policy: {
      deny: [rule({ operations: [{ paths: [is('/admin')] }] })],
      allow: [rule({ sources: CONTROL }), rule({ operations: [{ paths: [is('/healthz')] }] })],
    },
  })
  const closed = workload('closed', { policy: { ...OPEN, allow: [] } })
  const workloads = [workload('control'), workload('temp'), guarded, closed]
  const mixed = host('mixed', [
    route('default/temp-1', {
      targets: [
        { weight: 1, workload: 'default/temp-1' },
        { weight: 1, workload: 'default/closed-1' },
      ],
    }),
  ])
  world = await World.start(snapshot(workloads, [...workloads.map((each) => host(each.function)), mixed], { path: 'direct' }), async (starting) => {
    for (const name of ['default/control-1', 'default/temp-1', 'default/guarded-1']) await starting.addReplica(name, mirror, echoUpgrade)
  })
})

afterAll(() => world?.stop())

describe('the direct path', () => {
  it('is accepted by Envoy as it is', () => expect(world.plane.refused).toEqual([]))

  it('tells the callee who called', async () => {
    const forged = { 'x-forwarded-client-cert': 'URI=evil' }
    const outside = (await world.get('/function/temp/a?b', { headers: forged })).json()
    expect(outside.url).toBe('/a?b')
    expect(outside.headers['x-forwarded-client-cert']).toBe('By=spiffe://cluster.local/ns/default/sa/temp;URI=spiffe://cluster.local/ns/weft-system/sa/ingress')
    expect(Object.keys(outside.headers).filter((name) => name.startsWith('x-weft'))).toEqual([])
    const inside = (await world.from('default/control-1', 'http://temp/a', { headers: forged })).json()
    expect(inside.headers['x-forwarded-client-cert']).toBe('By=spiffe://cluster.local/ns/default/sa/temp;URI=spiffe://cluster.local/ns/default/sa/control')
  })

  it.each<[string, string | undefined, string, number]>([
    ['the caller that the policy names', 'default/control-1', '/a', 200],
    ['nobody else', 'default/temp-1', '/a', 403],
    ['not the ingress', undefined, '/a', 403],
    ['an exempt path from the ingress', undefined, '/healthz', 200],
    ['an exempt path from a function', 'default/temp-1', '/healthz', 200],
    ['not below an exempt path', undefined, '/healthz/a', 403],
    ['not a denied path', 'default/control-1', '/admin', 403],
    ['not a denied path from the ingress', undefined, '/admin', 403],
  ])('allows %s', async (_name, from, path, status) => {
    const answer = from === undefined ? await world.get(`/function/guarded${path}`) : await world.from(from, `http://guarded${path}`)
    expect(answer.status).toBe(status)
  })

  it('asks the policy of the revision that was chosen', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => world.get('/function/mixed')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 403]))
  })

  it('wakes what has no replicas, but not for whom the policy refuses', async () => {
    let woken = 0
    world.wake = async (name) => {
      woken += 1
      await world.addReplica(name, mirror)
      await world.push()
      return 200
    }
    expect((await world.get('/function/closed')).status).toBe(403)
    expect(woken).toBe(0)
    world.replicas.delete('default/temp-1')
    await world.push()
    expect((await world.get('/function/temp', { method: 'POST', body: Buffer.alloc(3_000_000) })).json().bytes).toBe(3_000_000)
    expect(woken).toBe(1)
  })

  it('carries WebSockets', async () => {
    expect(await upgrade({ socketPath: world.outbound('default/control-1'), path: '/ws', headers: { host: 'control' } }, 'hello')).toBe('hello')
  })
})
