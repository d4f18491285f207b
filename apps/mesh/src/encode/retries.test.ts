import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { host, replica, route, snapshot, workload } from './testing/model.ts'
import { mirror, World } from './testing/world.ts'

let world: World
const resets = { count: 0 }

beforeAll(async () => {
  const never = host('never', [route('default/flaky-1', { retries: { attempts: 0 } })])
  const names = ['half', 'flaky']
  world = await World.start(
    snapshot(
      names.map((name) => workload(name)),
      [...names.map((name) => host(name)), never],
    ),
    async (starting) => {
      const alive = await starting.addReplica('default/half-1')
      starting.replicas.set('default/half-1', [alive, replica('dead', `${starting.directory}/dead`)])
      await starting.addReplica('default/flaky-1', (request, response) => {
        resets.count += 1
        if (resets.count % 2 === 1) request.socket.destroy()
        else mirror(request, response)
      })
    },
  )
})

beforeEach(() => {
  // The activator sees that there are replicas.
  world.wake = async () => 200
})

afterAll(() => world?.stop())

/** How often the replica was asked, and what the caller saw. */
async function flaky(name: string, method: string, headers: Record<string, string> = {}): Promise<readonly [number, number]> {
  resets.count = 0
  const { status } = await world.get(`/function/${name}`, { method, headers, ...(method === 'POST' ? { body: 'x' } : {}) })
  return [status, resets.count]
}

describe('a call that fails on its way', () => {
  it.each(['GET', 'POST'])('reaches another replica when nothing was sent yet (%s)', async (method) => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => world.get('/function/half', { method, ...(method === 'POST' ? { body: 'x' } : {}) })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  it('is sent again after a reset when it is idempotent by method or by key', async () => {
    expect(await flaky('flaky', 'GET')).toEqual([200, 2])
    expect(await flaky('flaky', 'PUT')).toEqual([200, 2])
    expect(await flaky('flaky', 'POST', { 'idempotency-key': 'k' })).toEqual([200, 2])
  })

  it('is not sent again after a reset otherwise', async () => {
    expect(await flaky('flaky', 'POST')).toEqual([503, 1])
  })

  it('is not sent again at all when its route says so', async () => {
    expect(await flaky('never', 'GET')).toEqual([503, 1])
  })
})
