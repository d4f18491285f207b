import { describe, expect, it } from '@jest/globals'
import { LoadFilter, readLoad, type ClusterStats } from './report.ts'

/** Counts of the replicas (priority 0) and of the hold listener behind them. */
const stats = (name: string, replicas: readonly [number, number], held: readonly [number, number] = [0, 0]): ClusterStats => ({
  cluster_name: name,
  upstream_locality_stats: [
    { priority: 1, total_requests_in_progress: held[0], total_issued_requests: held[1] },
    { total_requests_in_progress: replicas[0], total_issued_requests: replicas[1] },
  ],
  load_report_interval: { seconds: 0, nanos: 100_000_000 },
})
const NOBODY = new Map<string, number>()
const report = (inProgress: number, started: number) =>
  new Map([['default/temp-v1', { workload: { namespace: 'default', name: 'temp-v1' }, inProgress, started, intervalMs: 100 }]])

describe('a load report', () => {
  it.each([
    { name: 'a call that a replica has', clusters: [stats('local/default/temp-v1', [3, 7])], waiting: NOBODY, expected: report(3, 7) },
    { name: 'a call that was held and has a replica now', clusters: [stats('local/default/temp-v1', [1, 1], [1, 1])], waiting: NOBODY, expected: report(1, 1) },
    {
      name: 'calls that are held',
      clusters: [stats('local/default/temp-v1', [0, 0], [2, 2])],
      waiting: new Map([['default/temp-v1', 2]]),
      expected: report(2, 0),
    },
    {
      name: 'calls of the ingress and of functions on the direct path',
      clusters: [stats('direct/default/temp-v1', [2, 5], [1, 1]), stats('local/default/temp-v1', [4, 6])],
      waiting: new Map([['default/temp-v1', 1]]),
      expected: report(7, 11),
    },
  ])('counts once $name', ({ clusters, waiting, expected }) => {
    expect(readLoad(clusters, waiting)).toEqual(expected)
  })

  it('knows nothing of clusters that are not a workload', () => {
    expect(readLoad([stats('pair/a/b/default/temp-v1', [1, 1]), stats('gateway', [1, 1])], NOBODY).size).toBe(0)
  })

  it.each([Number.NaN, -5, Number.POSITIVE_INFINITY])('takes %p for nothing', (value) => {
    expect(readLoad([stats('local/a/b', [value, value])], NOBODY).get('a/b')).toMatchObject({ inProgress: 0, started: 0 })
  })

  it('is told while something is under way, once with zero when that ends, and then no more', () => {
    const filter = new LoadFilter()
    const told = [2, 0, 0, 1, 0].map((inProgress) => {
      const given = { workload: { namespace: 'a', name: 'b' }, inProgress, started: 0, intervalMs: 100 }
      return filter.take(new Map([['a/b', given]])).map((entry) => entry.inProgress)
    })
    expect(told).toEqual([[2], [0], [], [1], [0]])
  })
})
