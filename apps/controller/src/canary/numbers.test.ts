import { describe, expect, it } from '@jest/globals'
import type { TrafficEnd, TrafficStatistics } from '@weft/mesh-model'
import { numbersBetween, totalsOf } from './numbers.ts'
import { StepReadings } from './windows.ts'

const end = (workload: string): TrafficEnd => ({ workload, namespace: 'default', principal: '', app: '', version: '', service: '' })

/** Calls that took 50 ms each (those that are `held`: 4 s). */
function calls(requests: number, more: Partial<TrafficStatistics> = {}): TrafficStatistics {
  const buckets =
    more.held === true
      ? [100, 5_000].map((le) => ({ le, count: le > 100 ? requests : 0 }))
      : [10, 100, 5_000].map((le) => ({ le, count: le > 10 ? requests : 0 }))
  return {
    reporter: 'destination',
    source: end('ingress'),
    destination: end('temp-v2'),
    code: '200',
    flags: '-',
    security: 'mutual_tls',
    requests,
    duration: { buckets, sum: 0, count: requests },
    ...more,
  }
}

const of = (...traffic: readonly TrafficStatistics[]) => totalsOf(traffic, 'default', 'temp-v2')

describe('numbersBetween', () => {
  it.each<[string, readonly TrafficStatistics[], readonly TrafficStatistics[], object]>([
    ['counts what happened between', [calls(100), calls(1, { code: '503' })], [calls(150), calls(6, { code: '503' })], { requests: 55, errors: 5 }],
    ['counts from zero when the proxy began anew', [calls(100)], [calls(10), calls(2, { code: '500' })], { requests: 12, errors: 2 }],
    ['counts all callers', [], [calls(10), calls(5, { source: end('other-v1') })], { requests: 15, errors: 0 }],
    ['adds up series that differ in what nobody asks for', [calls(3)], [calls(5), calls(5)], { requests: 7, errors: 0 }],
    ['takes 4xx for answers', [], [calls(10, { code: '404' })], { requests: 10, errors: 0 }],
    ['leaves out calls that their clients gave up', [], [calls(10), calls(7, { code: '0', flags: 'DR' })], { requests: 10, errors: 0 }],
    ['leaves out other workloads', [], [calls(10), calls(9, { destination: end('temp-v1') })], { requests: 10, errors: 0 }],
    ['does not count a call twice that both sides saw', [], [calls(10), calls(9, { reporter: 'source', security: 'unknown' })], { requests: 10 }],
    ['takes the caller where a call is one hop', [], [calls(2), calls(9, { reporter: 'source', security: 'unknown' })], { requests: 9 }],
    ['leaves out how long a call waited for a replica, and counts it', [], [calls(50), calls(50, { held: true })], { requests: 100, errors: 0, p99Ms: 99.1 }],
    ['counts a call that waited and failed', [], [calls(50), calls(3, { held: true, code: '503' })], { requests: 53, errors: 3 }],
    ['knows no percentile of calls that all waited', [], [calls(50, { held: true })], { requests: 50, p99Ms: undefined }],
    ['knows no percentile without a call', [calls(5)], [calls(5)], { requests: 0, p99Ms: undefined }],
  ])('%s', (_name, before, after, expected) => {
    const found = numbersBetween(of(...before), of(...after))
    expect({ ...found, ...(found.p99Ms === undefined ? {} : { p99Ms: Math.round(found.p99Ms * 10) / 10 }) }).toMatchObject(expected)
  })
})

describe('the readings of a step', () => {
  const reading = (at: number, requests: number, errors: number) => ({ at, candidate: of(calls(requests), calls(errors, { code: '500' })), baseline: of() })

  it('say nothing at first', () => {
    expect(new StepReadings(0, 10_000).add(reading(0, 5, 5)).step.candidate).toBeUndefined()
  })

  it('tell the whole step from its last interval', () => {
    const readings = new StepReadings(0, 10_000)
    for (let second = 0; second <= 100; second += 1) readings.add(reading(second * 1_000, second * 10, 0))
    for (let second = 101; second < 104; second += 1) readings.add(reading(second * 1_000, 1_000, (second - 100) * 10))
    const { step, recent } = readings.add(reading(104_000, 1_000, 40))
    expect(step.candidate).toMatchObject({ requests: 1_040, errors: 40 })
    expect(recent.candidate).toMatchObject({ requests: 100, errors: 40 })
  })
})
