/** What a route of a VirtualService can do; each route does one of them. */
export const ROUTE_KINDS = ['route', 'redirect', 'directResponse', 'delegate'] as const

/** https://grpc.io/docs/guides/status-codes/, by number. */
const GRPC_STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** The number of a gRPC status that is written as a number or by its name; `undefined` for anything else. */
export function grpcStatusOf(text: string): number | undefined {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : GRPC_STATUS.indexOf(text.toUpperCase())
  return number >= 0 && number < GRPC_STATUS.length ? number : undefined
}

/** Envoy's conditions that a `retryOn` may name (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter). */
const CONDITIONS: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
])

/** A `retryOn` taken apart: conditions, status codes, and what is neither. */
export interface RetryConditions {
  readonly conditions: readonly string[]
  readonly statuses: readonly number[]
  readonly unknown: readonly string[]
}

/** Reads a `retryOn`; numbers in it are status codes, as Istio has them. */
export function retryConditions(text: string | undefined): RetryConditions {
  const words = (text ?? '').split(',').filter((word) => word !== '')
  const isStatus = (word: string) => /^[1-5]\d\d$/.test(word)
  return {
    conditions: words.filter((word) => CONDITIONS.has(word)),
    statuses: words.filter(isStatus).map(Number),
    unknown: words.filter((word) => !CONDITIONS.has(word) && !isStatus(word)),
  }
}
