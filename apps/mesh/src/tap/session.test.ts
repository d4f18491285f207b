import { describe, expect, it } from '@jest/globals'
import type { TapCall, TapEvent, TapRequest } from '@weft/mesh-model'
import { UNKNOWN } from '../statistics/ends.ts'
import { Bucket } from './decide/bucket.ts'
import { TapSession } from './session.ts'

const call = (path = '/'): TapCall => ({
  kind: 'call',
  at: '2026-01-01T00:00:00.000Z',
  direction: 'inbound',
  source: UNKNOWN,
  destination: UNKNOWN,
  method: 'GET',
  host: 'b',
  path,
  status: 200,
  flags: '-',
  details: '',
  durationMs: 1,
  requestBytes: 0,
  responseBytes: 0,
  mtls: true,
})
const session = (more: Partial<TapRequest> = {}) =>
  new TapSession({ name: { namespace: 'default', name: 'b' }, filter: {}, maxRps: 1000, durationMs: 60_000, ...more }, 0)
const count = (events: readonly TapEvent[] | undefined, kind: TapEvent['kind']) => events?.filter((event) => event.kind === kind).length

describe('a bucket', () => {
  it('gives as many at once as in a second, and no more than that however long it waited', () => {
    const bucket = new Bucket(10, 0)
    expect([bucket.take(7, 0), bucket.take(7, 0), bucket.take(7, 0)]).toEqual([7, 3, 0])
    expect([bucket.take(7, 500), bucket.take(100, 60_000)]).toEqual([5, 10])
  })

  it('is not confused by a clock that is set back', () => {
    const bucket = new Bucket(10, 1000)
    expect([bucket.take(10, 0), bucket.take(1, 50), bucket.take(1, 100)]).toEqual([10, 0, 1])
  })
})

describe('a reader of calls', () => {
  it('gets what comes in its order, with the number of those that were too many, and only once', async () => {
    const tap = session({ maxRps: 2 })
    for (const path of ['/1', '/2', '/3', '/4']) tap.offer(call(path), 0)
    tap.offer(call('/5'), 1000)
    expect(await tap.read(1, () => 0)).toEqual([call('/1'), call('/2'), { kind: 'dropped', count: 2 }, call('/5')])
    expect(await tap.read(1, () => 0)).toEqual([])
  })

  it('that is slow has a thousand calls waiting at most, and is told how many more there were', async () => {
    const tap = session({ maxRps: 1000 })
    for (let second = 0; second < 100; second += 1) for (let each = 0; each < 100; each += 1) tap.offer(call(), second * 1000)
    const events = await tap.read(1, () => 100_000)
    expect(count(events, 'call')).toBe(1000)
    expect(events?.at(-1)).toEqual({ kind: 'dropped', count: 9000 })
  })

  it('gets those that match, and the end after as many as it asked for', async () => {
    const tap = session({ filter: { path: { kind: 'prefix', value: '/a' } }, limit: 2 })
    for (const path of ['/b', '/a1', '/b', '/a2', '/a3']) tap.offer(call(path), 0)
    expect(await tap.read(1, () => 0)).toEqual([call('/a1'), call('/a2'), { kind: 'end', reason: 'limit' }])
    expect(await tap.read(1, () => 0)).toBeUndefined()
    expect(tap.done).toBe(true)
  })

  it('is woken by what comes, by the end, and by being closed', async () => {
    const woken = [
      (tap: TapSession) => tap.offer(call(), 0),
      (tap: TapSession) => tap.tick(20_000),
      (tap: TapSession) => {
        tap.drop(3)
        tap.tick(0)
      },
      (tap: TapSession) => tap.close(),
    ].map(async (act) => {
      const tap = session({ durationMs: 20_000 })
      let now = 0
      const reading = tap.read(30_000, () => now)
      now = 1
      act(tap)
      return reading
    })
    // oxlint-disable-next-line unicorn/no-useless-undefined -- that is what a closed one gives
    expect(await Promise.all(woken)).toEqual([[call()], [{ kind: 'end', reason: 'duration' }], [{ kind: 'dropped', count: 3 }], undefined])
  })

  it('hears a word every ten seconds, and ends when it does not read for thirty', async () => {
    const tap = session()
    expect(await tap.read(1, () => 9_000)).toEqual([])
    expect(await tap.read(1, () => 10_000)).toEqual([{ kind: 'idle' }])
    tap.tick(40_000)
    expect(tap.over).toBe(false)
    tap.tick(40_001)
    expect(tap.done).toBe(true)
  })
})
