import type { CanaryRules, MetricReading, RevisionNumbers, Window } from './types.ts'

/** What is wrong with the candidate; `undefined` when nothing is, or too little is known. Compared with the stable revision only when that had enough calls too. */
export function judge(rules: CanaryRules, window: Window): string | undefined {
  const { candidate, baseline } = window
  if (candidate === undefined || candidate.requests < rules.minRequests) return undefined
  const rate = successRate(candidate)
  const { min, maxBelowBaseline } = rules.successRate
  if (min !== undefined && rate < min) return `its success rate is ${rate.toFixed(1)} %, at least ${min} % is needed`
  const comparable = baseline !== undefined && baseline.requests >= rules.minRequests ? baseline : undefined
  if (maxBelowBaseline !== undefined && comparable !== undefined && rate < successRate(comparable) - maxBelowBaseline) {
    return `its success rate is ${rate.toFixed(1)} %, that of the stable revision ${successRate(comparable).toFixed(1)} %`
  }
  return judgeLatency(rules, candidate.p99Ms, comparable?.p99Ms)
}

function judgeLatency({ latencyP99: { maxMs, maxAboveBaseline } }: CanaryRules, p99Ms: number | undefined, baselineMs: number | undefined): string | undefined {
  if (p99Ms === undefined) return undefined
  if (maxMs !== undefined && p99Ms > maxMs) return `99 % of its calls take up to ${p99Ms.toFixed(0)} ms, ${maxMs} ms is the limit`
  if (maxAboveBaseline !== undefined && baselineMs !== undefined && p99Ms > baselineMs * (1 + maxAboveBaseline / 100)) {
    return `99 % of its calls take up to ${p99Ms.toFixed(0)} ms, those of the stable revision ${baselineMs.toFixed(0)} ms`
  }
  return undefined
}

function successRate({ requests, errors }: RevisionNumbers): number {
  return requests === 0 ? 100 : (100 * (requests - errors)) / requests
}

/** What a number of Prometheus says against the candidate; a number that is not there says nothing. */
export function judgeMetrics(metrics: readonly MetricReading[]): string | undefined {
  for (const { name, value, min, max } of metrics) {
    if (value === undefined) continue
    if (min !== undefined && value < min) return `${name} is ${short(value)}, at least ${min} is needed`
    if (max !== undefined && value > max) return `${name} is ${short(value)}, ${max} is the limit`
  }
  return undefined
}

/** Why a step cannot be judged; `undefined` when it can. `counts`: the step has calls of its own to count. */
export function missingData(rules: CanaryRules, { candidate }: Window, metrics: readonly MetricReading[]): string | undefined {
  const requests = candidate?.requests ?? 0
  if (requests < rules.minRequests) return `it had ${requests} calls in the step, ${rules.minRequests} are needed`
  return missingMetric(metrics)
}

/** Which number of Prometheus is not there, and why. */
export function missingMetric(metrics: readonly MetricReading[]): string | undefined {
  const missing = metrics.find(({ value }) => value === undefined)
  return missing === undefined ? undefined : `${missing.name} has no data: ${missing.problem ?? 'it was not asked yet'}`
}

/** Both revisions in a few words. */
export function numbersText({ candidate, baseline }: Window): string {
  return [said('it', candidate), said('the stable revision', baseline)].filter((text) => text !== '').join('; ')
}

function said(who: string, numbers: RevisionNumbers | undefined): string {
  if (numbers === undefined || numbers.requests === 0) return ''
  const p99 = numbers.p99Ms === undefined ? '' : `, p99 ${numbers.p99Ms.toFixed(0)} ms`
  return `${who}: ${numbers.requests} calls, ${successRate(numbers).toFixed(1)} % well${p99}`
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}
