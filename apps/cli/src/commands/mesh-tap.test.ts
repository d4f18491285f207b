import { describe, expect, it } from '@jest/globals'
import type { TapCall, TapEvent } from '@weft/mesh-model'
import { cli, testGateway } from '../testing/world.ts'

const PATH = 'GET /apis/mesh.weft.dev/v1alpha1/tap/temp.default'
const end = (name: string, version: string) => ({
  workload: name,
  namespace: 'default',
  principal: `spiffe://x/ns/default/sa/${name}`,
  app: name,
  version,
  service: name,
})
const call: TapCall = {
  kind: 'call',
  at: '2026-01-01T12:00:01.250Z',
  direction: 'inbound',
  source: end('control-00001', 'v1'),
  destination: end('temp-00002', 'unknown'),
  method: 'GET',
  host: 'temp',
  path: '/now',
  status: 503,
  flags: 'UF',
  details: '',
  durationMs: 12,
  requestBytes: 0,
  responseBytes: 0,
  mtls: true,
  held: true,
}
const END: TapEvent = { kind: 'end', reason: 'duration' }
const lines = (...events: readonly TapEvent[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('')

describe('weft mesh tap', () => {
  it('prints a row per call, what was dropped, and why it ended', async () => {
    await using gateway = await testGateway({ [PATH]: [200, lines(call, { kind: 'idle' }, { kind: 'dropped', count: 4 }, END)] })
    const { code, out } = await cli(['mesh', 'tap', 'temp'], { gateway })
    expect(code).toBe(0)
    const rows = out.split('\n').map((line) => line.split(/ {2,}/))
    expect(rows[0]).toEqual(['TIME', 'DIR', 'SOURCE', 'DESTINATION', 'METHOD', 'PATH', 'STATUS', 'FLAGS', 'TIME TAKEN', 'TLS'])
    expect(rows[1]).toEqual(['12:00:01.250', 'in', 'default/control-00001 (v1)', 'default/temp-00002', 'GET', '/now', '503', 'UF', '12ms held', 'mTLS'])
    expect(rows.slice(2).map(([text]) => text)).toEqual([expect.stringMatching(/^-- 4 dropped/), expect.stringMatching(/^-- The time is over/), ''])
  })

  it('asks for what its options say', async () => {
    await using gateway = await testGateway({ [PATH]: [200, lines(END)] })
    const line = ['mesh', 'tap', 'temp', '--method', 'GET', '--path', '/a*', '--min-status', '400', '--from', 'a', '--from-namespace', 'shop', '--max-rps', '5']
    await cli([...line, '--limit', '2', '--duration', '1m', '--direction', 'outbound'], { gateway })
    const url = new URL(gateway.seen[0]?.path ?? '', 'http://x')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      method: 'GET',
      path: '/a*',
      minStatus: '400',
      from: 'a',
      fromNamespace: 'shop',
      maxRps: '5',
      limit: '2',
      duration: '1m',
      direction: 'outbound',
      namespace: 'default',
    })
  })

  it('gives an object per line', async () => {
    await using gateway = await testGateway({ [PATH]: [200, lines(call, { kind: 'idle' }, END)] })
    const { out } = await cli(['mesh', 'tap', 'temp', '-o', 'json'], { gateway })
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([call, END])
  })

  it('lets no text of a stranger speak to the terminal', async () => {
    const bad: TapCall = { ...call, path: '/\u001b[2J\u009b31m\u202ex', method: 'G\u0007' }
    await using gateway = await testGateway({ [PATH]: [200, lines(bad, END)] })
    for (const more of [[], ['-o', 'json']]) {
      const { out } = await cli(['mesh', 'tap', 'temp', ...more], { gateway })
      expect(out).toContain('\\u001b')
      for (const character of ['\u001b', '\u009b', '\u0007', '\u202e']) expect(out).not.toContain(character)
    }
  })

  it('tells what the gateway says, and when the stream ends without a word', async () => {
    await using refusing = await testGateway({ [PATH]: [404, { error: { code: 'NOT_FOUND', message: 'host temp.default does not exist', help: 'x' } }] })
    expect(await cli(['mesh', 'tap', 'temp'], { gateway: refusing })).toMatchObject({ err: expect.stringContaining('host temp.default does not exist') })
    await using broken = await testGateway({ [PATH]: [200, lines(call)] })
    const { code, err } = await cli(['mesh', 'tap', 'temp'], { gateway: broken })
    expect([code > 0, err]).toEqual([true, expect.stringContaining('without a word')])
  })
})
