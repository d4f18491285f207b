import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Call } from '../server/call.ts'

/** Upper bounds of the duration histogram, in seconds: those of prom-client, which Kubeless' runtimes used. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

interface Series {
  calls: number
  failures: number
  seconds: number
  readonly buckets: number[]
}

/** Counts calls as Kubeless' runtimes do, by the label `method` = `MODULE-METHOD`. */
export class KubelessMetrics {
  readonly #module: string
  readonly #series = new Map<string, Series>()

  constructor(module: string) {
    this.#module = module
  }

  /** Counts a call that begins, and its duration when it ends. */
  observe(call: Call): void {
    const series = this.#of(call)
    series.calls += 1
    call.onEnd(() => {
      const seconds = (performance.now() - call.startedAt) / 1000
      series.seconds += seconds
      BUCKETS.forEach((bound, index) => {
        if (seconds <= bound) series.buckets[index] = (series.buckets[index] ?? 0) + 1
      })
    })
  }

  /** Counts the failure of a call. */
  failed(call: Call): void {
    this.#of(call).failures += 1
  }

  /** Prometheus' text format. */
  text(): string {
    const lines = ['# HELP function_duration_seconds Duration of user function in seconds', '# TYPE function_duration_seconds histogram']
    const all = [...this.#series]
    for (const [method, series] of all) {
      BUCKETS.forEach((bound, index) => lines.push(`function_duration_seconds_bucket{le="${bound}",method="${method}"} ${series.buckets[index] ?? 0}`))
      lines.push(`function_duration_seconds_bucket{le="+Inf",method="${method}"} ${series.calls}`)
      lines.push(`function_duration_seconds_sum{method="${method}"} ${series.seconds}`, `function_duration_seconds_count{method="${method}"} ${series.calls}`)
    }
    lines.push('# HELP function_calls_total Number of calls to user function', '# TYPE function_calls_total counter')
    for (const [method, series] of all) lines.push(`function_calls_total{method="${method}"} ${series.calls}`)
    lines.push('# HELP function_failures_total Number of exceptions in user function', '# TYPE function_failures_total counter')
    for (const [method, series] of all) lines.push(`function_failures_total{method="${method}"} ${series.failures}`)
    return `${lines.join('\n')}\n`
  }

  #of(call: Call): Series {
    const method = `${this.#module}-${call.request.method ?? 'GET'}`
    const present = this.#series.get(method)
    if (present !== undefined) return present
    const made: Series = { calls: 0, failures: 0, seconds: 0, buckets: BUCKETS.map(() => 0) }
    this.#series.set(method, made)
    return made
  }
}

function plain(response: ServerResponse, type: string, body: string): true {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
  return true
}

/** Answers `/healthz` with 200 `OK` and `/metrics`, as every runtime of Kubeless does. */
export function kubeletPaths(metrics: KubelessMetrics): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.url === '/healthz') return plain(response, 'text/plain; charset=utf-8', 'OK')
    return request.url === '/metrics' && plain(response, 'text/plain; version=0.0.4; charset=utf-8', metrics.text())
  }
}
