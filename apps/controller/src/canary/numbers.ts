import type { TrafficHistogram, TrafficStatistics } from '@weft/mesh-model'
import type { RevisionNumbers } from './types.ts'

/** Calls that ended alike, as one side counted them: cumulative. */
interface Series {
  readonly reporter: TrafficStatistics['reporter']
  readonly code: string
  readonly held: boolean
  readonly requests: number
  readonly duration: Durations
}

interface Durations {
  /** Upper bound in milliseconds → cumulative count. */
  readonly buckets: ReadonlyMap<number, number>
  readonly count: number
}

/** Cumulative numbers of one revision at one moment, by series. */
export type Totals = ReadonlyMap<string, Series>

const NONE: Totals = new Map()
const NOTHING: Durations = { buckets: new Map(), count: 0 }

/** What was counted for one workload. */
export function totalsOf(traffic: readonly TrafficStatistics[], namespace: string, workload: string): Totals {
  const totals = new Map<string, Series>()
  for (const one of traffic) {
    if (one.destination.workload !== workload || one.destination.namespace !== namespace) continue
    const { reporter, source, code, flags, security, held = false, requests, duration } = one
    const key = JSON.stringify([reporter, source, code, flags, security, held])
    const same = totals.get(key)
    const all = plus(same?.duration ?? NOTHING, durationsOf(duration), 1)
    totals.set(key, { reporter, code, held, requests: requests + (same?.requests ?? 0), duration: all })
  }
  return totals
}

function durationsOf({ buckets, count }: TrafficHistogram): Durations {
  return { buckets: new Map(buckets.map((bucket) => [bucket.le, bucket.count])), count }
}

/**
 * What happened between two moments, by the side that saw more: the callee sees copies of calls too, and where a call is one hop only the caller counts. Series that
 * went back (the proxy began anew) count from zero.
 */
export function numbersBetween(earlier: Totals = NONE, after: Totals): RevisionNumbers {
  const callee = sideBetween(earlier, after, 'destination')
  const caller = sideBetween(earlier, after, 'source')
  return caller.requests > callee.requests ? caller : callee
}

/** How long a call took that waited for a replica says nothing about the revision, and is left out; how it ended is not. Nor is a call that its client gave up. */
function sideBetween(earlier: Totals, after: Totals, side: Series['reporter']): RevisionNumbers {
  let requests = 0
  let errors = 0
  let durations = NOTHING
  for (const [key, series] of after) {
    if (series.reporter !== side || series.code === '0') continue
    const before = earlier.get(key)
    const base = before !== undefined && before.requests <= series.requests && before.duration.count <= series.duration.count ? before : undefined
    const delta = series.requests - (base?.requests ?? 0)
    requests += delta
    if (Number(series.code) >= 500) errors += delta
    if (!series.held) durations = plus(plus(durations, series.duration, 1), base?.duration ?? NOTHING, -1)
  }
  return { requests, errors, p99Ms: percentileMs(durations, 0.99) }
}

function plus(a: Durations, b: Durations, sign: 1 | -1): Durations {
  const buckets = new Map(a.buckets)
  for (const [le, count] of b.buckets) buckets.set(le, (buckets.get(le) ?? 0) + sign * count)
  return { buckets, count: a.count + sign * b.count }
}

/** Interpolated inside the bucket, as Prometheus' histogram_quantile does; the upper bound of the last bucket that is bounded beyond that. */
function percentileMs({ buckets, count: total }: Durations, quantile: number): number | undefined {
  if (total <= 0) return undefined
  const rank = quantile * total
  let lower = { le: 0, count: 0 }
  for (const [le, count] of [...buckets].filter(([bound]) => Number.isFinite(bound)).toSorted(([a], [b]) => a - b)) {
    if (count >= rank) return lower.le + ((le - lower.le) * (rank - lower.count)) / Math.max(1, count - lower.count)
    lower = { le, count }
  }
  return lower.le
}
