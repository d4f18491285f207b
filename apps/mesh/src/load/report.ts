import { splitKey } from '@weft/core'
import type { LoadReport, WorkloadKey } from '@weft/mesh-model'
import { parseDirectCluster, parseLocalCluster } from '../encode/names.ts'

/** The parts of `envoy.config.endpoint.v3.ClusterStats` that are read. */
export interface ClusterStats {
  readonly cluster_name: string
  readonly cluster_service_name?: string
  readonly upstream_locality_stats?: readonly {
    readonly priority?: number
    readonly total_requests_in_progress?: number
    readonly total_issued_requests?: number
  }[]
  readonly load_report_interval?: { readonly seconds?: number; readonly nanos?: number } | null
}

const bounded = (value: number | undefined) => (value !== undefined && Number.isFinite(value) && value > 0 ? value : 0)

/**
 * What one proxy counted, by workload. Counts come from the callee's own clusters, so that every caller is in them, and of those only the first priority: the
 * replicas. A call that was held went through the second one too, and is still there while a replica has it. Calls that are held now are told by `waiting`.
 */
export function readLoad(clusters: readonly ClusterStats[], waiting: ReadonlyMap<WorkloadKey, number>): ReadonlyMap<WorkloadKey, LoadReport> {
  const reports = new Map<WorkloadKey, LoadReport>()
  for (const cluster of clusters) {
    const key = parseLocalCluster(cluster.cluster_name) ?? parseDirectCluster(cluster.cluster_name)
    if (key === undefined) continue
    const seconds = bounded(cluster.load_report_interval?.seconds)
    const intervalMs = seconds * 1000 + bounded(cluster.load_report_interval?.nanos) / 1e6
    const before = reports.get(key) ?? { workload: splitKey(key), inProgress: waiting.get(key) ?? 0, started: 0, intervalMs }
    reports.set(key, added(before, cluster, intervalMs))
  }
  return reports
}

function added(report: LoadReport, cluster: ClusterStats, intervalMs: number): LoadReport {
  let { inProgress, started } = report
  for (const locality of cluster.upstream_locality_stats ?? []) {
    if ((locality.priority ?? 0) !== 0) continue
    inProgress += bounded(locality.total_requests_in_progress)
    started += bounded(locality.total_issued_requests)
  }
  return { ...report, inProgress, started, intervalMs: Math.max(report.intervalMs, intervalMs) }
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
