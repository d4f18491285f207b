import { grpcStatusOf, retryConditions, type HttpCors, type HttpFault, type HttpRedirect, type HttpRetry, type HttpRewrite, type HttpRoute } from '@weft/api'
import type { Cors, Fault, FixedAnswer, Redirect, Rewrite, RouteActions } from '../route-actions.ts'
import type { RetryPolicy } from '../snapshot.ts'
import { durationMs } from './core-kinds.ts'
import { regexProblem } from './regex.ts'
import { readText } from './text.ts'

/** Where a part of a VirtualService stands, and what is to be said about it: a note keeps the whole resource from having an effect. */
export interface Place {
  readonly at: string
  readonly notes: string[]
}

const MAX_DURATION_MS = 10 * 365 * 86_400_000

/** Milliseconds; a duration that passed the schema is one, but may be too long for Envoy. */
export function readDuration(text: string, at: string, notes: string[]): number | undefined {
  const ms = durationMs(text)
  if (ms !== undefined && ms <= MAX_DURATION_MS) return ms === 0 ? 0 : Math.max(1, Math.round(ms))
  notes.push(`${at}: ${text} is not a duration of at most 10 years`)
  return undefined
}

/** What a route does beside choosing a target; mirrors are resolved later. */
export function readActions(route: HttpRoute, place: Place): Omit<RouteActions, 'mirrors'> {
  const answer = readAnswer(route)
  return {
    ...(answer === undefined ? {} : { answer }),
    ...(route.rewrite === undefined ? {} : { rewrite: readRewrite(route.rewrite, place) }),
    ...(route.fault === undefined ? {} : { fault: readFault(route.fault, place) }),
    ...(route.corsPolicy === undefined ? {} : { cors: readCors(route.corsPolicy, place) }),
  }
}

function readAnswer({ redirect, directResponse }: HttpRoute): Redirect | FixedAnswer | undefined {
  if (redirect !== undefined) return readRedirect(redirect)
  if (directResponse === undefined) return undefined
  const { status, body } = directResponse
  const { string, bytes } = body ?? {}
  if (string !== undefined) return { kind: 'fixed', status, body: { kind: 'text', value: string } }
  return { kind: 'fixed', status, ...(bytes === undefined ? {} : { body: { kind: 'base64', value: bytes } as const }) }
}

function readRedirect({ uri, authority, port, derivePort, scheme, redirectCode }: HttpRedirect): Redirect {
  const derived = derivePort === 'FROM_PROTOCOL_DEFAULT' ? (scheme === 'https' ? 443 : 80) : undefined
  const toPort = port ?? derived
  return {
    kind: 'redirect',
    status: redirectCode ?? 301,
    ...(uri === undefined ? {} : { path: uri }),
    ...(authority === undefined ? {} : { authority }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(toPort === undefined ? {} : { port: toPort }),
  }
}

function readRewrite({ uri, authority, uriRegexRewrite }: HttpRewrite, { at, notes }: Place): Rewrite {
  if (uriRegexRewrite !== undefined) {
    const problem = regexProblem(uriRegexRewrite.match) ?? (uriRegexRewrite.match.startsWith('^/') ? undefined : 'the regular expression must start with ^/')
    if (problem !== undefined) notes.push(`${at}.rewrite.uriRegexRewrite.match: ${problem}`)
  }
  const path =
    uriRegexRewrite === undefined
      ? uri === undefined
        ? undefined
        : ({ kind: 'prefix', value: uri } as const)
      : ({ kind: 'regex', pattern: uriRegexRewrite.match, substitution: uriRegexRewrite.rewrite } as const)
  return { ...(path === undefined ? {} : { path }), ...(authority === undefined ? {} : { authority }) }
}

/** All calls. */
export const MILLION = 1_000_000

/** Millionths of a percentage; without one, every call ("If left unspecified, all requests will be delayed", Istio). */
export function millionths(percentage: { readonly value: number } | undefined, percent?: number): number {
  const value = percentage?.value ?? percent
  return value === undefined ? MILLION : Math.round(value * 10_000)
}

function readFault({ delay, abort }: HttpFault, { at, notes }: Place): Fault {
  const ms = delay === undefined ? undefined : readDuration(delay.fixedDelay, `${at}.fault.delay.fixedDelay`, notes)
  const status = abort === undefined ? undefined : abortStatus(abort)
  if (abort !== undefined && status === undefined) notes.push(`${at}.fault.abort: needs one of httpStatus and a grpcStatus that exists`)
  return {
    ...(delay === undefined || ms === undefined || ms === 0 ? {} : { delay: { millionths: millionths(delay.percentage, delay.percent), ms } }),
    ...(abort === undefined || status === undefined ? {} : { abort: { millionths: millionths(abort.percentage, abort.percent), status } }),
  }
}

function abortStatus({ httpStatus, grpcStatus }: NonNullable<HttpFault['abort']>): NonNullable<Fault['abort']>['status'] | undefined {
  if ((httpStatus === undefined) === (grpcStatus === undefined)) return undefined
  if (httpStatus !== undefined) return { kind: 'http', code: httpStatus }
  const code = grpcStatusOf(grpcStatus ?? '')
  return code === undefined ? undefined : { kind: 'grpc', code }
}

function readCors(cors: HttpCors, { at, notes }: Place): Cors {
  const maxAgeMs = cors.maxAge === undefined ? undefined : readDuration(cors.maxAge, `${at}.corsPolicy.maxAge`, notes)
  return {
    origins: (cors.allowOrigins ?? []).map((origin, index) => readText(origin, `${at}.corsPolicy.allowOrigins[${index}]`, notes)),
    methods: cors.allowMethods ?? [],
    headers: cors.allowHeaders ?? [],
    exposed: cors.exposeHeaders ?? [],
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(cors.allowCredentials === undefined ? {} : { credentials: cors.allowCredentials }),
    forwardUnmatched: cors.unmatchedPreflights !== 'IGNORE',
  }
}

/** Istio's defaults (https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry). */
const ISTIO_ATTEMPTS = 2
const ISTIO_BACKOFF_MS = 25

/** When a call is tried again. */
export function readRetries(retries: HttpRetry, { at, notes }: Place): RetryPolicy {
  const each = (text: string | undefined, name: string) => (text === undefined ? undefined : readDuration(text, `${at}.retries.${name}`, notes))
  const perTryTimeoutMs = each(retries.perTryTimeout, 'perTryTimeout')
  const backoffMs = each(retries.backoff, 'backoff')
  const { unknown } = retryConditions(retries.retryOn)
  if (unknown.length > 0) notes.push(`${at}.retries.retryOn: ${unknown.join(', ')} is no condition of Envoy`)
  return {
    attempts: retries.attempts ?? ISTIO_ATTEMPTS,
    ...(perTryTimeoutMs === undefined || perTryTimeoutMs === 0 ? {} : { perTryTimeoutMs }),
    ...(retries.retryOn === undefined ? {} : { retryOn: retries.retryOn }),
    backoffMs: backoffMs === undefined || backoffMs === 0 ? ISTIO_BACKOFF_MS : backoffMs,
  }
}
