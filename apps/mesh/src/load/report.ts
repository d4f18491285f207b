import { splitKey } from '@weft/core'
import type { LoadReport, WorkloadKey } from '@weft/mesh-model'
import { parseLocalCluster } from '../encode/names.ts'

/** The parts of `envoy.config.endpoint.v3.ClusterStats` that are read. */
export interface ClusterStats {
  readonly cluster_name: string
  readonly cluster_service_name?: string
  readonly upstream_locality_stats?: readonly { readonly total_requests_in_progress?: number; readonly total_issued_requests?: number }[]
  readonly load_report_interval?: { readonly seconds?: number; readonly nanos?: number } | null
}

const bounded = (value: number | undefined) => (value !== undefined && Number.isFinite(value) && value > 0 ? value : 0)

/** What one proxy counted, by workload. Counts come from the callee's own cluster, so that every caller is in them, and held calls too. */
export function readLoad(clusters: readonly ClusterStats[]): ReadonlyMap<WorkloadKey, LoadReport> {
  const reports = new Map<WorkloadKey, LoadReport>()
  for (const cluster of clusters) {
    const workload = parseLocalCluster(cluster.cluster_name)
    if (workload === undefined) continue
    let inProgress = 0
    let started = 0
    for (const locality of cluster.upstream_locality_stats ?? []) {
      inProgress += bounded(locality.total_requests_in_progress)
      started += bounded(locality.total_issued_requests)
    }
    const intervalMs = bounded(cluster.load_report_interval?.seconds) * 1000 + bounded(cluster.load_report_interval?.nanos) / 1e6
    reports.set(workload, { workload: splitKey(workload), inProgress, started, intervalMs })
  }
  return reports
}

/** Whether there is something to tell. */
const isBusy = (report: LoadReport) => report.inProgress > 0 || report.started > 0

/** Lets through what is busy, and one report of zero when a workload stops being so. */
export class LoadFilter {
  readonly #busy = new Set<WorkloadKey>()

  take(reports: ReadonlyMap<WorkloadKey, LoadReport>): readonly LoadReport[] {
    const told: LoadReport[] = []
    for (const [key, report] of reports) {
      if (isBusy(report)) this.#busy.add(key)
      else if (!this.#busy.delete(key)) continue
      told.push(report)
    }
    return told
  }
}
