import type { LoadReport, WorkloadKey } from '@weft/mesh-model'
import { grpcMethod, type GrpcService, type GrpcStream } from '../xds/server.ts'
import { LoadFilter, readLoad, type ClusterStats } from './report.ts'

const PATH = '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats'
const INTERVAL_NANOS = 100_000_000

/** Gets load reports of the proxies every 100 ms, for the clusters that it names: idle functions cost nothing. */
export class LoadReceiver {
  readonly #streams = new Set<GrpcStream>()
  #clusters: readonly string[] = []
  readonly #told: (reports: readonly LoadReport[]) => void
  readonly #waiting: () => ReadonlyMap<WorkloadKey, number>

  /** `waiting`: how many calls are held now, by workload. */
  constructor(told: (reports: readonly LoadReport[]) => void, waiting: () => ReadonlyMap<WorkloadKey, number>) {
    this.#told = told
    this.#waiting = waiting
  }

  /** Which clusters are to be reported; call it only when the list changed. */
  watch(clusters: readonly string[]): void {
    this.#clusters = clusters
    for (const stream of this.#streams) this.#order(stream)
  }

  #order(stream: GrpcStream): void {
    // No cluster at all would be an error of the protocol; this one does not exist and costs nothing.
    stream.write({ clusters: this.#clusters.length === 0 ? ['none'] : [...this.#clusters], load_reporting_interval: { nanos: INTERVAL_NANOS } })
  }

  /** The load reporting service (envoy.service.load_stats.v3). */
  service(): GrpcService {
    const shape = { stream: true, request: 'envoy.service.load_stats.v3.LoadStatsRequest', response: 'envoy.service.load_stats.v3.LoadStatsResponse' }
    return { methods: { StreamLoadStats: grpcMethod(PATH, shape) }, handlers: { StreamLoadStats: (stream: GrpcStream) => this.#accept(stream) } }
  }

  #accept(stream: GrpcStream): void {
    const filter = new LoadFilter()
    const end = () => this.#streams.delete(stream)
    stream.on('data', (message: { readonly cluster_stats?: readonly ClusterStats[] }) => {
      if (!this.#streams.has(stream)) {
        this.#streams.add(stream)
        this.#order(stream)
      }
      const reports = filter.take(readLoad(message.cluster_stats ?? [], this.#waiting()))
      if (reports.length > 0) this.#told(reports)
    })
    stream.on('error', end)
    stream.on('cancelled', end)
    stream.on('close', end)
    stream.on('end', () => {
      end()
      stream.end()
    })
  }
}
