import { connect, type ClientHttp2Session } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { afterAll, describe, expect, it } from '@jest/globals'
import { spawnReplica, startReplica, stopAll, until, type Replica } from '../../test/harness.ts'

afterAll(stopAll)

const STREAMS = `module.exports = (stream, headers) => {
  if (headers[':path'] === '/test.Echo/Throw') throw new Error('secret')
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-path': headers[':path'] }))
  stream.pipe(stream)
}`
const HTTP2_SERVER = `const server = require('node:http2').createServer()
server.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-path': headers[':path'] }))
  stream.pipe(stream)
})
module.exports = server`
const GRPC_JS = `const grpc = require('@grpc/grpc-js')
const same = (bytes) => bytes
const server = new grpc.Server()
const method = { path: '/test.Echo/Say', requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
server.addService({ say: method }, { say: (call, reply) => {
  const trailers = new grpc.Metadata()
  trailers.set('x-path', call.getPath())
  reply(null, call.request, trailers)
} })
module.exports = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())`

const sessions: ClientHttp2Session[] = []
afterAll(() => sessions.forEach((each) => each.destroy()))

function session(replica: Replica): ClientHttp2Session {
  const made = connect('http://fn.default', { createConnection: () => connectSocket(replica.socketPath) })
  sessions.push(made)
  return made
}

/** One message of gRPC: not compressed, four bytes of length, the text. */
function framed(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

function call(on: ClientHttp2Session, path: string, text: string): Promise<{ readonly body: string; readonly status: string; readonly path: string }> {
  return new Promise((resolve, reject) => {
    const stream = on.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
    let body = Buffer.alloc(0)
    let last: Readonly<Record<string, unknown>> = {}
    stream.on('response', (headers) => (last = headers)).on('trailers', (headers) => (last = headers))
    stream.on('data', (chunk: Buffer) => (body = Buffer.concat([body, chunk])))
    stream
      .on('error', reject)
      .on('end', () => resolve({ body: body.subarray(5).toString(), status: String(last['grpc-status']), path: String(last['x-path']) }))
    stream.end(framed(text))
  })
}

describe('the contract grpc', () => {
  it.each([
    ['a handler of streams', STREAMS],
    ['a server of node:http2', HTTP2_SERVER],
    ['an injector of @grpc/grpc-js', GRPC_JS],
  ])('serves by %s, and answers probes by HTTP/1.1 beside it', async (_name, source) => {
    const replica = await startReplica({ contract: 'grpc', source, libraries: true })
    const own = session(replica)
    expect(await call(own, '/test.Echo/Say', 'hello')).toEqual({ body: 'hello', status: '0', path: '/test.Echo/Say' })
    for (const path of ['/_/health', '/_/ready']) expect((await replica.ask({ path })).status).toBe(200)
    expect((await replica.ask({ path: '/test.Echo/Say', method: 'POST', body: 'x' })).status).toBe(415)
    expect(await call(own, '/test.Echo/Say', 'again')).toMatchObject({ body: 'again' })
  })

  it('tells a caller nothing of an error but a status', async () => {
    const replica = await startReplica({ contract: 'grpc', source: STREAMS })
    const outcome = await call(session(replica), '/test.Echo/Throw', 'x')
    expect(outcome).toMatchObject({ status: '13', body: '' })
    await until(() => replica.log().includes('secret'), 'the reason in the log')
  })

  it('drains: streams under way end, and then the replica', async () => {
    const replica = await startReplica({ contract: 'grpc', source: STREAMS })
    const own = session(replica)
    const stream = own.request({ ':method': 'POST', ':path': '/test.Echo/Slow', 'content-type': 'application/grpc' })
    await new Promise((resolve) => stream.once('response', resolve))
    replica.child.kill('SIGTERM')
    await new Promise((resolve) => {
      stream.on('data', resolve)
      stream.write(framed('still there'))
    })
    stream.end()
    await new Promise((resolve) => stream.once('close', resolve))
    own.close()
    expect(await replica.exited).toBe(0)
  })

  it.each([
    ['a server of @grpc/grpc-js itself', `const grpc = require('@grpc/grpc-js')\nmodule.exports = new grpc.Server()`, 'createConnectionInjector'],
    ['nothing that serves', 'module.exports = { a: 1, b: 2 }', 'exports no handler'],
  ])('refuses %s with what to export', async (_name, source, reason) => {
    const replica = await spawnReplica({ contract: 'grpc', source, libraries: true })
    expect(await replica.exited).toBe(1)
    expect(replica.log()).toContain(reason)
  })
})
