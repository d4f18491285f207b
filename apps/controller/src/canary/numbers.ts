import type { InvocationStatistics } from '@weft/mesh-model'
import type { RevisionNumbers } from './decide.ts'

/** Cumulative numbers of one revision at one moment. */
export type Totals = Pick<InvocationStatistics, 'byCode' | 'durationBuckets' | 'durationCount'>

/** What happened between two moments; counters that went back (the proxy began anew) count from zero. */
export function numbersBetween(earlier: Totals | undefined, after: Totals): RevisionNumbers {
  const before = earlier !== undefined && calls(after) >= calls(earlier) ? earlier : undefined
  let requests = 0
  let errors = 0
  for (const [code, count] of Object.entries(after.byCode)) {
    const delta = Math.max(0, count - (before?.byCode[code] ?? 0))
    requests += delta
    if (Number(code) >= 500) errors += delta
  }
  return { requests, errors, p99Ms: percentileMs(before, after, 0.99) }
}

function calls({ byCode }: Totals): number {
  return Object.values(byCode).reduce((sum, count) => sum + count, 0)
}

/** Interpolated inside the bucket, as Prometheus' histogram_quantile does; the upper bound of the last bucket that is bounded beyond that. */
function percentileMs(before: Totals | undefined, after: Totals, quantile: number): number | undefined {
  const earlier = new Map((before?.durationBuckets ?? []).map((bucket) => [bucket.le, bucket.count]))
  const buckets = after.durationBuckets.map(({ le, count }) => ({ le, count: count - (earlier.get(le) ?? 0) }))
  const total = after.durationCount - (before?.durationCount ?? 0)
  if (total <= 0) return undefined
  const rank = quantile * total
  let lower = { le: 0, count: 0 }
  for (const bucket of buckets) {
    if (bucket.count >= rank && Number.isFinite(bucket.le)) {
      const share = (rank - lower.count) / Math.max(1, bucket.count - lower.count)
      return 1000 * (lower.le + (bucket.le - lower.le) * share)
    }
    if (Number.isFinite(bucket.le)) lower = bucket
  }
  return 1000 * lower.le
}
