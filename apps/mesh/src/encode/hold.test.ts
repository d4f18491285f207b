import { readFileSync } from 'node:fs'
import http from 'node:http'
import { once } from 'node:events'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { holdSocket, TYPE_URLS } from './names.ts'
import { host, OPEN, snapshot, workload } from './testing/model.ts'
import { eventually } from '../testing/fixture.ts'
import { echoUpgrade, upgrade } from './testing/streams.ts'
import { mirror, World } from './testing/world.ts'
import type { MeshWorkload } from '@weft/mesh-model'

const closed: MeshWorkload = workload('closed', { policy: { ...OPEN, allow: [] } })

let world: World
let woken: string[]

/** Wakes with a replica, as the activator does: OK only when Envoy has it. */
async function wakeUp(name: string): Promise<number> {
  woken.push(name)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await world.addReplica(name, mirror, echoUpgrade)
  await world.push()
  return 200
}

const snapshotOf = (names: readonly string[]) =>
  snapshot(
    [...names.map((name) => workload(name)), closed],
    [...names, 'closed'].map((name) => host(name)),
  )

/** Sockets under the path of the hold listener: it, and connections to it. */
const heldSockets = () =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${world.directory}/`) && line.endsWith(basename(holdSocket(world.layout)))).length
const NAMES = ['one', 'two', 'three', 'four', 'five', 'six', 'many']

beforeAll(async () => {
  world = await World.start(snapshotOf(NAMES))
})

beforeEach(() => {
  woken = []
  world.wake = wakeUp
})

afterAll(() => world?.stop())

describe('a workload without replicas', () => {
  it('is woken by a call, which it then gets, caller and all', async () => {
    const answer = await world.get('/function/one/a?b=c', { headers: { 'x-forwarded-client-cert': 'URI=evil' } })
    expect(answer.status).toBe(200)
    expect(woken).toEqual(['default/one-1'])
    const { url, headers } = answer.json()
    expect(url).toBe('/a?b=c')
    expect(headers['x-forwarded-client-cert']).toMatch(
      /^By=spiffe:\/\/cluster.local\/ns\/default\/sa\/one;.*URI=spiffe:\/\/cluster.local\/ns\/weft-system\/sa\/ingress$/,
    )
    expect(headers['x-weft-workload']).toBeUndefined()
    expect(headers['x-weft-cluster']).toBeUndefined()
    expect((await world.get('/function/one')).json().headers['x-weft-held']).toBeUndefined()
    expect(woken).toHaveLength(1)
  })

  it('gets the first 3 MB whole', async () => {
    const answer = await world.get('/function/two', { method: 'POST', body: Buffer.alloc(3_000_000) })
    expect(answer.json().bytes).toBe(3_000_000)
  })

  it('leaves no connections behind where its calls waited', async () => {
    const before = heldSockets()
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.get('/function/many', { method: 'POST', body: 'x' })))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(before).toBeGreaterThan(0)
    expect(await eventually(() => heldSockets() <= before || undefined)).toBe(true)
  })

  it('gets a call with a body that came before its routes did', async () => {
    world.withhold(TYPE_URLS.route)
    await world.apply(snapshotOf([...NAMES, 'late']))
    const call = http.request({
      host: '127.0.0.1',
      port: world.port,
      path: '/function/late',
      method: 'POST',
      headers: { expect: '100-continue' },
      agent: false,
    })
    const response = once(call, 'response') as Promise<[http.IncomingMessage]>
    call.flushHeaders()
    await once(call, 'continue')
    call.end(Buffer.alloc(3_000_000))
    world.withhold()
    await world.push()
    const [answer] = await response
    expect([answer.statusCode, await text(answer)]).toEqual([200, expect.stringContaining('"bytes":3000000')])
  })

  it('gets the first WebSocket', async () => {
    expect(await upgrade({ host: '127.0.0.1', port: world.port, path: '/function/three/ws' }, 'hello')).toBe('hello')
    expect(woken).toEqual(['default/three-1'])
  })

  it('is not woken by whom its policy refuses', async () => {
    const answer = await world.get('/function/closed')
    expect([answer.status, answer.json().error.code]).toEqual([403, 'CALL_FORBIDDEN'])
    expect(woken).toEqual([])
  })

  it('answers what the activator says when it cannot be woken', async () => {
    world.wake = async () => 503
    expect((await world.get('/function/four')).status).toBe(503)
  })

  it('is given up when the replica is gone again each time', async () => {
    let passes = 0
    world.wake = async () => {
      passes += 1
      return 200
    }
    const answer = await world.get('/function/five')
    expect(answer.status).toBe(503)
    expect(passes).toBeLessThan(10)
  })

  it('is served by the hold listener when its replica died unnoticed', async () => {
    await world.addReplica('default/six-1')
    world.replicas.set(
      'default/six-1',
      (world.replicas.get('default/six-1') ?? []).map((each) => ({ ...each, inboundSocket: `${world.directory}/dead` })),
    )
    await world.push()
    world.wake = async (name) => {
      world.replicas.delete(name)
      return wakeUp(name)
    }
    expect((await world.get('/function/six', { method: 'POST', body: 'x' })).status).toBe(200)
    expect(woken).toEqual(['default/six-1'])
  })
})
