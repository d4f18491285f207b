import type { RateLimit } from '@weft/api'
import type { WorkloadRates } from '@weft/mesh-model'
import { XFCC } from './headers.ts'
import { any, duration, extension, wrap } from './json.ts'
import { retryAfter } from './local-reply.ts'
import type { Json } from './types.ts'

/** The filter that counts calls; routes bring its limits. It stands behind policy: what that refuses is not counted. */
const RATE_FILTER = 'weft.rates'
const LOCAL_RATE_LIMIT = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'
const STAT_PREFIX = 'rates'
/** A bucket that is never empty, where only callers or headers are counted. */
const ENDLESS: RateLimit = { calls: 4_000_000_000, intervalMs: 1000 }
const [CALLER, HEADER] = ['caller', 'header']

/** Counts nothing by itself. */
export function rateFilter(): Json {
  return extension(RATE_FILTER, LOCAL_RATE_LIMIT, { stat_prefix: STAT_PREFIX })
}

/** Limits of a virtual host: one set of buckets for all its routes. */
export function rateConfig(rates: WorkloadRates | undefined): Json {
  if (rates === undefined) return {}
  const share = { default_value: { numerator: 100, denominator: 'HUNDRED' } }
  return {
    [RATE_FILTER]: any(LOCAL_RATE_LIMIT, {
      stat_prefix: STAT_PREFIX,
      token_bucket: bucket(rates.all ?? ENDLESS),
      filter_enabled: share,
      filter_enforced: share,
      descriptors: [...everyValue(CALLER, rates.perCaller), ...everyValue(HEADER, rates.perHeader?.limit)],
      always_consume_default_token_bucket: wrap(true),
      response_headers_to_add: [retryAfter(secondsToFull(rates))],
    }),
  }
}

/** By then every bucket is full again, whichever was empty. */
function secondsToFull({ all, perCaller, perHeader }: WorkloadRates): number {
  const intervals = [all, perCaller, perHeader?.limit].map((limit) => limit?.intervalMs ?? 0)
  return Math.max(1, Math.ceil(Math.max(...intervals) / 1000))
}

/** An entry without a value stands for each value there is: Envoy keeps a bucket for each of those that it saw last. */
function everyValue(key: string, limit: RateLimit | undefined): readonly Json[] {
  return limit === undefined ? [] : [{ entries: [{ key }], token_bucket: bucket(limit) }]
}

function bucket({ calls, intervalMs }: RateLimit): Json {
  return { max_tokens: calls, tokens_per_fill: wrap(calls), fill_interval: duration(intervalMs) }
}

/** What a route tells the filter of a call. */
export function rateActions(rates: WorkloadRates | undefined): Json {
  const header = (header_name: string, descriptor_key: string): Json => ({
    actions: [{ request_headers: { header_name, descriptor_key, skip_if_absent: false } }],
  })
  const actions = [
    ...(rates?.perCaller === undefined ? [] : [header(XFCC, CALLER)]),
    ...(rates?.perHeader === undefined ? [] : [header(rates.perHeader.header, HEADER)]),
  ]
  return actions.length === 0 ? {} : { rate_limits: actions }
}

/** Takes a route out of the virtual host's limits. */
export function uncounted(rates: WorkloadRates | undefined): Json {
  return rates === undefined ? {} : { [RATE_FILTER]: any(LOCAL_RATE_LIMIT, { stat_prefix: STAT_PREFIX, token_bucket: bucket(ENDLESS) }) }
}
