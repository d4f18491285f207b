import { parseDurationMs } from '@weft/core'
import { QUERY_WORDS, type CanaryMetric } from '../canary/analysis.ts'
import type { CanarySpec } from '../canary/canary.ts'
import type { CanaryWebhook } from '../canary/webhooks.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { checkStringMatch } from './traffic.ts'

const SHORTEST_INTERVAL_MS = 1_000
const LONGEST_TIMEOUT_MS = 60_000

/** What the schema of a Canary cannot say. */
export function checkCanary(spec: CanarySpec): readonly Violation[] {
  const { interval, deadline, analysis, webhooks = [] } = spec
  return [
    ...checkShape(spec),
    ...checkMatches(spec),
    ...longEnough(interval, 'spec.interval'),
    ...longEnough(deadline, 'spec.deadline'),
    ...longEnough(spec.sessionAffinity?.maxAge, 'spec.sessionAffinity.maxAge'),
    ...longEnough(analysis?.latencyP99?.max, 'spec.analysis.latencyP99.max', 1),
    ...(analysis?.metrics ?? []).flatMap((metric, index) => checkMetric(metric, child('spec.analysis.metrics', index))),
    ...named(analysis?.metrics ?? [], 'spec.analysis.metrics'),
    ...webhooks.flatMap((hook, index) => checkWebhook(hook, child('spec.webhooks', index))),
    ...named(webhooks, 'spec.webhooks'),
  ]
}

/** Weights grow, or iterations pass: one of the two. */
function checkShape({ steps, stepWeight, maxWeight, iterations, match, sessionAffinity }: CanarySpec): readonly Violation[] {
  const grows = (steps ?? []).every((weight, index) => index === 0 || weight > (steps?.[index - 1] ?? 0))
  const weights = steps !== undefined ? 'steps' : stepWeight !== undefined ? 'stepWeight' : undefined
  return [
    ...(grows ? [] : [{ field: 'spec.steps', reason: 'each step must be greater than the one before' }]),
    ...(steps !== undefined && stepWeight !== undefined ? [{ field: 'spec.stepWeight', reason: 'stands in place of steps; only one can hold' }] : []),
    ...(maxWeight !== undefined && stepWeight === undefined ? [{ field: 'spec.maxWeight', reason: 'goes with stepWeight, which is not there' }] : []),
    ...(maxWeight !== undefined && stepWeight !== undefined && stepWeight > maxWeight
      ? [{ field: 'spec.stepWeight', reason: 'must not be greater than maxWeight' }]
      : []),
    ...(iterations !== undefined && weights !== undefined ? [{ field: 'spec.iterations', reason: `stands in place of ${weights}; only one can hold` }] : []),
    ...(match !== undefined && iterations === undefined ? [{ field: 'spec.match', reason: 'goes with iterations: how many good intervals it takes' }] : []),
    ...(sessionAffinity !== undefined && iterations !== undefined
      ? [{ field: 'spec.sessionAffinity', reason: 'goes with weights; with iterations the same calls go to the candidate all the time' }]
      : []),
  ]
}

function checkMatches({ match = [] }: CanarySpec): readonly Violation[] {
  return match.flatMap(({ headers = {}, cookies = {} }, index) => {
    const at = child('spec.match', index)
    const of = (part: string, values: typeof headers) =>
      Object.entries(values).flatMap(([name, value]) => checkStringMatch(value, child(child(at, part), name)))
    return [...of('headers', headers), ...of('cookies', cookies)]
  })
}

function checkMetric({ prometheus, thresholdRange: { min, max }, interval }: CanaryMetric, path: string): readonly Violation[] {
  const words = [...prometheus.query.matchAll(/\{\{(.*?)\}\}/g)].map(([, word = '']) => word.trim())
  const known: readonly string[] = QUERY_WORDS
  return [
    ...words
      .filter((word) => !known.includes(word))
      .map((word) => ({ field: `${path}.prometheus.query`, reason: `knows ${QUERY_WORDS.join(', ')} between braces, and not ${shown(word)}` })),
    ...(prometheus.address === undefined ? [] : checkAddress(prometheus.address, `${path}.prometheus.address`)),
    ...(min !== undefined && max !== undefined && min > max ? [{ field: `${path}.thresholdRange`, reason: 'min must not be greater than max' }] : []),
    ...longEnough(interval, `${path}.interval`),
  ]
}

function checkWebhook({ url, timeout }: CanaryWebhook, path: string): readonly Violation[] {
  const tooLong = timeout !== undefined && parseDurationMs(timeout, `${path}.timeout`) > LONGEST_TIMEOUT_MS
  return [
    ...checkAddress(url, `${path}.url`),
    ...longEnough(timeout, `${path}.timeout`, 1),
    ...(tooLong ? [{ field: `${path}.timeout`, reason: `must be at most ${LONGEST_TIMEOUT_MS / 1000} s` }] : []),
  ]
}

/** Which addresses may be called is decided when they are called: names lead elsewhere by then. */
function checkAddress(text: string, field: string): readonly Violation[] {
  const url = URL.parse(text)
  if (url === null) return [{ field, reason: `${shown(text)} is not an address` }]
  return url.username === '' && url.password === '' ? [] : [{ field, reason: 'must not have a user or a password in it' }]
}

function named(list: readonly { readonly name: string }[], path: string): readonly Violation[] {
  return duplicates(
    list.map(({ name }) => name),
    path,
  )
}

function longEnough(text: string | undefined, field: string, shortestMs: number = SHORTEST_INTERVAL_MS): readonly Violation[] {
  if (text === undefined || parseDurationMs(text, field) >= shortestMs) return []
  return [{ field, reason: `must be at least ${shortestMs} ms` }]
}
