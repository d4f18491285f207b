import type { InvocationStatistics } from '@weft/mesh-model'
import type { RevisionNumbers } from './decide.ts'

/** Cumulative numbers of one revision at one moment. */
export type Totals = Pick<InvocationStatistics, 'byCode' | 'durationBuckets' | 'durationCount'>

/** What happened between two moments; a counter that went back (the proxy began anew) counts from zero. */
export function numbersBetween(before: Totals | undefined, after: Totals): RevisionNumbers {
  let requests = 0
  let errors = 0
  for (const [code, count] of Object.entries(after.byCode)) {
    const delta = grown(before?.byCode[code], count)
    requests += delta
    if (Number(code) >= 500) errors += delta
  }
  return { requests, errors, p99Ms: percentileMs(before, after, 0.99) }
}

function grown(before: number | undefined, after: number): number {
  return before === undefined || after < before ? after : after - before
}

/** Interpolated inside the bucket, as Prometheus' histogram_quantile does; the upper bound of the last bucket that is bounded beyond that. */
function percentileMs(before: Totals | undefined, after: Totals, quantile: number): number | undefined {
  const earlier = new Map((before?.durationBuckets ?? []).map((bucket) => [bucket.le, bucket.count]))
  const restarted = before !== undefined && after.durationCount < before.durationCount
  const buckets = after.durationBuckets.map(({ le, count }) => ({ le, count: restarted ? count : count - (earlier.get(le) ?? 0) }))
  const total = Math.max(buckets.at(-1)?.count ?? 0, restarted ? after.durationCount : after.durationCount - (before?.durationCount ?? 0))
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
