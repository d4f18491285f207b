import type { Balancer, HashKey, OutlierLimits, PoolLimits, WarmUp, WorkloadTraffic } from '@weft/mesh-model'
import { XFCC } from './headers.ts'
import { duration, wrap } from './json.ts'
import type { Json, NodeLayout } from './types.ts'

/** How a cluster of replicas chooses one. */
export function balancing(balancer: Balancer | undefined): Json {
  switch (balancer?.kind) {
    case undefined:
      return { lb_policy: 'LEAST_REQUEST' }
    case 'random':
      return { lb_policy: 'RANDOM' }
    case 'least-request':
      return { lb_policy: 'LEAST_REQUEST', ...(balancer.warmUp === undefined ? {} : { least_request_lb_config: slowStart(balancer.warmUp) }) }
    case 'round-robin':
      return { lb_policy: 'ROUND_ROBIN', ...(balancer.warmUp === undefined ? {} : { round_robin_lb_config: slowStart(balancer.warmUp) }) }
    case 'ring-hash':
      return { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: wrap(balancer.minimumRingSize ?? 1024) } }
    case 'maglev':
      return { lb_policy: 'MAGLEV', ...(balancer.tableSize === undefined ? {} : { maglev_lb_config: { table_size: wrap(balancer.tableSize) } }) }
    default:
      return balancer satisfies never
  }
}

function slowStart({ ms, minimumPercent, aggression }: WarmUp): Json {
  return {
    slow_start_config: {
      slow_start_window: duration(ms),
      ...(aggression === undefined ? {} : { aggression: { default_value: aggression, runtime_key: 'weft.warm_up' } }),
      ...(minimumPercent === undefined ? {} : { min_weight_percent: { value: minimumPercent } }),
    },
  }
}

/** What a route says of the replica that it chooses; nothing without consistent hashing. */
export function hashPolicy({ traffic }: { readonly traffic?: WorkloadTraffic | undefined }): Json {
  const balancer = traffic?.balancer
  return balancer?.kind === 'ring-hash' || balancer?.kind === 'maglev' ? { hash_policy: hashKeys(balancer.key) } : {}
}

function hashKeys(key: HashKey): readonly Json[] {
  switch (key.kind) {
    case 'header':
      return [{ header: { header_name: key.name } }]
    case 'cookie': {
      const path = key.path === undefined ? {} : { path: key.path }
      return [{ cookie: { name: key.name, ...path, ...(key.ttlMs === undefined ? {} : { ttl: duration(key.ttlMs) }) } }]
    }
    case 'query':
      return [{ query_parameter: { name: key.name } }]
    case 'source':
      // The ingress writes the client's address; within the mesh there is none, but a verified identity.
      return [{ header: { header_name: 'x-forwarded-for' }, terminal: true }, { header: { header_name: XFCC } }]
    default:
      return key satisfies never
  }
}

/** How long connections to replicas live. */
export function connectionLife({ idleTimeoutMs, maxConnectionDurationMs, maxRequestsPerConnection }: PoolLimits): Json {
  return {
    idle_timeout: duration(idleTimeoutMs ?? 300_000),
    ...(maxConnectionDurationMs === undefined ? {} : { max_connection_duration: duration(maxConnectionDurationMs) }),
    ...(maxRequestsPerConnection === undefined ? {} : { max_requests_per_connection: wrap(maxRequestsPerConnection) }),
  }
}

/**
 * Limits of a cluster of replicas. Retries find another replica or the hold listener, and are bounded by their routes. A call that was held comes with the high
 * priority, which a user's limits are not about: it has its place in them already, by the connection on which it waits.
 */
export function replicaBreakers({ limits }: NodeLayout, pool: PoolLimits): Json {
  const threshold = (priority: 'DEFAULT' | 'HIGH', { maxConnections, maxPending, maxRequests }: PoolLimits): Json => ({
    priority,
    max_connections: wrap(maxConnections ?? limits.maxRequests),
    max_pending_requests: wrap(maxPending ?? limits.maxRequests),
    max_requests: wrap(maxRequests ?? limits.maxRequests),
    max_retries: wrap(10_000),
  })
  return { circuit_breakers: { thresholds: [threshold('DEFAULT', pool), threshold('HIGH', {})] } }
}

/** When replicas get no calls for a while; errors that are not named do not count (as Istio has it). */
export function outlierDetection(limits: OutlierLimits): Json {
  const counted = (name: string, count: number | undefined): Json =>
    count === undefined ? {} : { ...(count === 0 ? {} : { [name]: wrap(count) }), [`enforcing_${name}`]: wrap(count === 0 ? 0 : 100) }
  return {
    enforcing_success_rate: wrap(0),
    ...counted('consecutive_5xx', limits.errors),
    ...counted('consecutive_gateway_failure', limits.gatewayErrors),
    ...(limits.splitLocal === true
      ? {
          split_external_local_origin_errors: true,
          enforcing_local_origin_success_rate: wrap(0),
          ...counted('consecutive_local_origin_failure', limits.localFailures),
        }
      : {}),
    ...(limits.intervalMs === undefined ? {} : { interval: duration(limits.intervalMs) }),
    ...(limits.ejectionMs === undefined ? {} : { base_ejection_time: duration(limits.ejectionMs) }),
    ...(limits.maxPercent === undefined ? {} : { max_ejection_percent: wrap(limits.maxPercent) }),
  }
}
