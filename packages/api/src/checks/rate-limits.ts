import { parseDurationMs, type Resource } from '@weft/core'
import type { FunctionSpec } from '../function.ts'
import { shown, type Violation } from '../violation.ts'

/** Annotations of a Function by which its calls are limited: of all callers, of each caller identity, of each value of a header. */
export const RATE_LIMIT_ANNOTATIONS = {
  all: 'weft.dev/rate-limit',
  perCaller: 'weft.dev/rate-limit-per-caller',
  perHeader: 'weft.dev/rate-limit-per-header',
} as const

/** A token bucket: it holds `calls`, and gets as many anew every `intervalMs`. */
export interface RateLimit {
  readonly calls: number
  readonly intervalMs: number
}

/** What the annotations of a Function say. */
export interface RateLimits {
  readonly all?: RateLimit
  readonly perCaller?: RateLimit
  readonly perHeader?: { readonly header: string; readonly limit: RateLimit }
}

const MAX_CALLS = 1_000_000_000
/** Envoy's shortest interval, and a day. */
const [MIN_INTERVAL_MS, MAX_INTERVAL_MS] = [50, 86_400_000]

/** Reads `CALLS/DURATION`, such as `100/1s` or `5/1m`; `undefined` for anything else. */
export function parseRateLimit(text: string): RateLimit | undefined {
  const [, calls, duration] = /^([1-9]\d{0,9})\/(\d[\w.]*)$/.exec(text.trim()) ?? []
  if (calls === undefined || duration === undefined || Number(calls) > MAX_CALLS) return undefined
  try {
    const intervalMs = parseDurationMs(/^\d+$/.test(duration) ? `${duration}s` : duration, 'duration')
    return intervalMs >= MIN_INTERVAL_MS && intervalMs <= MAX_INTERVAL_MS ? { calls: Number(calls), intervalMs } : undefined
  } catch {
    return undefined
  }
}

/** Reads `HEADER=CALLS/DURATION`. */
function parseHeaderLimit(text: string): RateLimits['perHeader'] {
  const [, header, rest = ''] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,256})=(.*)$/.exec(text.trim()) ?? []
  const limit = parseRateLimit(rest)
  return header === undefined || limit === undefined ? undefined : { header: header.toLowerCase(), limit }
}

/** What a Function's annotations say, and what of them cannot be read. */
interface ReadLimits {
  readonly limits: RateLimits
  readonly violations: readonly Violation[]
}

/** The rate limits of a Function: by its own annotations, else by those of its template, which is where clients of OpenFaaS write them. */
export function readRateLimits({ metadata, spec }: Resource): ReadLimits {
  const own = readAnnotations(metadata.annotations ?? {}, 'metadata.annotations')
  const template = readAnnotations((spec as Partial<FunctionSpec> | undefined)?.template?.annotations ?? {}, 'spec.template.annotations')
  return { limits: { ...template.limits, ...own.limits }, violations: [...own.violations, ...template.violations] }
}

function readAnnotations(annotations: Readonly<Record<string, unknown>>, where: string): ReadLimits {
  const { all, perCaller, perHeader } = RATE_LIMIT_ANNOTATIONS
  const violations: Violation[] = []
  const one = <T>(name: string, parse: (text: string) => T | undefined, form: string): T | undefined => {
    const text = annotations[name]
    if (text === undefined) return undefined
    const value = typeof text === 'string' ? parse(text) : undefined
    if (value === undefined) violations.push({ field: `${where}.${name}`, reason: `${shown(text)} is not ${form}, at least 50ms and at most 24h` })
    return value
  }
  const limits = {
    all: one(all, parseRateLimit, 'CALLS/DURATION such as 100/1s'),
    perCaller: one(perCaller, parseRateLimit, 'CALLS/DURATION such as 10/1s'),
    perHeader: one(perHeader, parseHeaderLimit, 'HEADER=CALLS/DURATION such as x-user=5/1m'),
  }
  return { limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)), violations }
}

/** The rate limits of a Function. */
export function checkRateLimits(resource: Resource): readonly Violation[] {
  return readRateLimits(resource).violations
}
