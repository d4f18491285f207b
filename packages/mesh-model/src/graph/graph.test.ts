import { describe, expect, it } from '@jest/globals'
import type { TrafficEnd, TrafficHistogram, TrafficStatistics } from '../plane.ts'
import { bytesText, edgeText, graphDot, graphOf, quantile } from './index.ts'

const end = (name: string, version = 'v1'): TrafficEnd => ({
  workload: version === 'unknown' ? name : `${name}-${version}`,
  namespace: 'default',
  principal: `spiffe://cluster.local/ns/default/sa/${name}`,
  app: name,
  version,
  service: name,
})
const times = (count: number): TrafficHistogram => ({
  buckets: [
    { le: 10, count: 0 },
    { le: 20, count },
  ],
  sum: count * 15,
  count,
})

function calls(from: TrafficEnd, to: TrafficEnd, requests: number, more: Partial<TrafficStatistics> = {}): TrafficStatistics {
  return { reporter: 'source', source: from, destination: to, code: '200', flags: '-', security: 'unknown', requests, duration: times(requests), ...more }
}
const proven = { reporter: 'destination', security: 'mutual_tls' } as const
const plain = { reporter: 'destination', security: 'none' } as const
const [a, b1, b2] = [end('a'), end('b'), end('b', 'v2')]

describe('the graph of the mesh', () => {
  it('has versions as nodes, and an edge for each pair that called', () => {
    const graph = graphOf([], [calls(a, b1, 3), calls(a, b1, 1, { code: '503' }), calls(a, b2, 1)])
    expect(graph.nodes.map(({ id, version }) => [id, version])).toEqual([
      ['default/a-v1', 'v1'],
      ['default/b-v1', 'v1'],
      ['default/b-v2', 'v2'],
    ])
    expect(graph.edges).toMatchObject([
      { from: 'default/a-v1', to: 'default/b-v1', requests: 4, errors: 0.25, lock: 'unknown' },
      { from: 'default/a-v1', to: 'default/b-v2', requests: 1, errors: 0 },
    ])
  })

  it('counts each call once, though both sides report it, and the versions of one caller apart', () => {
    const a2 = end('a', 'v2')
    const graph = graphOf([], [calls(a, b1, 3), calls(a2, b1, 1), calls(end('a', 'unknown'), b1, 4, proven)])
    expect(graph.edges.map(({ from, requests, lock }) => [from, requests, lock])).toEqual([
      ['default/a-v1', 3, 'all'],
      ['default/a-v2', 1, 'all'],
    ])
  })

  it('has what only the side that was called has seen', () => {
    expect(graphOf([], [calls(a, b1, 2, proven)]).edges).toMatchObject([{ requests: 2, lock: 'all' }])
  })

  it.each<[string, readonly TrafficStatistics[], string]>([
    ['when all calls were proven', [calls(a, b1, 2, proven)], 'all'],
    ['when one was not', [calls(a, b1, 2, proven), calls(a, b1, 1, plain)], 'some'],
    ['when none was', [calls(a, b1, 2, plain)], 'none'],
    ['when nobody says', [calls(a, b1, 2)], 'unknown'],
  ])('has a lock %s', (_name, traffic, lock) => {
    expect(graphOf([], traffic).edges[0]?.lock).toBe(lock)
  })

  it('is of the window between two readings', () => {
    const graph = graphOf([calls(a, b1, 10), calls(a, b2, 5)], [calls(a, b1, 30), calls(a, b2, 5)], 10_000)
    expect(graph.edges).toMatchObject([{ to: 'default/b-v1', requests: 20, rate: 2, p50: 15 }])
    expect(graph.nodes.length).toBe(2)
  })

  it('has an edge for connections of raw TCP, with bytes and a lock', () => {
    const tcp = (opened: number, closed: number, more: Partial<TrafficStatistics> = {}) =>
      calls(a, b1, 0, { code: '0', connections: { opened, closed, sentBytes: closed * 1000, receivedBytes: closed * 10 }, ...more })
    expect(graphOf([], [tcp(3, 2), tcp(3, 2, proven)]).edges).toEqual([
      {
        from: 'default/a-v1',
        to: 'default/b-v1',
        requests: 0,
        errors: 0,
        connections: { opened: 3, closed: 2, sentBytes: 2000, receivedBytes: 20 },
        lock: 'all',
      },
    ])
    const window = graphOf([tcp(3, 2), tcp(3, 2, plain)], [tcp(7, 4), tcp(7, 4, plain)], 2_000)
    const [edge] = window.edges
    expect(edge).toMatchObject({
      lock: 'none',
      connections: { opened: 4, closed: 2, sentBytes: 2000, rates: { opened: 2, closed: 1, sentBytes: 1000, receivedBytes: 10 } },
    })
    expect(graphDot(window)).toContain('label="tcp, 4 opened, 2 closed, 1 KB/s sent, 10 B/s received, plain text", style=dashed')
    expect(graphOf([tcp(3, 2)], [tcp(3, 2)], 2_000).edges).toEqual([])
  })

  it('is drawn by Graphviz, with names of any kind', () => {
    const odd = { ...b1, workload: 'x"]; y' }
    const dot = graphDot(graphOf([], [calls(a, odd, 1, proven)]))
    expect(dot).toContain('"default/a-v1" -> "default/x\\"]; y" [label="1 calls, 0 % errors, p50 15 ms, p99 19.9 ms, mTLS", style=solid, color=black];')
    expect(edgeText({ from: '', to: '', requests: 2, errors: 0.5, lock: 'none' })).toBe('2 calls, 50 % errors, plain text')
  })
})

describe('a quantile', () => {
  it.each<[string, TrafficHistogram, number, number | undefined]>([
    ['lies linearly in its bucket', times(10), 0.5, 15],
    ['is not there without an observation', times(0), 0.5, undefined],
    ['is the highest bound for what is above it', { buckets: [{ le: 10, count: 1 }], sum: 500, count: 2 }, 0.99, 10],
    ['begins at zero', { buckets: [{ le: 10, count: 4 }], sum: 4, count: 4 }, 0.25, 2.5],
  ])('%s', (_name, histogram, q, expected) => {
    expect(quantile(histogram, q)).toBe(expected)
  })
})

describe('an amount of bytes', () => {
  it.each<[number, string]>([
    [0, '0 B'],
    [0.4, '0.4 B'],
    [999, '999 B'],
    [1500, '1.5 KB'],
    [2_000_000, '2 MB'],
    [3e15, '3000 TB'],
  ])('%s is %s', (bytes, text) => expect(bytesText(bytes)).toBe(text))
})
