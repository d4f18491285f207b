import type { CanaryMetric, CanaryResource } from '@weft/api'
import { keyOf, parseDurationMs } from '@weft/core'
import { askOutside, type Log } from '@weft/kit'
import type { AskOutside } from '../outside.ts'
import type { CanaryRules, CanaryState, MetricReading } from '../types.ts'
import { filledIn, readAnswer, type Value } from './answer.ts'

/** What {@link PrometheusMetrics} needs. */
export interface PrometheusOptions {
  readonly ask: AskOutside
  /** Where Prometheus is when a metric does not say: the operator's word, so it may be anywhere. */
  readonly address: string | undefined
  readonly log: Log
  readonly answered: (key: string) => void
}

const TIMEOUT_MS = 10_000

interface Known {
  readonly since: number
  readonly values: Map<string, { value: Value | undefined; asking: boolean; askedAt: number }>
}

/** Asks Prometheus what a canary is judged by, and keeps the answers of the present step. Nobody waits here. */
export class PrometheusMetrics {
  readonly #options: PrometheusOptions
  readonly #ending = new AbortController()
  readonly #known = new Map<string, Known>()

  constructor(options: PrometheusOptions) {
    this.#options = options
  }

  /** What is known in the present step; asks what is due. A number is asked for when its interval has passed since the step began, and again after each. */
  read(canary: CanaryResource, rules: CanaryRules, state: CanaryState, now: number): readonly MetricReading[] {
    const { values } = this.#stepOf(keyOfCanary(canary), state.stepSince)
    return (canary.spec.analysis?.metrics ?? []).map((metric) => {
      const known = values.get(metric.name)
      const everyMs = metric.interval === undefined ? rules.intervalMs : parseDurationMs(metric.interval, 'interval')
      const firstAt = state.stepSince + Math.min(everyMs, rules.intervalMs)
      const isDue = known === undefined ? now >= firstAt : !known.asking && now - known.askedAt >= everyMs
      if (isDue && state.phase === 'Progressing') this.#ask(canary, metric, { everyMs, state, now })
      return { name: metric.name, min: metric.thresholdRange.min, max: metric.thresholdRange.max, ...readingOf(known?.value) }
    })
  }

  forget(key: string): void {
    this.#known.delete(key)
  }

  /** Gives up what is under way. */
  close(): void {
    this.#ending.abort()
  }

  #stepOf(key: string, since: number): Known {
    const known = this.#known.get(key)
    if (known?.since === since) return known
    const fresh: Known = { since, values: new Map() }
    this.#known.set(key, fresh)
    return fresh
  }

  #ask(canary: CanaryResource, metric: CanaryMetric, { everyMs, state, now }: { everyMs: number; state: CanaryState; now: number }): void {
    const key = keyOfCanary(canary)
    const { values } = this.#stepOf(key, state.stepSince)
    const entry = { value: values.get(metric.name)?.value, asking: true, askedAt: now }
    values.set(metric.name, entry)
    void this.#query(canary, metric, state, everyMs).then((value) => {
      entry.value = value
      entry.asking = false
      if (value.value === undefined) this.#options.log.warn({ canary: key, metric: metric.name, reason: value.problem }, 'Prometheus has no data for a canary')
      if (!this.#ending.signal.aborted) this.#options.answered(key)
    })
  }

  async #query({ metadata, spec }: CanaryResource, { prometheus }: CanaryMetric, state: CanaryState, everyMs: number): Promise<Value> {
    const { namespace = 'default', name } = metadata
    const address = prometheus.address ?? this.#options.address
    if (address === undefined) return { problem: 'no Prometheus is configured: canary.prometheus of the settings, or prometheus.address' }
    const { candidate = '', stable = '' } = state
    const words = { namespace, function: spec.function, canary: name, candidate, stable, interval: `${Math.max(1, Math.round(everyMs / 1000))}s` }
    const url = `${address.replace(/\/+$/, '')}/api/v1/query?query=${encodeURIComponent(filledIn(prometheus.query, words))}`
    const question = { url, timeoutMs: TIMEOUT_MS, signal: this.#ending.signal }
    const answer = await (prometheus.address === undefined ? askOutside(question, undefined) : this.#options.ask(question, namespace))
    if (!answer.ok) return { problem: answer.reason }
    const value = readAnswer(answer.body)
    return answer.status === 200 || value.value === undefined ? value : { problem: `it answered ${answer.status}` }
  }
}

function readingOf(value: Value | undefined): Pick<MetricReading, 'value' | 'problem' | 'pending'> {
  if (value === undefined) return { value: undefined, pending: true }
  return value.value === undefined ? { value: undefined, pending: false, problem: value.problem } : { value: value.value, pending: false }
}

function keyOfCanary({ metadata }: CanaryResource): string {
  return keyOf({ namespace: metadata.namespace ?? 'default', name: metadata.name })
}
