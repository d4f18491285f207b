import { describe, expect, it } from '@jest/globals'
import { LoadFilter, readLoad, type ClusterStats } from './report.ts'

const stats = (name: string, inProgress: number, started: number): ClusterStats => ({
  cluster_name: name,
  upstream_locality_stats: [
    { total_requests_in_progress: inProgress, total_issued_requests: started },
    { total_requests_in_progress: 1, total_issued_requests: 1 },
  ],
  load_report_interval: { seconds: 0, nanos: 100_000_000 },
})

describe('a load report', () => {
  it('adds up the localities of a workload, replicas and held calls alike', () => {
    expect(readLoad([stats('local/default/temp-v1', 3, 7)])).toEqual(
      new Map([['default/temp-v1', { workload: { namespace: 'default', name: 'temp-v1' }, inProgress: 4, started: 8, intervalMs: 100 }]]),
    )
  })

  it('knows nothing of clusters that are not a workload', () => {
    expect(readLoad([stats('pair/a/b/default/temp-v1', 1, 1), stats('gateway', 1, 1)]).size).toBe(0)
  })

  it.each([Number.NaN, -5, Number.POSITIVE_INFINITY])('takes %p for nothing', (value) => {
    expect(readLoad([stats('local/a/b', value, value)]).get('a/b')).toMatchObject({ inProgress: 1, started: 1 })
  })

  it('is told while something is under way, once with zero when that ends, and then no more', () => {
    const filter = new LoadFilter()
    const told = [2, 0, 0, 1, 0].map((inProgress) => {
      const report = { workload: { namespace: 'a', name: 'b' }, inProgress, started: 0, intervalMs: 100 }
      return filter.take(new Map([['a/b', report]])).map((entry) => entry.inProgress)
    })
    expect(told).toEqual([[2], [0], [], [1], [0]])
  })
})
