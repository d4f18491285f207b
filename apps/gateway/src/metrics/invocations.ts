import { keyOf, type NamespacedName } from '@weft/core'
import type { InvocationStatistics, MeshPlane } from '@weft/mesh-model'

/** Calls of one function through the ingress since the platform started, over all revisions and all lives of the proxy. */
export interface FunctionTotals {
  readonly function: NamespacedName
  readonly started: number
  readonly completed: number
  readonly byCode: Readonly<Record<string, number>>
  /** Upper bound in seconds → cumulative count. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[]
  readonly durationSumSeconds: number
  readonly durationCount: number
}

/** The numbers of one revision: what earlier lives of the proxy counted, and what the present one did. */
interface Entry {
  readonly base: InvocationStatistics | undefined
  readonly last: InvocationStatistics
}

/**
 * Keeps the counters of the proxies monotonic: when a proxy was started anew its counters begin at zero, and what it counted before is kept here.
 */
export class InvocationTotals {
  readonly #mesh: Pick<MeshPlane, 'invocations'>
  readonly #entries = new Map<string, Entry>()
  #reading: Promise<void> | undefined

  constructor(mesh: Pick<MeshPlane, 'invocations'>) {
    this.#mesh = mesh
  }

  /** The totals by `namespace/name`; those of the last time when the mesh does not answer. */
  async read(): Promise<ReadonlyMap<string, FunctionTotals>> {
    // One reading at a time: an older answer that came after a newer one would look like a proxy that began anew.
    this.#reading ??= this.#take().finally(() => {
      this.#reading = undefined
    })
    await this.#reading.catch(() => undefined)
    return this.#totals()
  }

  async #take(): Promise<void> {
    for (const statistics of await this.#mesh.invocations()) {
      const key = `${keyOf(statistics.function)}/${statistics.revision}`
      this.#entries.set(key, advance(this.#entries.get(key), statistics))
    }
  }

  /** Forgets functions that are not there any more. */
  retain(isThere: (key: string) => boolean): void {
    for (const [key, entry] of this.#entries) if (!isThere(keyOf(entry.last.function))) this.#entries.delete(key)
  }

  #totals(): ReadonlyMap<string, FunctionTotals> {
    const totals = new Map<string, FunctionTotals>()
    for (const { base, last } of this.#entries.values()) {
      const key = keyOf(last.function)
      totals.set(key, sum(totals.get(key), base === undefined ? last : add(base, last)))
    }
    return totals
  }
}

/** The next state of an entry: counters that went back mean that the proxy began anew. */
function advance(entry: Entry | undefined, next: InvocationStatistics): Entry {
  if (entry === undefined) return { base: undefined, last: next }
  const { base, last } = entry
  if (next.started >= last.started && next.durationCount >= last.durationCount) return { base, last: next }
  return { base: base === undefined ? last : add(base, last), last: next }
}

function add(a: InvocationStatistics, b: InvocationStatistics): InvocationStatistics {
  return {
    function: b.function,
    revision: b.revision,
    started: a.started + b.started,
    byCode: addCodes(a.byCode, b.byCode),
    durationBuckets: addBuckets(a.durationBuckets, b.durationBuckets),
    durationSumSeconds: a.durationSumSeconds + b.durationSumSeconds,
    durationCount: a.durationCount + b.durationCount,
  }
}

function sum(total: FunctionTotals | undefined, one: InvocationStatistics): FunctionTotals {
  const byCode = addCodes(total?.byCode ?? {}, one.byCode)
  return {
    function: one.function,
    started: (total?.started ?? 0) + one.started,
    completed: Object.values(byCode).reduce((all, count) => all + count, 0),
    byCode,
    buckets: addBuckets(total?.buckets ?? [], one.durationBuckets),
    durationSumSeconds: (total?.durationSumSeconds ?? 0) + one.durationSumSeconds,
    durationCount: (total?.durationCount ?? 0) + one.durationCount,
  }
}

function addCodes(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const codes = new Map(Object.entries(a))
  for (const [code, count] of Object.entries(b)) codes.set(code, (codes.get(code) ?? 0) + count)
  return Object.fromEntries(codes)
}

/** Sums histograms bucket by bucket; a bound that only one side has counts what that side has below it. */
function addBuckets(a: FunctionTotals['buckets'], b: FunctionTotals['buckets']): FunctionTotals['buckets'] {
  if (a.length === 0) return b
  const bounds = [...new Set([...a, ...b].map((bucket) => bucket.le))].toSorted((x, y) => x - y)
  return bounds.map((le) => ({ le, count: below(a, le) + below(b, le) }))
}

function below(buckets: FunctionTotals['buckets'], le: number): number {
  return buckets.reduce((count, bucket) => (bucket.le <= le ? Math.max(count, bucket.count) : count), 0)
}
