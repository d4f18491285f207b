import type { ConnectionPool, ConsistentHash, LoadBalancer, OutlierDetection, TrafficPolicy } from '@weft/api'
import type { Balancer, HashKey, OutlierLimits, PoolLimits, WarmUp, WorkloadTraffic } from '../workload-traffic.ts'
import { readDuration, type Place } from './route-actions.ts'

/** Reads a `trafficPolicy`; `undefined` when it changes nothing. */
export function readTrafficPolicy(policy: TrafficPolicy | undefined, place: Place): WorkloadTraffic | undefined {
  if (policy === undefined) return undefined
  const { loadBalancer, connectionPool, outlierDetection } = policy
  const balancer = loadBalancer === undefined ? undefined : readBalancer(loadBalancer, { ...place, at: `${place.at}.loadBalancer` })
  const traffic = {
    ...(balancer === undefined ? {} : { balancer }),
    ...(connectionPool === undefined ? {} : { pool: readPool(connectionPool, { ...place, at: `${place.at}.connectionPool` }) }),
    ...(outlierDetection === undefined ? {} : { outliers: readOutliers(outlierDetection, { ...place, at: `${place.at}.outlierDetection` }) }),
  }
  return Object.keys(traffic).length === 0 ? undefined : traffic
}

function readBalancer({ simple, consistentHash, warmup, warmupDurationSecs }: LoadBalancer, place: Place): Balancer | undefined {
  if (consistentHash !== undefined) return readHash(consistentHash, place)
  if (simple === 'RANDOM') return { kind: 'random' }
  const warmUp = readWarmUp(warmup ?? (warmupDurationSecs === undefined ? undefined : { duration: warmupDurationSecs }), place)
  if (simple === undefined && warmUp === undefined) return undefined
  return { kind: simple === 'ROUND_ROBIN' ? 'round-robin' : 'least-request', ...(warmUp === undefined ? {} : { warmUp }) }
}

function readWarmUp(warmup: LoadBalancer['warmup'], { at, notes }: Place): WarmUp | undefined {
  const ms = warmup === undefined ? undefined : readDuration(warmup.duration, `${at}.warmup.duration`, notes)
  if (warmup === undefined || ms === undefined || ms === 0) return undefined
  return { ms, ...defined({ minimumPercent: warmup.minimumPercent, aggression: warmup.aggression }) }
}

function readHash(hash: ConsistentHash, place: Place): Balancer | undefined {
  const key = readKey(hash, place)
  if (key === undefined) {
    place.notes.push(`${place.at}.consistentHash: needs one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName`)
    return undefined
  }
  if (hash.maglev !== undefined) return { kind: 'maglev', key, ...defined({ tableSize: hash.maglev.tableSize }) }
  return { kind: 'ring-hash', key, ...defined({ minimumRingSize: hash.ringHash?.minimumRingSize ?? hash.minimumRingSize }) }
}

function readKey({ httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName }: ConsistentHash, { at, notes }: Place): HashKey | undefined {
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName.toLowerCase() }
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName }
  if (httpCookie === undefined) return useSourceIp === true ? { kind: 'source' } : undefined
  const ttlMs = httpCookie.ttl === undefined ? undefined : readDuration(httpCookie.ttl, `${at}.consistentHash.httpCookie.ttl`, notes)
  return { kind: 'cookie', name: httpCookie.name, ...defined({ path: httpCookie.path, ttlMs }) }
}

function readPool({ tcp, http }: ConnectionPool, { at, notes }: Place): PoolLimits {
  const time = (text: string | undefined, name: string) => {
    const ms = text === undefined ? undefined : readDuration(text, `${at}.${name}`, notes)
    return ms === 0 ? undefined : ms
  }
  return defined({
    maxConnections: tcp?.maxConnections,
    maxPending: http?.http1MaxPendingRequests,
    maxRequests: http?.http2MaxRequests,
    maxRequestsPerConnection: http?.maxRequestsPerConnection === 0 ? undefined : http?.maxRequestsPerConnection,
    maxRetries: http?.maxRetries,
    connectTimeoutMs: time(tcp?.connectTimeout, 'tcp.connectTimeout'),
    tcpIdleTimeoutMs: time(tcp?.idleTimeout, 'tcp.idleTimeout'),
    idleTimeoutMs: time(http?.idleTimeout, 'http.idleTimeout'),
    maxConnectionDurationMs: time(tcp?.maxConnectionDuration, 'tcp.maxConnectionDuration'),
  })
}

function readOutliers(outliers: OutlierDetection, { at, notes }: Place): OutlierLimits {
  const time = (text: string | undefined, name: string) => (text === undefined ? undefined : readDuration(text, `${at}.${name}`, notes))
  return defined({
    errors: outliers.consecutive5xxErrors,
    gatewayErrors: outliers.consecutiveGatewayErrors,
    localFailures: outliers.consecutiveLocalOriginFailures,
    splitLocal: outliers.splitExternalLocalOriginErrors,
    intervalMs: time(outliers.interval, 'interval') || undefined,
    ejectionMs: time(outliers.baseEjectionTime, 'baseEjectionTime') || undefined,
    maxPercent: outliers.maxEjectionPercent,
  })
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** The fields that are there. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}
