import type { RateLimits } from '@weft/api'

/** What decides which replica a call goes to. */
export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  /** `ttlMs`: the mesh sets the cookie where it is missing; 0: for the session. */
  | { readonly kind: 'cookie'; readonly name: string; readonly path?: string; readonly ttlMs?: number }
  /** The client's address outside; between functions, the caller's identity. */
  | { readonly kind: 'source' }
  | { readonly kind: 'query'; readonly name: string }

/** A new replica gets less for a while. */
export interface WarmUp {
  readonly ms: number
  readonly minimumPercent?: number
  readonly aggression?: number
}

/** How one of a workload's replicas is chosen. */
export type Balancer =
  | { readonly kind: 'least-request' | 'round-robin'; readonly warmUp?: WarmUp }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly key: HashKey; readonly minimumRingSize?: number }
  | { readonly kind: 'maglev'; readonly key: HashKey; readonly tableSize?: number }

/** Limits of what is under way to a workload, all callers together. What is absent is the mesh's own. */
export interface PoolLimits {
  readonly maxConnections?: number
  readonly maxPending?: number
  readonly maxRequests?: number
  readonly maxRequestsPerConnection?: number
  /** Retries of one caller identity's calls. Absent: a share of the calls under way. */
  readonly maxRetries?: number
  readonly connectTimeoutMs?: number
  readonly idleTimeoutMs?: number
  /** Of a connection of raw TCP. */
  readonly tcpIdleTimeoutMs?: number
  readonly maxConnectionDurationMs?: number
}

/** When a replica gets no calls for a while. 0 errors: never for that. */
export interface OutlierLimits {
  readonly errors?: number
  readonly gatewayErrors?: number
  readonly localFailures?: number
  readonly splitLocal?: boolean
  readonly intervalMs?: number
  readonly ejectionMs?: number
  readonly maxPercent?: number
}

/** Token buckets at the callee: what they do not hold is refused. */
export type WorkloadRates = RateLimits

/** How calls reach a workload's replicas (`trafficPolicy` of a DestinationRule). */
export interface WorkloadTraffic {
  readonly balancer?: Balancer
  readonly pool?: PoolLimits
  readonly outliers?: OutlierLimits
}
