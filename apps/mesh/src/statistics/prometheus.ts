import { splitKey } from '@weft/core'
import type { InvocationStatistics, MeshWorkload, WorkloadKey } from '@weft/mesh-model'
import { parseIngressStatName } from '../encode/names.ts'

/** One line of the text format: name, labels, value. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads Prometheus' text format as Envoy writes it (no timestamps, no exemplars). Lines that are not samples are passed over. */
export function parseSamples(text: string): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const [, name, labels, value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    const read = [...(labels ?? '').matchAll(LABEL)].map(([, key = '', raw = '']) => [
      key,
      raw.replace(/\\(.)/g, (_all, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ])
    samples.push({ name, labels: Object.fromEntries(read) as Record<string, string>, value: Number(value.replace('+Inf', 'Infinity')) })
  }
  return samples
}

interface Totals {
  readonly byCode: Record<string, number>
  started: number
  readonly buckets: { readonly le: number; readonly count: number }[]
  sumMs: number
  count: number
}

const PREFIX = 'envoy_cluster_upstream_rq'

function add(totals: Totals, { name, labels, value }: Sample): void {
  const code = labels['envoy_response_code']
  if (name === PREFIX && code !== undefined) totals.byCode[code] = (totals.byCode[code] ?? 0) + value
  else if (name === `${PREFIX}_total`) totals.started += value
  else if (name === `${PREFIX}_time_sum`) totals.sumMs += value
  else if (name === `${PREFIX}_time_count`) totals.count += value
  else if (name === `${PREFIX}_time_bucket`) {
    const le = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']) / 1000
    totals.buckets.push({ le, count: value })
  }
}

/** Adds up what the ingress counted for each workload (Envoy's times are milliseconds). Workloads that are not found are named by their key. */
export function invocations(samples: readonly Sample[], find: (key: WorkloadKey) => MeshWorkload | undefined): readonly InvocationStatistics[] {
  const byWorkload = new Map<WorkloadKey, Totals>()
  for (const sample of samples) {
    const workload = parseIngressStatName(sample.labels['envoy_cluster_name'] ?? '')
    if (workload === undefined) continue
    const totals = byWorkload.get(workload) ?? { byCode: {}, started: 0, buckets: [], sumMs: 0, count: 0 }
    byWorkload.set(workload, totals)
    add(totals, sample)
  }
  return [...byWorkload].map(([key, totals]) => {
    const { namespace, name } = splitKey(key)
    const workload = find(key)
    return {
      function: { namespace, name: workload?.function ?? name },
      revision: workload?.revision ?? '',
      byCode: totals.byCode,
      started: totals.started,
      durationBuckets: totals.buckets,
      durationSumSeconds: totals.sumMs / 1000,
      durationCount: totals.count,
    }
  })
}
