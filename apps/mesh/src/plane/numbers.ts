import type { InvocationStatistics, MeshSnapshot, MeshWorkload, SnapshotDifference, TrafficStatistics, WorkloadKey } from '@weft/mesh-model'
import { MESSAGE_STATS } from '../encode/names.ts'
import { TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { askAdmin } from '../envoy/admin.ts'
import { Ends } from '../statistics/ends.ts'
import { messagesOf } from '../statistics/messages.ts'
import { invocations, parseSamples } from '../statistics/prometheus.ts'
import { trafficOf } from '../statistics/traffic.ts'
import type { Proxy } from './proxy.ts'

const TRAFFIC_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent(`^(?:${TRAFFIC_PREFIX}\\.|${MESSAGE_STATS})`)}`
const STATISTICS_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent('^cluster\\.fn/')}`
/** How many of the workloads that left are remembered. */
const REMEMBERED = 2_000

/** What the proxies counted. A workload that left keeps its names in what was counted of it: a series that got others would start anew. */
export class Numbers {
  readonly #proxies: readonly Proxy[]
  readonly #departed = new Map<WorkloadKey, MeshWorkload>()

  /** The first proxy has the ingress. */
  constructor(proxies: readonly Proxy[]) {
    this.#proxies = proxies
  }

  /** Takes note of workloads that are not in the next snapshot any more. */
  parted(before: MeshSnapshot, { removed }: SnapshotDifference['workloads']): void {
    for (const key of removed) {
      const workload = before.workloads.get(key)
      this.#departed.delete(key)
      if (workload !== undefined) this.#departed.set(key, workload)
    }
    for (const key of this.#departed.keys()) {
      if (this.#departed.size <= REMEMBERED) return
      this.#departed.delete(key)
    }
  }

  /** Calls of functions, by workload. @throws when the first proxy does not answer */
  async invocations(snapshot: MeshSnapshot): Promise<readonly InvocationStatistics[]> {
    return invocations((await this.#ask(STATISTICS_PATH)).flatMap(parseSamples), (key) => snapshot.workloads.get(key) ?? this.#departed.get(key))
  }

  /** Calls, connections and messages of each edge of the mesh. @throws when the first proxy does not answer */
  async traffic(snapshot: MeshSnapshot): Promise<readonly TrafficStatistics[]> {
    const bodies = await this.#ask(TRAFFIC_PATH)
    const ends = new Ends(snapshot, this.#departed)
    return bodies.flatMap((body) => [...trafficOf(body, snapshot, ends), ...messagesOf(body, snapshot, ends)])
  }

  /** Every proxy's answer; one that is down at the moment has none, unless it is the first. */
  async #ask(path: string): Promise<readonly string[]> {
    const [front, ...others] = this.#proxies.map(async ({ adminSocket }) => {
      // Envoy merges its workers' histograms after it has answered: the first question is for the second one's sake.
      await askAdmin(adminSocket, '/stats?filter=^$')
      return (await askAdmin(adminSocket, path)).body
    })
    const rest = Promise.all(others.map((answer) => answer.catch(() => '')))
    return [(await front) ?? '', ...(await rest)]
  }
}
