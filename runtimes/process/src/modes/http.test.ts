import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Agent, request } from 'node:http'
import { WebSocket } from 'ws'
import { freePort, logged, spawnReplica, startReplica, stopAll, until, type Replica } from '../../test/harness.ts'

const PYTHON = `
import http.server, os, sys, time, signal, json
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path == '/sleep': time.sleep(0.4)
        if self.path == '/long': time.sleep(9)
        if self.path == '/die': os._exit(7)
        if self.path == '/break':
            self.connection.shutdown(2); self.close_connection = True; return
        body = json.dumps({'path': self.path, 'headers': self.headers.items()}).encode()
        self.send_response(203 if self.path == '/odd' else 200)
        self.send_header('X-Python', 'yes'); self.send_header('Set-Cookie', 'a=1'); self.send_header('Set-Cookie', 'b=2')
        self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        length = self.headers.get('Content-Length')
        if length is None:
            size = 0
            while True:
                n = int(self.rfile.readline(), 16)
                size += len(self.rfile.read(n)); self.rfile.readline()
                if n == 0: break
            body = ('chunked %d' % size).encode()
        else: body = ('length %d' % len(self.rfile.read(int(length)))).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
def stop(*args):
    print('python got SIGTERM', flush=True); os._exit(0)
signal.signal(signal.SIGTERM, stop)
print('python starts', flush=True)
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`

const start = async (env: Readonly<Record<string, string>> = {}, config: Readonly<Record<string, unknown>> = {}): Promise<Replica> => {
  const port = await freePort()
  const upstream = { upstream_url: `http://127.0.0.1:${port}`, ...env }
  return startReplica({ mode: 'http', command: `python3 server.py ${port}`, files: { 'server.py': PYTHON }, env: upstream, config })
}

let python: Replica
beforeAll(async () => {
  python = await start()
})
afterAll(stopAll)

describe('mode http', () => {
  it('starts the program and hands over status, headers and body', async () => {
    const answer = await python.ask({ path: '/odd?x=1', headers: { 'X-Mine': 'a', connection: 'x-hop', 'x-hop': 'b' } })
    expect(answer).toMatchObject({ status: 200, headers: { 'x-python': 'yes', 'set-cookie': ['a=1', 'b=2'] } })
    const { headers } = JSON.parse(answer.body) as { headers: [string, string][] }
    expect(headers).toEqual(
      expect.arrayContaining([
        ['X-Mine', 'a'],
        ['host', 'fn.default'],
      ]),
    )
    expect(headers.map(([name]) => name.toLowerCase())).not.toContain('x-hop')
    expect((await python.ask({ path: '/odd' })).status).toBe(203)
    await logged(python, 'python starts\n')
    await until(() => /GET \/odd - 203 Non-Authoritative Information - ContentLength: \d+B \(\d\.\d{4}s\)\n/.test(python.log()), 'the access line')
  })

  it.each([
    ['with a length', false, 'length 3000000'],
    ['without a length', true, 'chunked 3000000'],
  ])('streams a body %s', async (_name, chunked, expected) => {
    expect((await python.ask({ body: 'x'.repeat(3_000_000), chunked })).body).toBe(expected)
  })

  it('gives a body its length with http_buffer_req_body', async () => {
    const replica = await start({ http_buffer_req_body: 'true' })
    expect((await replica.ask({ body: 'abc', chunked: true })).body).toBe('length 3')
  })

  it('is a 500 of the watchdog when the program breaks the connection, a 504 when it is late', async () => {
    expect(await python.ask({ path: '/break' })).toMatchObject({ status: 500, headers: { 'x-openfaas-internal': 'of-watchdog' } })
    const replica = await start({ exec_timeout: '200ms' })
    expect(await replica.ask({ path: '/long' })).toMatchObject({ status: 504, headers: { 'x-openfaas-internal': 'of-watchdog' } })
    expect((await python.ask({ path: '/long', headers: { 'x-timeout': '100ms' } })).status).toBe(504)
  })

  it('asks the program at ready_path when readiness is probed', async () => {
    const replica = await start({ ready_path: '/odd', max_inflight: '1' })
    expect((await replica.ask({ path: '/_/ready' })).status).toBe(203)
    const slow = replica.ask({ path: '/sleep', agent: new Agent() })
    let status = 203
    const end = Date.now() + 2000
    while (status !== 429 && Date.now() < end) status = (await replica.ask({ path: '/_/ready', agent: new Agent() })).status
    expect(status).toBe(429)
    expect((await slow).status).toBe(200)
    expect((await replica.ask({ path: '/_/health' })).body).toBe('OK')
    expect((await replica.ask({ path: '/_/health', method: 'POST' })).status).toBe(405)
  })

  it('ends with the program', async () => {
    const replica = await start()
    const answer = await replica.ask({ path: '/die', agent: new Agent() }).catch(() => ({ status: 500 }))
    expect(answer.status).toBe(500)
    expect(await replica.exited).toBe(1)
    expect(replica.log()).toContain('the program ended by itself: exit code 7')
  })

  it('gives the program a free port for port 0', async () => {
    const files = { 'run.sh': 'exec python3 server.py $PORT', 'server.py': PYTHON }
    const replica = await startReplica({ mode: 'http', command: 'sh run.sh', files, env: { upstream_url: 'http://127.0.0.1:0' } })
    expect((await replica.ask({ path: '/odd' })).status).toBe(203)
  })

  it('drains: calls under way are answered, then the program gets SIGTERM', async () => {
    const replica = await start()
    const agent = new Agent({ keepAlive: true })
    const slow = replica.ask({ path: '/sleep', agent })
    await replica.ask({ path: '/x', agent })
    replica.child.kill('SIGTERM')
    expect((await slow).status).toBe(200)
    expect(replica.log()).not.toContain('SIGTERM')
    agent.destroy()
    expect(await replica.exited).toBe(0)
    expect(replica.log()).toContain('python got SIGTERM')
  })

  it.each([
    ['no upstream_url', 'sleep 9', {}, 'mode=http needs upstream_url'],
    ['a program that ends', 'sh -c exit', { upstream_url: 'http://127.0.0.1:1' }, 'the program ended before it listened at http://127.0.0.1:1: exit code'],
  ])('fails with %s', async (_name, command, env, message) => {
    const replica = await spawnReplica({ mode: 'http', command, env })
    expect(await replica.exited).toBe(1)
    expect(replica.reports()).toMatchObject([{ type: 'failed', message: expect.stringContaining(message) }])
  })

  it('streams events as they come, and WebSockets', async () => {
    const port = await freePort()
    const module = new URL('../../../../node_modules/ws/wrapper.mjs', import.meta.url).pathname
    const source = `
      import { createServer } from 'node:http'
      import { WebSocketServer } from '${module}'
      const server = createServer((req, res) => { res.writeHead(200, { 'content-type': 'text/event-stream' }); res.write('data: 1\\n\\n'); req.on('data', (d) => res.end(d)) })
      const sockets = new WebSocketServer({ noServer: true })
      server.on('upgrade', (req, socket, head) => {
        if (req.url === '/no') return socket.end('HTTP/1.1 403 Forbidden\\r\\nContent-Length: 2\\r\\n\\r\\nno')
        sockets.handleUpgrade(req, socket, head, (ws) => { ws.send('hello ' + req.url); ws.on('message', (m) => ws.send('echo ' + m)) })
      })
      server.listen(${port}, '127.0.0.1')`
    const command = `${process.execPath} server.mjs`
    const replica = await startReplica({ mode: 'http', command, files: { 'server.mjs': source }, env: { upstream_url: `http://127.0.0.1:${port}` } })
    const events: string[] = []
    const outgoing = request({ socketPath: replica.socketPath, method: 'POST', headers: { 'transfer-encoding': 'chunked' }, agent: new Agent() }, (response) =>
      response.on('data', (chunk: Buffer) => events.push(chunk.toString())),
    )
    outgoing.flushHeaders()
    await until(() => events.length === 1, 'the first event')
    outgoing.end('last')
    await until(() => events.join('') === 'data: 1\n\nlast', 'the rest')
    const socket = new WebSocket(`ws+unix:${replica.socketPath}:/chat`)
    const got: string[] = []
    socket.on('message', (data: Buffer) => got.push(data.toString()))
    await until(() => got.length === 1, 'the greeting')
    socket.send('x'.repeat(200_000))
    await until(() => got.length === 2, 'the echo')
    expect(got[0]).toBe('hello /chat')
    expect(got[1]).toHaveLength(200_005)
    socket.terminate()
    const refused = new WebSocket(`ws+unix:${replica.socketPath}:/no`)
    const status = await new Promise((done) =>
      refused.once('unexpected-response', (_request, response) => done(response.statusCode)).once('error', () => undefined),
    )
    expect(status).toBe(403)
    refused.terminate()
  })
})
