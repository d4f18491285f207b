import type { FunctionTotals } from './invocations.ts'
import { METRICS, type MetricName } from './names.ts'

/** How many replicas of a function are wanted. */
export interface ServiceCount {
  /** `NAME.NAMESPACE`. */
  readonly functionName: string
  readonly replicas: number
}

/** A sample's labels and value. */
type Sample = readonly [suffix: string, labels: Readonly<Record<string, string>>, value: number]

/**
 * The metrics of functions in the text format of Prometheus (0.0.4). Written here and not by the client library, as the numbers are counted by the
 * proxies: their totals and buckets are taken as they are.
 */
export function renderFunctionMetrics(totals: readonly FunctionTotals[], counts: readonly ServiceCount[]): string {
  const all = totals.map((total) => ({ total, name: `${total.function.name}.${total.function.namespace}` }))
  return [
    family(
      'gateway_functions_seconds',
      all.flatMap(({ total, name }) => histogram(total, name)),
    ),
    family(
      'gateway_function_invocation_total',
      all.flatMap(({ total, name }) => Object.entries(total.byCode).map(([code, count]): Sample => ['', { function_name: name, code }, count])),
    ),
    family(
      'gateway_function_invocation_started',
      all.map(({ total, name }): Sample => ['', { function_name: name }, total.started]),
    ),
    family(
      'gateway_service_count',
      counts.map(({ functionName, replicas }): Sample => ['', { function_name: functionName }, replicas]),
    ),
  ].join('\n')
}

function histogram(total: FunctionTotals, name: string): Sample[] {
  const labels = { function_name: name }
  const finite = total.buckets.filter((bucket) => Number.isFinite(bucket.le))
  return [
    ...finite.map(({ le, count }): Sample => ['_bucket', { ...labels, le: String(le) }, count]),
    ['_bucket', { ...labels, le: '+Inf' }, total.durationCount],
    ['_sum', labels, total.durationSumSeconds],
    ['_count', labels, total.durationCount],
  ]
}

function family(name: MetricName, samples: readonly Sample[]): string {
  const { help, type } = METRICS[name]
  const lines = samples.map(([suffix, labels, value]) => `${name}${suffix}{${labelText(labels)}} ${value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${value.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`))}"`)
    .join(',')
}
