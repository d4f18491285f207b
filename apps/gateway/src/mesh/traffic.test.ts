import { describe, expect, it } from '@jest/globals'
import type { TrafficEnd, TrafficStatistics } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'

const TRAFFIC = '/apis/mesh.weft.dev/v1alpha1/traffic'
const end: TrafficEnd = { workload: 'a-v1', namespace: 'default', principal: 'spiffe://x/ns/default/sa/a', app: 'a', version: 'v1', service: 'a' }
const calls = (requests: number): TrafficStatistics => ({
  reporter: 'source',
  source: end,
  destination: end,
  code: '200',
  flags: '-',
  security: 'unknown',
  requests,
  duration: { buckets: [], sum: 0, count: requests },
})

describe('the traffic', () => {
  it('is told with the time, and never goes back', async () => {
    await using world = await makeWorld({ now: () => 42 })
    world.mesh.see(calls(5))
    expect((await world.call('GET', TRAFFIC)).json).toMatchObject({ at: 42, traffic: [{ requests: 5 }] })
    world.mesh.see(calls(2))
    expect((await world.call('GET', TRAFFIC)).json).toMatchObject({ traffic: [{ requests: 7 }] })
  })

  it('needs credentials', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', TRAFFIC, undefined, { authorization: '' })).status).toBe(401)
  })
})
