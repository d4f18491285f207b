import type { ConnectionStatistics, TrafficEnd, TrafficHistogram, TrafficStatistics } from '../plane.ts'

/** A version that calls or is called. */
export interface GraphNode {
  /** `namespace/workload`. */
  readonly id: string
  readonly namespace: string
  readonly workload: string
  readonly app: string
  readonly version: string
}

/** Whether callers proved who they are: in every call of the window, in some, in none; `unknown` where the side that was called did not report. */
export type GraphLock = 'all' | 'some' | 'none' | 'unknown'

/** Connections of raw TCP. Bytes are counted when a connection has ended, as the caller sees them. */
export interface GraphConnections extends ConnectionStatistics {
  /** Per second; absent when the window is not known. */
  readonly rates?: ConnectionStatistics
}

/** Calls, or connections, from one version to another. */
export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly requests: number
  /** Per second; absent when the window is not known. */
  readonly rate?: number
  /** Share of calls that ended with 5xx or without an answer, 0 to 1. */
  readonly errors: number
  /** Milliseconds, from the buckets of the histogram; absent without a finished call. */
  readonly p50?: number
  readonly p99?: number
  readonly lock: GraphLock
  /** Of raw TCP; there are no calls then. */
  readonly connections?: GraphConnections
}

/** Who called whom. */
export interface MeshGraph {
  /** Milliseconds; absent: since the platform started. */
  readonly windowMs?: number
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

/** The calls between two readings as a graph; with an empty first one and no window, all that were ever counted. */
export function graphOf(before: readonly TrafficStatistics[], after: readonly TrafficStatistics[], windowMs?: number): MeshGraph {
  const calls = callsBetween(before, after)
  const nodes = new Map<string, GraphNode>()
  const groups = Map.groupBy(reportedOnce(calls), ({ source, destination }) => `${idOf(source)} ${idOf(destination)}`)
  const edges = [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    for (const end of [first.source, first.destination]) nodes.set(idOf(end), nodeOf(end))
    return [edgeOf(group, first, { calls, windowMs })]
  })
  return {
    ...(windowMs === undefined ? {} : { windowMs }),
    nodes: [...nodes.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    edges: edges.toSorted((a, b) => (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1)),
  }
}

const idOf = ({ namespace, workload }: TrafficEnd): string => `${namespace}/${workload}`

function nodeOf(end: TrafficEnd): GraphNode {
  return { id: idOf(end), namespace: end.namespace, workload: end.workload, app: end.app, version: end.version }
}

/** A series by what does not change from one reading to the next. */
function keyOf({ reporter, source, destination, code, flags, security, connections }: TrafficStatistics): string {
  return [reporter, idOf(source), source.principal, idOf(destination), code, flags, security, connections === undefined].join(' ')
}

function callsBetween(before: readonly TrafficStatistics[], after: readonly TrafficStatistics[]): readonly TrafficStatistics[] {
  const earlier = new Map(before.map((one) => [keyOf(one), one]))
  return after
    .map((one) => {
      const last = earlier.get(keyOf(one))
      return last === undefined ? one : since(one, last)
    })
    .filter(({ requests, connections }) => requests > 0 || (connections !== undefined && connections.opened + connections.closed > 0))
}

function since(one: TrafficStatistics, last: TrafficStatistics): TrafficStatistics {
  const { connections } = one
  return {
    ...one,
    requests: one.requests - last.requests,
    duration: difference(one.duration, last.duration),
    ...(connections === undefined ? {} : { connections: eachOf((name) => connections[name] - (last.connections?.[name] ?? 0)) }),
  }
}

function eachOf(count: (name: keyof ConnectionStatistics) => number): ConnectionStatistics {
  return { opened: count('opened'), closed: count('closed'), sentBytes: count('sentBytes'), receivedBytes: count('receivedBytes') }
}

function difference(a: TrafficHistogram, b: TrafficHistogram): TrafficHistogram {
  const counts = new Map(b.buckets.map(({ le, count }) => [le, count]))
  return { buckets: a.buckets.map(({ le, count }) => ({ le, count: count - (counts.get(le) ?? 0) })), sum: a.sum - b.sum, count: a.count - b.count }
}

/** Each call by one side: the caller's where it reported (it knows its version), else the callee's. */
function reportedOnce(calls: readonly TrafficStatistics[]): readonly TrafficStatistics[] {
  const pair = ({ source, destination }: TrafficStatistics) => `${source.principal} ${idOf(destination)}`
  const bySource = new Set(calls.filter(({ reporter }) => reporter === 'source').map(pair))
  return calls.filter((one) => one.reporter === 'source' || !bySource.has(pair(one)))
}

interface Around {
  readonly calls: readonly TrafficStatistics[]
  readonly windowMs: number | undefined
}

function edgeOf(group: readonly TrafficStatistics[], { source, destination }: TrafficStatistics, { calls, windowMs }: Around): GraphEdge {
  const requests = total(group)
  const failed = total(group.filter(({ code }) => code === '0' || code.startsWith('5')))
  const duration = group.map((one) => one.duration).reduce(add)
  const p50 = quantile(duration, 0.5)
  const p99 = quantile(duration, 0.99)
  return {
    from: idOf(source),
    to: idOf(destination),
    requests,
    ...(windowMs === undefined ? {} : { rate: requests / (windowMs / 1000) }),
    errors: requests === 0 ? 0 : failed / requests,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    ...connectionsOf(group, windowMs),
    lock: lockOf(
      calls.filter((one) => one.reporter === 'destination' && one.source.principal === source.principal && idOf(one.destination) === idOf(destination)),
    ),
  }
}

function connectionsOf(group: readonly TrafficStatistics[], windowMs: number | undefined): Pick<GraphEdge, 'connections'> {
  const counted = group.flatMap(({ connections }) => connections ?? [])
  if (counted.length === 0) return {}
  const sums = eachOf((name) => counted.reduce((sum, one) => sum + one[name], 0))
  return { connections: { ...sums, ...(windowMs === undefined ? {} : { rates: eachOf((name) => sums[name] / (windowMs / 1000)) }) } }
}

const total = (calls: readonly TrafficStatistics[]): number => calls.reduce((sum, { requests }) => sum + requests, 0)

function add(a: TrafficHistogram, b: TrafficHistogram): TrafficHistogram {
  const counts = new Map(a.buckets.map(({ le, count }) => [le, count]))
  return { buckets: b.buckets.map(({ le, count }) => ({ le, count: count + (counts.get(le) ?? 0) })), sum: a.sum + b.sum, count: a.count + b.count }
}

function lockOf(reports: readonly TrafficStatistics[]): GraphLock {
  if (reports.length === 0) return 'unknown'
  const proven = reports.filter(({ security }) => security === 'mutual_tls').length
  return proven === reports.length ? 'all' : proven === 0 ? 'none' : 'some'
}

/**
 * A quantile of a histogram, linear within its bucket as Prometheus' `histogram_quantile` has it; the highest bound for what lies above it.
 * @returns `undefined` without an observation
 */
export function quantile({ buckets, count }: TrafficHistogram, q: number): number | undefined {
  if (count <= 0 || buckets.length === 0) return undefined
  const rank = q * count
  let below = { le: 0, count: 0 }
  for (const bucket of buckets) {
    if (bucket.count >= rank) {
      const inside = bucket.count - below.count
      return inside <= 0 ? bucket.le : below.le + ((bucket.le - below.le) * (rank - below.count)) / inside
    }
    below = bucket
  }
  return below.le
}
