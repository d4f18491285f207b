import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { afterAll, describe, expect, it } from '@jest/globals'
import { spawnReplica, startReplica, stopAll, until, type Replica } from '../../test/harness.ts'

afterAll(stopAll)

const NODE = process.execPath
/** Greets before anything is said, sends everything back in capitals, and says goodbye when the other side has ended. */
const TCP = `require('net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.write('ready\\n')
  socket.on('data', (text) => socket.write(text.toString().toUpperCase()))
  socket.on('end', () => socket.end('bye\\n'))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')`
const HTTP2 = `require('http2').createServer().on('stream', (stream, headers) => {
  stream.respond({ ':status': 200 }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-path': headers[':path'] }))
  stream.pipe(stream)
}).listen(Number(process.env.PORT), '127.0.0.1')`

function replicaOf(source: string, protocol: string, more: { readonly concurrency?: number; readonly url?: string } = {}): Promise<Replica> {
  return startReplica({
    mode: 'http',
    command: `${NODE} ./server.cjs`,
    files: { 'server.cjs': source },
    env: { upstream_url: more.url ?? `${protocol === 'tcp' ? 'tcp' : 'http'}://127.0.0.1:0` },
    config: { protocol, concurrency: more.concurrency ?? 0 },
  })
}

/** Opens a connection as the proxy does. @returns the socket, or the status that was not 200 */
function open({ socketPath }: Replica): Promise<Socket | number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method: 'CONNECT', path: 'cache.default:6379', agent: false })
    asked.on('error', reject)
    asked.on('connect', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      resolve(response.statusCode ?? 0)
    })
    asked.end()
  })
}

async function opened(replica: Replica): Promise<{ readonly socket: Socket; readonly seen: () => string }> {
  const socket = await open(replica)
  if (typeof socket === 'number') throw new Error(`answered ${socket}`)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return { socket, seen: () => text }
}

describe('a program that speaks raw TCP', () => {
  it('gets each CONNECT as a connection, may speak first, and each side may end before the other', async () => {
    const replica = await replicaOf(TCP, 'tcp')
    const { socket, seen } = await opened(replica)
    await until(() => seen() === 'ready\n', 'the program speaks first')
    socket.write('hello\n')
    await until(() => seen() === 'ready\nHELLO\n', 'the echo')
    socket.end('last\n')
    await until(() => seen() === 'ready\nHELLO\nLAST\nbye\n', 'the goodbye')
    for (const path of ['/_/health', '/_/ready']) expect((await replica.ask({ path })).status).toBe(200)
  })

  it('has no more connections at a time than its concurrency', async () => {
    const replica = await replicaOf(TCP, 'tcp', { concurrency: 1 })
    const first = await opened(replica)
    expect(await open(replica)).toBe(429)
    first.socket.destroy()
    const end = Date.now() + 10_000
    let next = await open(replica)
    while (typeof next === 'number' && Date.now() < end) next = await open(replica)
    expect(next).not.toBe(429)
    if (typeof next !== 'number') next.destroy()
  })

  it('drains: an open connection goes on until it ends', async () => {
    const replica = await replicaOf(TCP, 'tcp')
    const { socket, seen } = await opened(replica)
    await until(() => seen() === 'ready\n', 'the program speaks first')
    replica.child.kill('SIGTERM')
    socket.write('still\n')
    await until(() => seen().includes('STILL'), 'the echo while it drains')
    socket.end()
    expect(await replica.exited).toBe(0)
  })
})

describe('a program that speaks HTTP/2', () => {
  it.each(['http2', 'grpc'])('gets the connections of %s as they are, trailers and all, and no probe', async (protocol) => {
    const replica = await replicaOf(HTTP2, protocol)
    const session = connectHttp2('http://fn.default', { createConnection: () => connectSocket(replica.socketPath) })
    const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Say' })
    let body = ''
    let trailers: Readonly<Record<string, unknown>> = {}
    stream.setEncoding('utf8').on('data', (text: string) => (body += text))
    stream.on('trailers', (headers) => (trailers = headers))
    stream.end('hello')
    await new Promise((resolve) => stream.once('close', resolve))
    expect([body, trailers['grpc-status'], trailers['x-path']]).toEqual(['hello', '0', '/test.Echo/Say'])
    expect((await replica.ask({ path: '/_/ready' })).status).toBe(200)
    session.destroy()
  })
})

it('a protocol that nobody knows is refused with those that are known', async () => {
  const replica = await spawnReplica({ mode: 'http', command: 'cat', config: { protocol: 'gopher' } })
  expect(await replica.exited).toBe(1)
  expect(replica.log()).toContain('protocol must be one of http, http2, grpc, tcp')
})
