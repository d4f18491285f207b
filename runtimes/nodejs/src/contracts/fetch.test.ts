import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { WebSocket } from 'ws'
import { type Ask, logged, type Replica, startReplica, stopAll, until } from '../../test/harness.ts'

const SOURCE = `
import { WebSocketServer } from 'ws'
import { setTimeout as pause } from 'node:timers/promises'
const sockets = new WebSocketServer({ noServer: true })
const encoder = new TextEncoder()
let pulled = 0
let aborted = ''

export default async function handler(request: Request, context: any): Promise<Response | undefined> {
  const { pathname } = new URL(request.url)
  switch (pathname) {
    case '/echo': {
      const headers = Object.fromEntries(request.headers)
      const { deadline, waitUntil, upgrade, ...rest } = context
      return Response.json({ url: request.url, method: request.method, headers, text: await request.text(), context: rest, left: deadline - Date.now() })
    }
    case '/instance': return Response.json({ request: request instanceof Request, clone: await request.clone().text(), copy: new Request(request).method, type: request.headers.get('content-type') })
    case '/form': return Response.json(Object.fromEntries(await request.formData()))
    case '/json': return Response.json(await request.json())
    case '/pipe': return new Response(request.body)
    case '/text': return new Response('hello', { status: 201, headers: [['X-A', 'b'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']] })
    case '/bytes': return new Response(new Uint8Array([1, 2, 3]), { headers: { 'Content-Type': 'application/octet-stream' } })
    case '/none': return new Response(null, { status: 204 })
    case '/redirect': return Response.redirect('https://example.com/x', 303)
    case '/nothing': return undefined
    case '/throw': throw new Error('thrown')
    case '/sse': {
      let n = 0
      return new Response(new ReadableStream({ async pull(controller) { await pause(5); if (n++ === 3) return controller.close(); controller.enqueue(encoder.encode('data: ' + n + '\\n\\n')) } }), { headers: { 'Content-Type': 'text/event-stream' } })
    }
    case '/silent': return new Response(new ReadableStream({ start() {} }), { headers: { 'Content-Type': 'text/event-stream' } })
    case '/endless': return new Response(new ReadableStream({ pull(controller) { pulled += 1; controller.enqueue(new Uint8Array(65536)) } }))
    case '/pulled': return Response.json({ pulled })
    case '/broken': {
      let n = 0
      return new Response(new ReadableStream({ pull(controller) { if (n++ > 0) controller.error(new Error('broken off')); else controller.enqueue(encoder.encode('part')) } }))
    }
    case '/wait': {
      console.log('waiting')
      request.signal.addEventListener('abort', () => (aborted = request.signal.reason.name))
      await pause(30_000, undefined, { signal: request.signal })
      return new Response('late')
    }
    case '/aborted': return new Response(aborted)
    case '/later': context.waitUntil(pause(20).then(() => console.log('background done'))); return new Response('now')
    case '/ws': {
      const { request: incoming, socket, head } = context.upgrade()
      sockets.handleUpgrade(incoming, socket, head, (ws) => ws.on('message', (data) => ws.send('echo ' + data)))
      return undefined
    }
    default: return new Response('not here', { status: 404 })
  }
}
`

let replica: Replica
let short: Replica
beforeAll(async () => {
  const options = { contract: 'fetch', source: SOURCE, entry: 'handler.mts', libraries: true } as const
  ;[replica, short] = await Promise.all([startReplica(options), startReplica({ ...options, config: { timeoutMs: 150 } })])
})
afterAll(stopAll)

const hangUp = (path: string, when: (bytes: number) => boolean): Promise<void> =>
  new Promise((done, failed) => {
    let bytes = 0
    const outgoing = request({ socketPath: replica.socketPath, path, agent: false, headers: { host: 'a' } }, (response) => {
      response.on('error', () => undefined)
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (when(bytes)) outgoing.destroy()
      })
      response.on('close', done)
    })
    outgoing.on('error', failed)
    outgoing.end()
  })

describe('the contract fetch gives the handler', () => {
  it.each<[string, Ask, unknown]>([
    [
      'URL, method, headers and text',
      { path: '/echo?a=1', body: 'abc', method: 'PUT', headers: { 'x-a': 'b' } },
      { url: 'http://fn.default/echo?a=1', method: 'PUT', text: 'abc', headers: { 'x-a': 'b' } },
    ],
    ['https when the proxy says so', { path: '/echo', headers: { 'x-forwarded-proto': 'https' } }, { url: 'https://fn.default/echo' }],
    ['its context', { path: '/echo' }, { context: { function: 'fn', namespace: 'default', revision: 'v1', params: {} } }],
    ['JSON', { path: '/json', body: '{"a":[1]}' }, { a: [1] }],
    ['a form', { path: '/form', body: 'a=1&b=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { a: '1', b: '2' }],
    [
      'a real Request',
      { path: '/instance', body: 'abc', headers: { 'content-type': 'text/plain' } },
      { request: true, clone: 'abc', copy: 'POST', type: 'text/plain' },
    ],
  ])('%s', async (_name, ask, expected) => {
    const answer = await replica.ask(ask)
    expect(answer.json()).toMatchObject(expected as object)
  })

  it('a path that looks like a host as a path', async () => {
    expect((await replica.ask({ path: '//evil.example.com/echo' })).status).toBe(404)
  })

  it('the time that is left, shortened by X-Timeout', async () => {
    const answer = await replica.ask({ path: '/echo', headers: { 'x-timeout': '2s' } })
    const { left } = answer.json() as { left: number }
    expect(left).toBeGreaterThan(1000)
    expect(left).toBeLessThanOrEqual(2000)
  })
})

const pulled = async (): Promise<number> => ((await replica.ask({ path: '/pulled' })).json() as { pulled: number }).pulled

describe('the contract fetch answers', () => {
  it.each<[string, Ask, number, Record<string, unknown>, string]>([
    [
      'text with its length',
      { path: '/text' },
      201,
      { 'content-length': '5', 'x-a': 'b', 'set-cookie': ['a=1', 'b=2'], 'content-type': 'text/plain;charset=UTF-8' },
      'hello',
    ],
    ['bytes', { path: '/bytes' }, 200, { 'content-type': 'application/octet-stream' }, '\u0001\u0002\u0003'],
    ['nothing with 204', { path: '/none' }, 204, {}, ''],
    ['a redirect', { path: '/redirect' }, 303, { location: 'https://example.com/x' }, ''],
    ['HEAD without a body', { path: '/text', method: 'HEAD' }, 201, { 'x-a': 'b' }, ''],
    ['server-sent events', { path: '/sse' }, 200, { 'content-type': 'text/event-stream' }, 'data: 1\n\ndata: 2\n\ndata: 3\n\n'],
    ['a thrown error', { path: '/throw' }, 500, {}, '{"error":{"code":"FUNCTION_FAILED","message":"the function failed","help":"its log has the error"}}'],
    [
      'no Response with 500',
      { path: '/nothing' },
      500,
      {},
      '{"error":{"code":"FUNCTION_FAILED","message":"the function failed","help":"its log has the error"}}',
    ],
    ['an upgrade of a path that takes none', { path: '/text', headers: { connection: 'upgrade', upgrade: 'websocket' } }, 201, { 'x-a': 'b' }, 'hello'],
  ])('%s', async (_name, ask, status, headers, body) => {
    const answer = await replica.ask(ask)
    expect([answer.status, answer.body]).toEqual([status, body])
    expect(answer.headers).toMatchObject(headers)
  })

  it('a body as it comes in', async () => {
    const body = 'x'.repeat(20_000_000)
    expect((await replica.ask({ path: '/pipe', body })).body).toHaveLength(body.length)
  })

  it('with the head at once, when the first event is still to come', async () => {
    const status = await new Promise((done, failed) => {
      const outgoing = request({ socketPath: replica.socketPath, path: '/silent', agent: false }, (response) => {
        response.on('error', () => undefined)
        done(response.statusCode)
        outgoing.destroy()
      })
      outgoing.on('error', failed)
      outgoing.end()
    })
    expect(status).toBe(200)
  })

  it('no more than the caller reads, and stops when the caller goes away', async () => {
    await hangUp('/endless', (bytes) => bytes > 1_000_000)
    const first = await pulled()
    expect(first * 65_536).toBeLessThan(10_000_000)
    expect(await pulled()).toBe(first)
  })

  it('a broken stream by cutting the response', async () => {
    await expect(replica.ask({ path: '/broken' })).rejects.toThrow(/aborted|hang up|ECONNRESET/)
    await expect(logged(replica, 'broken off')).resolves.toBeUndefined()
  })

  it('an abort of request.signal when the caller goes away', async () => {
    const outgoing = request({ socketPath: replica.socketPath, path: '/wait', agent: false })
    outgoing.on('error', () => undefined)
    outgoing.end()
    await until(() => replica.log().includes('waiting'), 'the call')
    outgoing.destroy()
    let aborted = ''
    const end = Date.now() + 5000
    while (aborted === '' && Date.now() < end) aborted = (await replica.ask({ path: '/aborted' })).body
    expect(aborted).toBe('AbortError')
  })

  it('504 and an abort of request.signal when the time is over', async () => {
    expect((await short.ask({ path: '/wait' })).status).toBe(504)
    expect((await short.ask({ path: '/aborted' })).body).toBe('TimeoutError')
  })

  it('a WebSocket through context.upgrade()', async () => {
    const socket = new WebSocket(`ws+unix:${replica.socketPath}:/ws`)
    let got = ''
    socket.on('message', (data: Buffer) => (got = data.toString()))
    await new Promise((done, failed) => socket.once('open', done).once('error', failed))
    socket.send('hi')
    await until(() => got !== '', 'the echo')
    expect(got).toBe('echo hi')
    socket.terminate()
  })

  it('context.upgrade() of a plain request with 500 and a reason in the log', async () => {
    expect((await replica.ask({ path: '/ws' })).status).toBe(500)
    await expect(logged(replica, 'this request does not ask for an upgrade')).resolves.toBeUndefined()
  })
})

describe('the export of a fetch handler', () => {
  it.each([
    ['a default function', 'h.mjs', 'export default () => new Response("ok")'],
    ['an object with fetch', 'h.mjs', 'export default { word: "ok", fetch() { return new Response(this.word) } }'],
    ['a named fetch in CommonJS', 'h.cjs', 'module.exports = { fetch: () => new Response("ok") }'],
    ['a module with top-level await', 'h.mjs', 'const word = await Promise.resolve("ok"); export default () => new Response(word)'],
  ])('may be %s', async (_name, entry, source) => {
    const one = await startReplica({ contract: 'fetch', source, entry })
    expect((await one.ask()).body).toBe('ok')
  })
})

describe('a drain', () => {
  it('waits for waitUntil', async () => {
    const one = await startReplica({ contract: 'fetch', source: SOURCE, entry: 'handler.mts', libraries: true })
    expect((await one.ask({ path: '/later', headers: { connection: 'close' } })).body).toBe('now')
    one.child.kill('SIGTERM')
    expect(await one.exited).toBe(0)
    await expect(logged(one, 'background done')).resolves.toBeUndefined()
  })
})
