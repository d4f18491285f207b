import { describe, expect, it } from '@jest/globals'
import type { TrafficEnd, TrafficStatistics } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'
import { renderIstioMetrics } from './render-istio.ts'
import { TrafficTotals } from './traffic.ts'

const end = (name: string): TrafficEnd => ({
  workload: `${name}-v1`,
  namespace: 'default',
  principal: `spiffe://cluster.local/ns/default/sa/${name}`,
  app: name,
  version: 'v1',
  service: name,
})

function calls(requests: number, more: Partial<TrafficStatistics> = {}): TrafficStatistics {
  const duration = {
    buckets: [
      { le: 1, count: 0 },
      { le: 10, count: requests },
    ],
    sum: requests * 5,
    count: requests,
  }
  return { reporter: 'source', source: end('a'), destination: end('b'), code: '200', flags: '-', security: 'unknown', requests, duration, ...more }
}

describe('the totals of traffic', () => {
  it.each<[string, readonly (readonly TrafficStatistics[])[], readonly number[]]>([
    ['what was read', [[calls(3)], [calls(5)]], [3, 5]],
    ['what was counted before the proxy began anew', [[calls(3)], [calls(2)], [calls(4)]], [3, 5, 7]],
    ['what was counted before a number went away', [[calls(3)], [], [calls(9)]], [3, 3, 12]],
    ['the sum of what two lines say of the same', [[calls(1), calls(2)]], [3]],
  ])('are %s', async (_name, readings, expected) => {
    let reading: readonly TrafficStatistics[] = []
    const totals = new TrafficTotals({ traffic: async () => reading })
    const seen: number[] = []
    for (const next of readings) {
      reading = next
      const [total] = await totals.read()
      seen.push(total?.requests ?? 0)
      expect([total?.duration.count, total?.duration.buckets[1]?.count, total?.duration.sum]).toEqual([
        total?.requests,
        total?.requests,
        (total?.requests ?? 0) * 5,
      ])
    }
    expect(seen).toEqual(expected)
  })

  it('stay when the mesh does not answer, and go with both of their ends', async () => {
    let fails = false
    const totals = new TrafficTotals({ traffic: () => (fails ? Promise.reject(new Error('gone')) : Promise.resolve([calls(3)])) })
    await totals.read()
    fails = true
    expect((await totals.read()).length).toBe(1)
    totals.retain(({ service }) => service === 'a')
    expect((await totals.read()).length).toBe(1)
    totals.retain(() => false)
    expect(await totals.read()).toEqual([])
  })
})

describe("Istio's metrics", () => {
  it('have its names and labels', () => {
    const bytes = { buckets: [{ le: 100, count: 1 }], sum: 50, count: 1 }
    const text = renderIstioMetrics([calls(1, { reporter: 'destination', security: 'mutual_tls', requestBytes: bytes, responseBytes: bytes })])
    expect(text).toContain(
      'istio_requests_total{reporter="destination",source_workload="a-v1",source_workload_namespace="default",source_principal="spiffe://cluster.local/ns/default/sa/a",source_app="a",source_version="v1",source_canonical_service="a",source_canonical_revision="v1",destination_workload="b-v1",destination_workload_namespace="default",destination_principal="spiffe://cluster.local/ns/default/sa/b",destination_app="b",destination_version="v1",destination_canonical_service="b",destination_canonical_revision="v1",destination_service="b.default.svc.cluster.local",destination_service_name="b",destination_service_namespace="default",request_protocol="http",response_code="200",response_flags="-",connection_security_policy="mutual_tls"} 1',
    )
    const outside = { ...calls(1).destination, workload: 'api.example.org', service: 'api.example.org', outside: true as const }
    expect(renderIstioMetrics([calls(1, { destination: outside })])).toMatch(
      /destination_workload="unknown".*destination_service="api\.example\.org",destination_service_name="api\.example\.org",destination_service_namespace="default"/,
    )
    expect(text).toMatch(/istio_request_duration_milliseconds_bucket\{.*,le="10"\} 1\n/)
    expect(text).toMatch(/istio_request_bytes_sum\{.*\} 50\n/)
    expect(text).toMatch(/# TYPE istio_response_bytes histogram\n/)
  })

  it('are on the metrics listener for the functions that are there', async () => {
    await using world = await makeWorld()
    world.mesh.see(calls(7))
    expect((await world.gateway.metrics.inject({ url: '/metrics' })).body).not.toContain('istio_requests_total{')
    await world.store.create({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Function',
      metadata: { name: 'a', namespace: 'default' },
      spec: { template: { image: 'x:1' } },
    })
    expect((await world.gateway.metrics.inject({ url: '/metrics' })).body).toContain('istio_requests_total{reporter="source",source_workload="a-v1"')
  })

  it('are there for what leaves the mesh through the egress gateway, which is no function', async () => {
    await using world = await makeWorld()
    const gateway = { ...calls(1).source, workload: 'egressgateway-80', namespace: 'weft-system', service: 'egressgateway' }
    const outside = { ...calls(1).destination, workload: 'api.example.org', service: 'api.example.org', outside: true as const }
    world.mesh.see(calls(7, { source: gateway, destination: outside }))
    for (let reading = 0; reading < 2; reading += 1)
      expect((await world.gateway.metrics.inject({ url: '/metrics' })).body).toContain(
        'istio_requests_total{reporter="source",source_workload="egressgateway-80"',
      )
  })

  it('have connections of raw TCP and statuses of gRPC under names of their own', () => {
    const connections = { opened: 3, closed: 2, sentBytes: 10, receivedBytes: 20 }
    const text = renderIstioMetrics([calls(0, { connections, code: '0' }), calls(1, { grpcStatus: '5' })])
    const values = text
      .split('\n')
      .flatMap((line) => (line.startsWith('istio_tcp_') ? [[line.slice(0, line.indexOf('{')), line.slice(line.lastIndexOf(' ') + 1)]] : []))
    expect(values).toEqual([
      ['istio_tcp_connections_opened_total', '3'],
      ['istio_tcp_connections_closed_total', '2'],
      ['istio_tcp_sent_bytes_total', '20'],
      ['istio_tcp_received_bytes_total', '10'],
    ])
    const requests = text.split('\n').filter((line) => line.startsWith('istio_requests_total{'))
    expect(requests).toHaveLength(1)
    expect(requests[0]).toContain('request_protocol="grpc",response_code="200",grpc_response_status="5"')
    expect(text).toContain('request_protocol="tcp",response_flags="-"')
  })

  it('have messages of gRPC under names of their own, and nothing else of these', () => {
    const text = renderIstioMetrics([calls(0, { messages: { requests: 7, responses: 9 }, code: '0' })])
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(series.map((line) => [line.split('{')[0], line.split('} ')[1]])).toEqual([
      ['istio_request_messages_total', '7'],
      ['istio_response_messages_total', '9'],
    ])
    expect(series[0]).toContain('request_protocol="grpc"')
    expect(series[0]).not.toMatch(/response_code|response_flags|grpc_response_status/)
  })

  it('of messages stay monotonic when the proxy begins anew', async () => {
    const made = (requests: number, responses: number): TrafficStatistics => calls(0, { messages: { requests, responses } })
    let reading = [made(3, 5), calls(2)]
    const totals = new TrafficTotals({ traffic: async () => reading })
    await totals.read()
    reading = [made(1, 6), calls(2)]
    expect((await totals.read()).map(({ messages, requests }) => [messages, requests])).toEqual([
      [{ requests: 4, responses: 11 }, 0],
      [undefined, 2],
    ])
  })

  it('of connections stay monotonic when the proxy begins anew', async () => {
    const made = (opened: number, closed: number): TrafficStatistics => calls(0, { connections: { opened, closed, sentBytes: closed, receivedBytes: closed } })
    let reading = [made(3, 2)]
    const totals = new TrafficTotals({ traffic: async () => reading })
    await totals.read()
    reading = [made(1, 1)]
    expect((await totals.read())[0]?.connections).toEqual({ opened: 4, closed: 3, sentBytes: 3, receivedBytes: 3 })
  })
})
