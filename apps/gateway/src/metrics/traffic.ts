import type { ConnectionStatistics, MeshPlane, MessageStatistics, TrafficEnd, TrafficHistogram, TrafficStatistics } from '@weft/mesh-model'

/** What one reading said, and what was counted before the proxy began anew. */
interface Entry {
  readonly base: TrafficStatistics | undefined
  /** `undefined`: the last reading did not have it. */
  readonly last: TrafficStatistics | undefined
}

/** Keeps what the proxies counted of calls monotonic, over restarts of a proxy and over listeners that are made anew. */
export class TrafficTotals {
  readonly #mesh: Pick<MeshPlane, 'traffic'>
  #entries: ReadonlyMap<string, Entry> = new Map()
  #reading: Promise<void> | undefined

  constructor(mesh: Pick<MeshPlane, 'traffic'>) {
    this.#mesh = mesh
  }

  /** The totals; those of the last time when the mesh does not answer. */
  async read(): Promise<readonly TrafficStatistics[]> {
    this.#reading ??= this.#take().finally(() => {
      this.#reading = undefined
    })
    await this.#reading.catch(() => undefined)
    return [...this.#entries.values()].flatMap(totalOf)
  }

  async #take(): Promise<void> {
    this.#entries = advance(this.#entries, await this.#mesh.traffic())
  }

  /** Forgets calls between ends that are both not there any more. */
  retain(isThere: (end: TrafficEnd) => boolean): void {
    this.#entries = new Map([...this.#entries].filter(([, entry]) => totalOf(entry).some(({ source, destination }) => isThere(source) || isThere(destination))))
  }
}

/** One text for calls between the same ends with the same outcome. */
export function seriesKey({ reporter, source, destination, code, flags, security, grpcStatus = '-', connections, messages }: TrafficStatistics): string {
  const end = ({ workload, namespace, principal, app, version }: TrafficEnd) => `${namespace}/${workload}/${principal}/${app}/${version}`
  return `${reporter} ${end(source)} ${end(destination)} ${code} ${flags} ${security} ${grpcStatus} ${messages !== undefined ? 'messages' : connections === undefined ? 'calls' : 'connections'}`
}

/** The next state: a counter that went back, or away, began anew, and what it had counted is kept. */
export function advance(before: ReadonlyMap<string, Entry>, reading: readonly TrafficStatistics[]): ReadonlyMap<string, Entry> {
  const now = new Map<string, TrafficStatistics>()
  for (const one of reading) {
    const key = seriesKey(one)
    const same = now.get(key)
    now.set(key, same === undefined ? one : sum(same, one))
  }
  const after = new Map<string, Entry>()
  for (const [key, entry] of before) if (!now.has(key)) after.set(key, { base: totalOf(entry)[0], last: undefined })
  for (const [key, next] of now) {
    const entry = before.get(key)
    const last = entry?.last
    const lost = (next.messages?.requests ?? 0) < (last?.messages?.requests ?? 0) || (next.messages?.responses ?? 0) < (last?.messages?.responses ?? 0)
    const fewer = (next.connections?.opened ?? 0) < (last?.connections?.opened ?? 0) || (next.connections?.closed ?? 0) < (last?.connections?.closed ?? 0)
    const isAnew = entry !== undefined && last !== undefined && (lost || fewer || next.requests < last.requests || next.duration.count < last.duration.count)
    after.set(key, { base: isAnew ? totalOf(entry)[0] : entry?.base, last: next })
  }
  return after
}

function totalOf({ base, last }: Entry): readonly TrafficStatistics[] {
  if (base === undefined || last === undefined) return [base ?? last].filter((one) => one !== undefined)
  return [sum(base, last)]
}

function sum(a: TrafficStatistics, b: TrafficStatistics): TrafficStatistics {
  return {
    ...b,
    requests: a.requests + b.requests,
    duration: sumHistograms(a.duration, b.duration),
    ...(b.connections === undefined ? {} : { connections: sumConnections(a.connections, b.connections) }),
    ...(b.messages === undefined ? {} : { messages: sumMessages(a.messages, b.messages) }),
    ...(b.requestBytes === undefined ? {} : { requestBytes: sumHistograms(a.requestBytes, b.requestBytes) }),
    ...(b.responseBytes === undefined ? {} : { responseBytes: sumHistograms(a.responseBytes, b.responseBytes) }),
  }
}

function sumMessages(a: MessageStatistics = { requests: 0, responses: 0 }, b: MessageStatistics): MessageStatistics {
  return { requests: a.requests + b.requests, responses: a.responses + b.responses }
}

function sumConnections(a: ConnectionStatistics | undefined, b: ConnectionStatistics): ConnectionStatistics {
  if (a === undefined) return b
  return {
    opened: a.opened + b.opened,
    closed: a.closed + b.closed,
    sentBytes: a.sentBytes + b.sentBytes,
    receivedBytes: a.receivedBytes + b.receivedBytes,
  }
}

function sumHistograms(a: TrafficHistogram | undefined, b: TrafficHistogram): TrafficHistogram {
  if (a === undefined || a.buckets.length === 0) return b
  if (b.buckets.length === 0) return a
  const counts = new Map(a.buckets.map(({ le, count }) => [le, count]))
  return { buckets: b.buckets.map(({ le, count }) => ({ le, count: count + (counts.get(le) ?? 0) })), sum: a.sum + b.sum, count: a.count + b.count }
}
