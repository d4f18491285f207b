import type { ConnectionStatistics, TrafficHistogram, TrafficStatistics } from '@weft/mesh-model'
import { BLOCKED, TRAFFIC_PREFIX } from '../encode/traffic-log.ts'
import { BLACK_HOLE, Ends, outsideEnd, type Known } from './ends.ts'
import { parseSamples, type Sample } from './prometheus.ts'

const PREFIX = `envoy_${TRAFFIC_PREFIX}_`

/**
 * What the proxy's `trafficLog`s counted, by who called whom. Calls that went neither to a workload nor outside (the control API) are left out, and the prober's. Cost:
 * about a microsecond for each line of the proxy's answer, of which there are 46 for a pair of workloads that called.
 * @param ends who is who, workloads included that were counted and have left
 */
export function trafficOf(text: string, snapshot: Known, ends = new Ends(snapshot)): readonly TrafficStatistics[] {
  // The lines of a series have the same labels but for the bound of a bucket, which comes last: they are read once, and not for every line.
  const found = new Map<string, Draft>()
  for (const line of text.split('\n')) {
    if (!line.startsWith(PREFIX)) continue
    const open = line.indexOf('{')
    const close = line.lastIndexOf('} ')
    const bound = line.lastIndexOf(BOUND, close)
    const key = line.slice(open, bound < 0 ? close : bound)
    let draft = found.get(key)
    if (draft === undefined) found.set(key, (draft = new Draft(parseSamples(`_${key}} 0`)[0]?.labels ?? {})))
    const le = bound < 0 ? undefined : line.slice(bound + BOUND.length, close - 1)
    draft.add(line.slice(PREFIX.length, open), Number(line.slice(close + 2)), le)
  }
  return [...found.values()].flatMap((draft) => draft.result(ends) ?? [])
}

const BOUND = ',le="'

type Name = 'duration' | 'request_bytes' | 'response_bytes'

/** The numbers of one series while its lines are read. */
class Draft {
  readonly #labels: Sample['labels']
  readonly #histograms = new Map<string, { buckets: { le: number; count: number }[]; sum: number; count: number }>()
  #requests = 0
  readonly #connections = { tcp_opened: 0, tcp_closed: 0, tcp_received: 0, tcp_sent: 0 }

  constructor(labels: Sample['labels']) {
    this.#labels = labels
  }

  /** One line: the name without its prefix, the value, and the bound of a bucket. */
  add(name: string, value: number, le: string | undefined): void {
    if (name === 'requests') {
      this.#requests += value
      return
    }
    if (isConnectionCount(name)) {
      this.#connections[name] += value
      return
    }
    const cut = name.lastIndexOf('_')
    const histogram = this.#histogramOf(name.slice(0, cut))
    const part = name.slice(cut + 1)
    if (part === 'sum') histogram.sum = value
    else if (part === 'count') histogram.count = value
    else if (part === 'bucket' && le !== undefined && le !== '+Inf') histogram.buckets.push({ le: Number(le), count: value })
  }

  #connectionsOf(): ConnectionStatistics | undefined {
    const { tcp_opened: opened, tcp_closed: closed, tcp_received: sentBytes, tcp_sent: receivedBytes } = this.#connections
    return opened + closed > 0 ? { opened, closed, sentBytes, receivedBytes } : undefined
  }

  #histogramOf(name: string): { buckets: { le: number; count: number }[]; sum: number; count: number } {
    const before = this.#histograms.get(name)
    if (before !== undefined) return before
    const histogram = { buckets: [], sum: 0, count: 0 }
    this.#histograms.set(name, histogram)
    return histogram
  }

  result(ends: Ends): TrafficStatistics | undefined {
    const { side, workload = '', peer = '', cluster = '', blocked = '', tls = '', code = '0', flags = '-', held = '-', grpc = '-' } = this.#labels
    const isCallee = side === 'destination'
    const other = isCallee ? ends.ofPrincipal(peer) : blocked === BLOCKED ? outsideEnd(BLACK_HOLE) : ends.ofCallee(cluster, peer)
    const own = workload === 'ingress' ? ends.ingress : ends.ofWorkload(workload)
    if (other === undefined) return undefined
    const connections = this.#connectionsOf()
    const callee = isCallee ? own : other
    // To a workload of raw TCP there are no calls; tunnels to the outside are told as such.
    if (connections === undefined ? this.#requests === 0 || ends.speaksTcp(callee) : callee.outside === true) return undefined
    const histogram = (name: Name): TrafficHistogram => this.#histograms.get(name) ?? { buckets: [], sum: 0, count: 0 }
    return {
      reporter: isCallee ? 'destination' : 'source',
      source: isCallee ? other : own,
      destination: isCallee ? own : other,
      code: connections === undefined ? code : '0',
      flags,
      ...(/^\d+$/.test(grpc) ? { grpcStatus: grpc } : {}),
      ...(connections === undefined ? {} : { connections }),
      security: !isCallee ? 'unknown' : tls === '' || tls === '-' || peer === '' || peer === '-' ? 'none' : 'mutual_tls',
      requests: this.#requests,
      duration: histogram('duration'),
      ...(held === '-' || held === '' ? {} : { held: true }),
      ...(isCallee ? { requestBytes: histogram('request_bytes'), responseBytes: histogram('response_bytes') } : {}),
    }
  }
}

function isConnectionCount(name: string): name is 'tcp_opened' | 'tcp_closed' | 'tcp_received' | 'tcp_sent' {
  return name === 'tcp_opened' || name === 'tcp_closed' || name === 'tcp_received' || name === 'tcp_sent'
}
