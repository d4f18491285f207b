import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, type Ask, logged, type Replica, startReplica, stopAll, until } from '../../test/harness.ts'

const SOURCE = `
const cases = {
  '/slow': (req, res) => setTimeout(() => res.end('late'), 60_000),
  '/part': (req, res) => res.write('part'),
  '/hold': () => undefined,
  '/throw-later': (req, res) => setTimeout(() => { throw new Error('belongs to a call') }, 1),
  '/reject-later': (req, res) => { Promise.reject(new Error('nobody caught it')) },
  '/emit-error': (req, res) => { setImmediate(() => new (require('events'))().emit('error', new Error('nobody listened'))) },
  '/exit': (req, res) => process.exit(3),
  '/ready': (req, res) => { res.statusCode = globalThis.isReady ? 200 : 500; globalThis.isReady = true; res.end() },
  '/env': (req, res) => res.json(process.env),
}
module.exports = (req, res) => (cases[req.path] ?? ((_req, r) => r.end('ok')))(req, res)
`

let replica: Replica
let narrow: Replica
beforeAll(async () => {
  ;[replica, narrow] = await Promise.all([
    startReplica({ contract: 'node-http', source: SOURCE, config: { timeoutMs: 200 } }),
    startReplica({ contract: 'node-http', source: SOURCE, config: { concurrency: 2, timeoutMs: 0 } }),
  ])
})
afterAll(stopAll)

const codeOf = (body: string): unknown => (JSON.parse(body) as { error: { code: string } }).error.code

describe('a call', () => {
  it('that takes too long gets a 504 and a log line, and the replica lives on', async () => {
    const answer = await replica.ask({ path: '/slow' })
    expect([answer.status, codeOf(answer.body), answer.headers['x-openfaas-internal']]).toEqual([504, 'FUNCTION_TIMEOUT', 'weft-runtime'])
    expect(Number(answer.headers['x-duration-seconds'])).toBeGreaterThanOrEqual(0.19)
    await expect(logged(replica, 'GET /slow took longer than 200 ms')).resolves.toBeUndefined()
    expect((await replica.ask()).body).toBe('ok')
  })

  it('that takes too long after a part of its answer is cut', async () => {
    await expect(replica.ask({ path: '/part' })).rejects.toThrow(/aborted|hang up|ECONNRESET/)
  })

  it.each([
    ['shortens the time', '50ms', 50],
    ['does not lengthen it', '1h', 200],
    ['is ignored when malformed', 'soon', 200],
    ['is ignored when zero', '0', 200],
  ])('X-Timeout %s', async (_name, header, expected) => {
    const answer = await replica.ask({ path: '/slow', headers: { 'x-timeout': header } })
    expect(answer.body).toContain(`within ${expected} ms`)
  })

  it.each([
    ['an error thrown in a timer', '/throw-later', 'belongs to a call'],
    ['a rejection that nobody caught', '/reject-later', 'nobody caught it'],
    ['an error event without a listener', '/emit-error', 'nobody listened'],
  ])('fails alone by %s', async (_name, path, text) => {
    const [answer, other] = await Promise.all([replica.ask({ path }), replica.ask({ path: '/slow', headers: { 'x-timeout': '100ms' } })])
    expect([answer.status, other.status]).toEqual([500, 504])
    expect(answer.body).not.toContain(text)
    await expect(logged(replica, text)).resolves.toBeUndefined()
    expect((await replica.ask()).body).toBe('ok')
  })

  it('above the limit of a replica gets a 429 with Retry-After, and /_/ready says so', async () => {
    const held = Promise.allSettled([narrow.ask({ path: '/hold' }), narrow.ask({ path: '/hold' })])
    expect(await askUntil(narrow, { path: '/_/ready' }, 429)).toBe(429)
    const answer = await narrow.ask()
    expect([answer.status, answer.headers['retry-after'], codeOf(answer.body)]).toEqual([429, '1', 'CONCURRENCY_LIMIT'])
    expect((await narrow.ask({ path: '/_/health' })).status).toBe(200)
    await narrow.stop()
    await held
  })
})

/** Asks until the answer has the status, a few seconds long. */
async function askUntil(target: Replica, what: Ask, status: number): Promise<number> {
  const end = Date.now() + 5000
  for (;;) {
    const answer = await target.ask(what)
    if (answer.status === status || Date.now() > end) return answer.status
  }
}

describe('the probes', () => {
  it.each<[string, Ask, number, string]>([
    ['/_/health says OK', { path: '/_/health' }, 200, 'OK'],
    ['/_/ready says OK', { path: '/_/ready' }, 200, 'OK'],
    ['take GET alone', { path: '/_/health', method: 'POST' }, 405, 'Method Not Allowed'],
    ['leave other paths to the function', { path: '/_/other' }, 200, 'ok'],
    ['leave longer paths to the function', { path: '/_/healthy' }, 200, 'ok'],
  ])('%s', async (_name, what, status, body) => {
    const answer = await replica.ask(what)
    expect([answer.status, answer.body]).toEqual([status, body])
  })

  it("/_/ready asks the function's own readiness path when there is one", async () => {
    const one = await startReplica({ contract: 'node-http', source: SOURCE, config: { readinessPath: '/ready' } })
    expect((await one.ask({ path: '/_/ready' })).status).toBe(500)
    expect((await one.ask({ path: '/_/ready' })).status).toBe(200)
  })
})

describe('the environment', () => {
  it("has the function's name and none of Weft's variables", async () => {
    const env = (await replica.ask({ path: '/env' })).json() as Record<string, string>
    expect(env).toMatchObject({ OPENFAAS_NAME: 'fn', OPENFAAS_NAMESPACE: 'default' })
    expect(Object.keys(env).filter((name) => name.startsWith('WEFT_'))).toEqual([])
  })
})

describe('the end of a replica', () => {
  it('by process.exit() in a handler is told in the log', async () => {
    const one = await startReplica({ contract: 'node-http', source: SOURCE })
    await expect(one.ask({ path: '/exit' })).rejects.toThrow(/hang up|ECONNRESET|EPIPE/)
    expect(await one.exited).toBe(3)
    await expect(logged(one, 'the function called process.exit(3) with 1 calls under way')).resolves.toBeUndefined()
  })

  it.each([
    ['an error outside of a call', "setTimeout(() => { throw new Error('stray') }, 20)", 'uncaughtException outside of a call'],
    ['a rejection outside of a call', "setTimeout(() => Promise.reject(new Error('stray')), 20)", 'unhandledRejection outside of a call'],
  ])('by %s is told in the log, with exit code 1', async (_name, statement, text) => {
    const one = await startReplica({ contract: 'node-http', source: `${statement}; module.exports = (req, res) => res.end()` })
    expect(await one.exited).toBe(1)
    await expect(logged(one, text)).resolves.toBeUndefined()
    await expect(logged(one, 'Error: stray')).resolves.toBeUndefined()
  })
})

/** Sends bytes on a connection of their own and gives back all that came. */
function raw(socketPath: string, text: string): Promise<string> {
  return new Promise((done) => {
    let got = ''
    const socket = connect(socketPath)
    socket.on('data', (chunk: Buffer) => (got += chunk.toString()))
    socket.on('error', () => undefined)
    socket.on('close', () => done(got))
    socket.write(text)
  })
}

describe('malformed HTTP', () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\n'
  it.each([
    ['both lengths', `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    ['an unknown transfer encoding', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `${head}Content-Length : 3\r\n\r\nabc`],
    ['a folded header', `${head}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`],
    ['a bare line feed', 'POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n'],
    ['a broken chunk', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['headers of 20 kB', `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('with %s is refused and the connection closed', async (_name, text) => {
    expect(await raw(replica.socketPath, text)).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect((await ask(replica.socketPath)).body).toBe('ok')
  })
})

describe('what the log tells', () => {
  it('is complete when a process ends', async () => {
    const one = await startReplica({
      contract: 'node-http',
      source: "console.log('x'.repeat(100_000)); module.exports = () => { console.log('last'); process.exit(0) }",
    })
    await expect(one.ask()).rejects.toThrow(/hang up|ECONNRESET|EPIPE/)
    await one.exited
    await until(() => one.log().includes('last'), 'the last line')
  })
})
