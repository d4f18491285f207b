import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import http from 'node:http'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { freePort } from '../testing/free-port.ts'
import { serveGrpcEcho } from './testing/grpc.ts'
import { replica } from './testing/model.ts'
import { compiled, functionOf, networking } from './testing/resources.ts'
import { mirror, World } from './testing/world.ts'

// Frames of https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md: a flag, a length, and a message or (0x80) the trailers.

function frame(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

function frames(body: Buffer): { readonly messages: readonly string[]; readonly trailers: Readonly<Record<string, string>> } {
  const messages: string[] = []
  let trailers: Readonly<Record<string, string>> = {}
  for (let at = 0; at + 5 <= body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1)
    const text = body.subarray(at + 5, end).toString()
    if (body[at] === 0x80)
      trailers = Object.fromEntries(
        text
          .trim()
          .split('\r\n')
          .map((line) => line.split(/:\s*/, 2) as [string, string]),
      )
    else messages.push(text)
    at = end
  }
  return { messages, trailers }
}

interface WebAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** A call as a browser makes it, by HTTP/1.1. */
function post(options: http.RequestOptions, type: string, body: Buffer | string): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, 'content-type': type, accept: type, 'x-grpc-web': '1', origin: 'https://shop.example.com' }
    const request = http.request({ agent: false, method: 'POST', ...options, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const grpc = (name: string): readonly Resource[] =>
  functionOf(name).map((resource) => {
    const spec = resource.spec as { readonly template: object }
    return { ...resource, spec: { ...spec, template: { ...spec.template, protocol: 'grpc' } } }
  })
const RESOURCES: readonly Resource[] = [
  ...grpc('echo'),
  ...functionOf('own'),
  ...functionOf('caller'),
  networking('Gateway', 'web', {
    selector: { istio: 'ingressgateway' },
    servers: [{ port: { number: 80, name: 'grpc-web', protocol: 'GRPC-WEB' }, hosts: ['echo.example.com'] }],
  }),
  networking('VirtualService', 'echo', { hosts: ['echo.example.com'], gateways: ['web'], http: [{ route: [{ destination: { host: 'echo' } }] }] }),
]

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('gRPC-Web, on the %s path', (path) => {
  let world: World
  let server: Awaited<ReturnType<typeof serveGrpcEcho>>
  let port: number

  beforeAll(async () => {
    port = await freePort()
    server = await serveGrpcEcho()
    const listening = async (before: World) => {
      before.replicas.set('default/echo-v1', [replica('echo', server.path)])
      await before.addReplica('default/own-v1', mirror)
      await before.addReplica('default/caller-v1')
    }
    world = await World.start(compiled(RESOURCES, path, { ingressPorts: { http: port, https: 1 } }), listening, { ingress: { address: '127.0.0.1', port } })
  }, 30_000)
  afterAll(async () => {
    await world?.stop()
    server?.stop()
  })

  const outside = (at: string, host = 'localhost') => ({ host: '127.0.0.1', port, path: at, headers: { host } })

  it.each<[string, () => http.RequestOptions]>([
    ['by its name in the path', () => outside('/function/echo/test.Echo/Say')],
    ['under a name of a Gateway', () => outside('/test.Echo/Say', 'echo.example.com')],
    ['from another function', () => ({ socketPath: world.outbound('default/caller-v1'), path: '/test.Echo/Say', headers: { host: 'echo' } })],
  ])('reaches a function that speaks gRPC: %s', async (_name, where) => {
    const answer = await post(where(), 'application/grpc-web+proto', frame('hello'))
    const { messages, trailers } = frames(answer.body)
    expect([answer.status, answer.headers['content-type'], messages]).toEqual([200, 'application/grpc-web+proto', ['hello!']])
    expect(trailers).toMatchObject({ 'grpc-status': '0', 'x-trailer': 'kept' })
  })

  it('streams answers, and carries statuses of gRPC', async () => {
    const counted = frames((await post(outside('/function/echo/test.Echo/Count'), 'application/grpc-web+proto', frame('3'))).body)
    expect([counted.messages, counted.trailers['grpc-status']]).toEqual([['1', '2', '3'], '0'])
    // Without a message the status stands in the headers (Trailers-Only).
    const { headers } = await post(outside('/function/echo/test.Echo/Say'), 'application/grpc-web+proto', frame('missing'))
    expect([headers['grpc-status'], headers['grpc-message']]).toEqual(['5', 'there%20is%20none'])
  })

  it('is understood as text (base64) too', async () => {
    const answer = await post(outside('/function/echo/test.Echo/Say'), 'application/grpc-web-text', frame('hello').toString('base64'))
    const parts = answer.body.toString().match(/[A-Za-z0-9+/]+=*/g) ?? []
    expect(frames(Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')))).messages).toEqual(['hello!'])
  })

  it('is left to a function of HTTP as it is', async () => {
    const { body } = await post(outside('/function/own/test.Echo/Say'), 'application/grpc-web+proto', frame('hello'))
    const told = JSON.parse(body.toString()) as { readonly headers: Readonly<Record<string, string>>; readonly bytes: number }
    expect([told.headers['content-type'], told.bytes]).toEqual(['application/grpc-web+proto', 10])
  })
})
