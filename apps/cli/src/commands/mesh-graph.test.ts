import { describe, expect, it } from '@jest/globals'
import type { TrafficEnd, TrafficStatistics } from '@weft/mesh-model'
import { cli, testGateway } from '../testing/world.ts'

const PATH = 'GET /apis/mesh.weft.dev/v1alpha1/traffic'
const end = (name: string): TrafficEnd => ({
  workload: `${name}-v1`,
  namespace: 'default',
  principal: `spiffe://x/ns/default/sa/${name}`,
  app: name,
  version: 'v1',
  service: name,
})
const calls = (requests: number, code = '200'): TrafficStatistics => ({
  reporter: 'destination',
  source: end('control'),
  destination: end('temp'),
  code,
  flags: '-',
  security: 'mutual_tls',
  requests,
  duration: { buckets: [{ le: 10, count: requests }], sum: requests, count: requests },
})

describe('weft mesh graph', () => {
  it('shows all calls since the start', async () => {
    await using gateway = await testGateway({ [PATH]: [200, { at: 1, traffic: [calls(3), calls(1, '503')] }] })
    const { code, out } = await cli(['mesh', 'graph', '--window', '0s'], { gateway })
    expect(code).toBe(0)
    expect(out.split('\n')[1]?.split(/ {2,}/)).toEqual(['default/control-v1 (v1)', '-> default/temp-v1 (v1)', '4', '25.0%', '5.0', '9.9', 'mTLS'])
  })

  it('shows connections of raw TCP below the calls', async () => {
    const connections = { opened: 3, closed: 2, sentBytes: 1500, receivedBytes: 20 }
    const tcp = { ...calls(0, '0'), destination: end('db'), connections }
    await using gateway = await testGateway({ [PATH]: [200, { at: 1, traffic: [calls(3), tcp] }] })
    const rows = (await cli(['mesh', 'graph', '--window', '0s'], { gateway })).out.split('\n').map((line) => line.split(/ {2,}/))
    expect(rows[0]?.[1]).toBe('CALLED')
    expect(rows.slice(3, 5)).toEqual([
      ['CALLER', 'CALLED (TCP)', 'OPENED', 'CLOSED', 'SENT', 'RECEIVED', 'LOCK'],
      ['default/control-v1 (v1)', '-> default/db-v1 (v1)', '3', '2', '1.5 KB', '20 B', 'mTLS'],
    ])
    await using only = await testGateway({ [PATH]: [200, { at: 1, traffic: [tcp] }] })
    expect((await cli(['mesh', 'graph', '--window', '0s'], { gateway: only })).out).toMatch(/^CALLER +CALLED \(TCP\)/)
  })

  it('shows the rates of a window, between two readings', async () => {
    let reading = 0
    await using gateway = await testGateway({ [PATH]: () => [200, { at: (reading += 1) * 2_000, traffic: [calls(reading * 10)] }] })
    expect((await cli(['mesh', 'graph', '--window', '10ms'], { gateway })).out).toContain('5.0/s')
    expect(gateway.seen.length).toBe(2)
  })

  it('gives JSON and the language of Graphviz', async () => {
    await using gateway = await testGateway({ [PATH]: [200, { at: 1, traffic: [calls(3)] }] })
    expect(JSON.parse((await cli(['mesh', 'graph', '--window', '0s', '-o', 'json'], { gateway })).out)).toMatchObject({ edges: [{ requests: 3, lock: 'all' }] })
    expect((await cli(['mesh', 'graph', '--window', '0s', '-o', 'dot'], { gateway })).out).toMatch(
      /^digraph mesh \{[^]*"default\/control-v1" -> "default\/temp-v1"/,
    )
  })

  it('says when nothing was called, and refuses a window that is none', async () => {
    await using gateway = await testGateway({ [PATH]: [200, { at: 1, traffic: [] }] })
    expect((await cli(['mesh', 'graph', '--window', '1ms'], { gateway })).out).toContain('No call was made in this time')
    expect((await cli(['mesh', 'graph', '--window', 'soon'], { gateway })).code).toBe(2)
  })
})
