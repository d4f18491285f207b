import { afterEach, describe, expect, it } from '@jest/globals'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { protoRoot } from '../proto/codec.ts'
import { sendSpans } from '../telemetry/send.ts'
import { encodeSpans } from '../telemetry/otlp.ts'
import { eventually } from '../testing/fixture.ts'
import { host, route, snapshot, workload } from './testing/model.ts'
import { World } from './testing/world.ts'
import type { Collector } from './types.ts'

const REQUEST = 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest'
const one = workload('one')
const hosts = [host('one', [route(one.key)])]
const ended: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

/** A collector by gRPC. @returns its address, and what it got as JSON */
async function grpcCollector(): Promise<{ readonly collector: Collector; readonly got: string[] }> {
  const got: string[] = []
  const type = protoRoot().lookupType(REQUEST)
  const same = (value: Buffer): Buffer => value
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  const codecs = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
  const server = new Server()
  server.addService(
    { Export: { path, requestStream: false, responseStream: false, ...codecs } },
    {
      Export: (call: { readonly request: Buffer }, reply: (error: null, answer: Buffer) => void) => {
        got.push(JSON.stringify(type.toObject(type.decode(call.request), { longs: String })))
        reply(null, Buffer.alloc(0))
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))),
  )
  ended.push(() => server.forceShutdown())
  return { collector: { protocol: 'grpc', host: '127.0.0.1', port, path: '' }, got }
}

async function start(collector: Collector, direct: boolean): Promise<World> {
  const made = snapshot([one], hosts)
  const world = await World.start(
    direct ? { ...made, path: 'direct' } : made,
    async (each) => {
      await each.addReplica(one.key)
    },
    { telemetry: { tracing: { collector, samplingPercent: 100 }, accessLog: { format: 'none', only: 'all' } } },
  )
  ended.push(() => world.stop())
  return world
}

describe('spans by gRPC', () => {
  it('come from the proxy and from the control plane', async () => {
    const { collector, got } = await grpcCollector()
    const world = await start(collector, false)
    await world.get('/function/one')
    await eventually(() => (/ingress/.test(got.join('')) && /GET one\.default/.test(got.join('')) ? true : undefined), 15_000)
    const span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentId: 'c'.repeat(16),
      kind: 'internal',
      startUs: 1,
      endUs: 2,
      attributes: {},
      failed: false,
    } as const
    await sendSpans(collector, encodeSpans([{ ...span, resource: { 'service.name': 'activator' }, name: 'activation' }]), 5000)
    expect(got.join('')).toContain('activation')
  }, 30_000)

  it('that nobody takes are an error with a reason', async () => {
    const { collector } = await grpcCollector()
    await expect(sendSpans({ ...collector, port: 1 }, Buffer.alloc(0), 2000)).rejects.toMatchObject({ code: 'COLLECTOR_FAILED' })
    await expect(sendSpans({ ...collector, protocol: 'http/protobuf', port: 1 }, Buffer.alloc(0), 2000)).rejects.toMatchObject({ code: 'COLLECTOR_FAILED' })
  })
})

describe('on the direct path', () => {
  it('a replica is told that its call is traced, by the ingress, and of nothing when it is not', async () => {
    const { collector } = await grpcCollector()
    const world = await start(collector, true)
    const { headers } = (await world.get('/function/one', { headers: { 'x-weft-trace': 'forged' } })).json()
    expect(headers['x-weft-trace']).toMatch(/^\d{16}$/)
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  }, 30_000)
})
