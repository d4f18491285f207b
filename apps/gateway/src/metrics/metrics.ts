import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client'
import { METRICS } from './names.ts'

/** Metrics of the control API and of the process. */
export class ApiMetrics {
  readonly #registry = new Registry()
  readonly #requests: Counter<'method' | 'path' | 'status'>
  readonly #seconds: Histogram<'method' | 'path' | 'status'>

  constructor(app: FastifyInstance) {
    const labelNames = ['method', 'path', 'status'] as const
    const registers = [this.#registry]
    this.#requests = new Counter({ name: 'http_requests_total', help: METRICS.http_requests_total.help, labelNames, registers })
    this.#seconds = new Histogram({ name: 'http_request_duration_seconds', help: METRICS.http_request_duration_seconds.help, labelNames, registers })
    collectDefaultMetrics({ register: this.#registry })
    app.addHook('onResponse', (request, reply, done) => {
      const labels = { method: request.method, path: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }
      this.#requests.inc(labels)
      this.#seconds.observe(labels, reply.elapsedTime / 1000)
      done()
    })
  }

  /** All of them in the text format of Prometheus. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Content type of what {@link ApiMetrics.render} gives. */
  get contentType(): string {
    return this.#registry.contentType
  }
}
