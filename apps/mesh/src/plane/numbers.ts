import type { InvocationStatistics, MeshSnapshot, TrafficStatistics } from '@weft/mesh-model'
import { TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { askAdmin } from '../envoy/admin.ts'
import { invocations, parseSamples } from '../statistics/prometheus.ts'
import { trafficOf } from '../statistics/traffic.ts'
import type { Proxy } from './proxy.ts'

const TRAFFIC_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent(`^${TRAFFIC_PREFIX}\\.`)}`
const STATISTICS_PATH = `/stats/prometheus?usedonly&filter=${encodeURIComponent('^cluster\\.fn/')}`

/** What the proxies counted of calls to functions, by workload. @throws when the first one, which has the ingress, does not answer */
export async function countedInvocations(proxies: readonly Proxy[], { workloads }: MeshSnapshot): Promise<readonly InvocationStatistics[]> {
  return invocations((await askAll(proxies, STATISTICS_PATH)).flatMap(parseSamples), workloads)
}

/** What the proxies counted of each edge of the mesh. @throws as {@link countedInvocations} */
export async function countedTraffic(proxies: readonly Proxy[], snapshot: MeshSnapshot): Promise<readonly TrafficStatistics[]> {
  return (await askAll(proxies, TRAFFIC_PATH)).flatMap((body) => trafficOf(body, snapshot))
}

/** Every proxy's answer; one that is down at the moment has none, unless it is the first. */
async function askAll(proxies: readonly Proxy[], path: string): Promise<readonly string[]> {
  const [front, ...others] = proxies.map(async ({ adminSocket }) => {
    // Envoy merges its workers' histograms after it has answered: the first question is for the second one's sake.
    await askAdmin(adminSocket, '/stats?filter=^$')
    return (await askAdmin(adminSocket, path)).body
  })
  const rest = Promise.all(others.map((answer) => answer.catch(() => '')))
  return [(await front) ?? '', ...(await rest)]
}
