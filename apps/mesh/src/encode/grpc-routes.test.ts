import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { EchoClient, serveGrpcEcho } from './testing/grpc.ts'
import { replica } from './testing/model.ts'
import { compiledWith, functionOf } from './testing/resources.ts'
import { World } from './testing/world.ts'

const service = 'test.Echo'
const to = (name: string) => [{ name, port: 8080 }]
const ROUTE: Resource = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GRPCRoute',
  metadata: { name: 'front', namespace: 'default' },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'front' }],
    rules: [
      {
        matches: [{ method: { service, method: 'Say' } }, { method: { type: 'RegularExpression', service: 'test[.].*', method: 'Chat' } }],
        backendRefs: to('echo'),
      },
      { matches: [{ method: { service, method: 'Count' } }], backendRefs: to('nobody') },
    ],
  },
}

/** A function whose replicas speak gRPC. */
const speaking = (name: string): readonly Resource[] =>
  functionOf(name).map((resource) => {
    const spec = resource.spec as { readonly template: object }
    return { ...resource, spec: { ...spec, template: { ...spec.template, protocol: 'grpc' } } }
  })

let world: World
let server: Awaited<ReturnType<typeof serveGrpcEcho>>
const clients: EchoClient[] = []
beforeAll(async () => {
  server = await serveGrpcEcho()
  world = await World.start(compiledWith([...speaking('echo'), ...speaking('front'), ...functionOf('caller'), ROUTE]), async (starting) => {
    await starting.addReplica('default/caller-v1')
    starting.replicas.set('default/echo-v1', [replica('echo', server.path)])
  })
  clients.push(
    new EchoClient(`unix:${world.outbound('default/caller-v1')}`, { authority: 'front.default:8080' }),
    new EchoClient(`127.0.0.1:${world.port}`, { authority: 'localhost', prefix: '/function/front' }),
  )
}, 30_000)
afterAll(async () => {
  for (const each of clients) each.close()
  await world?.stop()
  server?.stop()
})

describe.each([
  ['from a function', 0],
  ['from outside', 1],
])('a GRPCRoute, called %s', (_way, client) => {
  it.each([
    ['a method goes to its backend', 'say', 'hello', { code: 0, messages: ['hello!'] }],
    ['a stream by an expression too', 'chat', ['a', 'b'], { code: 0, messages: ['a?', 'b?'] }],
    ['a backend that is not there is unavailable', 'count', '3', { code: 14 }],
    ['a method that no rule matches is not implemented', 'sum', ['1'], { code: 12 }],
  ] as const)('%s', async (_what, method, sent, outcome) => {
    expect(await clients[client]?.call(method, sent)).toMatchObject(outcome)
  })
})
