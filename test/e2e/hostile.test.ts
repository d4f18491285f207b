import { Agent } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, openTo, sendRaw, TestPlatform, type RawAnswer } from '@weft/test-harness'

/** Answers with what it was sent and how many whole requests it has had, so that a smuggled one shows. */
const ECHO = `let calls = 0
export default async (request) => {
  const { pathname, search } = new URL(request.url)
  const body = await request.text()
  calls += 1
  return Response.json({ calls, path: pathname + search, method: request.method, headers: Object.fromEntries(request.headers), body: body.slice(0, 1000), length: body.length })
}
`
interface Echo {
  readonly calls: number
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
  await platform.deploy('echo', ECHO)
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

async function echo(path = 'echo', headers: Readonly<Record<string, string>> = {}): Promise<Echo> {
  const answer = await platform.call(path, { headers })
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
  return JSON.parse(answer.text) as Echo
}

/** Calls another function and answers as that does, with how often it was called itself. */
const forwarding = (to: string) => `let calls = 0
export default async () => {
  calls += 1
  const answer = await fetch('http://${to}/')
  return new Response(await answer.text(), { status: answer.status, headers: { 'x-calls': String(calls) } })
}
`

/** Sends a GET whose path is left exactly as it is written. */
async function raw(path: string, headers = ''): Promise<{ status: number; body: string }> {
  const { text } = await sendRaw(platform.gateway, `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`)
  const [head = '', ...rest] = text.split('\r\n\r\n')
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), body: rest.join('\r\n\r\n') }
}

/** Paths as a client writes them, and the status of the platform's own answer. */
const STRANGE_PATHS: readonly (readonly [name: string, path: string, status: number])[] = [
  ['dot segments up to the API', '/function/../system/functions', 401],
  ['dot segments behind a function', '/function/echo/../../system/functions', 401],
  ['escaped dots', '/function/%2e%2e/system/functions', 401],
  ['dots escaped twice', '/function/%252e%252e/system/functions', 404],
  ['the API in capitals', '/SYSTEM/functions', 404],
  ['the API behind doubled slashes', '//system//functions', 401],
  ['an escaped slash', '/function/echo%2F..%2Fsystem', 400],
  ['an escaped backslash', '/function/echo%5C..%5Csystem', 400],
  ['a backslash as a parent', '/function\\..\\system\\functions', 401],
  ['a user and a metadata service', '/function/a.b@169.254.169.254/latest', 404],
  ['an IPv4 address', '/function/169.254.169.254', 404],
  ['an IPv6 address', '/function/[::1]:8080', 404],
  ['a URL', '/function/http://169.254.169.254/', 404],
  ['an escaped NUL', '/function/echo%00', 400],
  ['an escaped line end', '/function/echo%0d%0ax:y', 404],
  ['a trailing dot', '/function/echo.', 404],
  ['two trailing dots', '/function/echo..', 404],
  ['a namespace twice', '/function/echo.default.default', 404],
  ['a whole mesh name', '/function/echo.default.svc.cluster.local', 404],
  ['capitals', '/function/ECHO', 404],
  ['unicode', '/function/%C3%BCcho', 404],
  ['a full-width letter', '/function/%EF%BD%85cho', 404],
  ['a name that is too long', `/function/${'a'.repeat(5_000)}`, 404],
  ['no name', '/function/', 404],
  ['no name at all', '/function', 404],
  ['an empty name and dots', '/function/./', 404],
  ['a prototype', '/function/__proto__', 404],
  ['a host of the platform', '/function/gateway.weft-system', 404],
  ['a port', '/function/echo:8080', 404],
  ['parameters of a segment', '/function/echo;x=y', 404],
  ['another root', '/etc/passwd', 404],
  ['a path that is too long', `/function/echo/${'a'.repeat(70_000)}`, 431],
]

describe('functions that call each other in a circle', () => {
  it('are told so after 32 calls, and not by a time-out', async () => {
    await platform.deploy('ping', forwarding('pong'))
    await platform.deploy('pong', forwarding('ping'))
    const answer = await platform.call('ping')
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([508, { error: { code: 'LOOP_DETECTED' } }])
    expect(answer.headers['x-calls']).toBe('16')
  })
})

describe('paths and names', () => {
  // Envoy waits a second before it closes a connection on which it answered by itself, so all are asked at once.
  let answers: ReadonlyMap<string, { status: number; body: string }>
  beforeAll(async () => {
    answers = new Map(await Promise.all(STRANGE_PATHS.map(async ([, path]) => [path, await raw(path)] as const)))
  })

  it.each(STRANGE_PATHS)('%s is answered by the platform', (_name, path, status) => {
    const answer = answers.get(path)
    expect([answer?.status, answer?.body.includes('"calls"')]).toEqual([status, false])
  })

  it.each([
    ['the name alone', '/function/echo', '/'],
    ['its namespace', '/function/echo.default/a', '/a'],
    ['the namespace of OpenFaaS', '/function/echo.openfaas-fn/a?b=/../c', '/a?b=/../c'],
    ['doubled slashes', '/function//echo//a', '/a'],
    ['dots below it', '/function/echo/a/../b', '/b'],
    ['dots that stay below it', '/function/x/../echo/b', '/b'],
  ])('%s reaches the function, with its part of the path', async (_name, path, seen) => {
    const answer = await raw(path)
    expect([answer.status, (JSON.parse(answer.body) as Echo).path]).toEqual([200, seen])
  })

  it('takes an absolute address and a strange Host for what their path is', async () => {
    for (const head of [
      'GET http://169.254.169.254/function/echo HTTP/1.1\r\nHost: 169.254.169.254',
      'GET /function/echo HTTP/1.1\r\nHost: metadata.internal',
    ]) {
      const { text } = await sendRaw(platform.gateway, `${head}\r\nConnection: close\r\n\r\n`)
      expect(text).toMatch(/^HTTP\/1\.1 200/)
    }
    const { text } = await sendRaw(platform.gateway, 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d/)
  })

  it('lets no function take a path of the platform', async () => {
    const names = ['system', 'healthz', 'function', 'apis', 'ui']
    for (const name of names) await platform.deploy(name, ECHO)
    expect((await echo('system/functions')).path).toBe('/functions')
    expect((await platform.remote('GET', '/system/functions')).text).toContain('"name":"echo"')
    expect((await ask(`${platform.gateway}/healthz`)).text).not.toContain('calls')
    expect(JSON.parse((await ask(`${platform.gateway}/openapi.json`)).text)).toHaveProperty('openapi')
    for (const functionName of names) await platform.api('DELETE', '/system/functions', { functionName })
  }, 60_000)

  it('refuses the path of the probe to everyone, however it is written', async () => {
    const { calls } = await echo()
    const ways = ['_weft/probe', '/_weft/probe', '_weft//probe', '%5fweft/probe', '_weft/./probe', 'x/../_weft/probe', '_weft/probe?x']
    const statuses = await Promise.all(ways.map(async (path) => [path, (await raw(`/function/echo/${path}`)).status]))
    expect(statuses).toEqual(ways.map((path) => [path, 403]))
    expect((await echo()).calls).toBe(calls + 1)
  })
})

describe('headers', () => {
  it('has nothing of what a client says about identity, routing or the mesh', async () => {
    const forged = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/evil',
      'X-Weft-Scope': '/system/functions',
      'x-weft-workload': 'default/evil',
      'x-weft-cluster': 'evil',
      'x-weft-held': '9',
      'x-weft-retry': 'none',
      'x-weft-first': 'evil',
      'x-weft-path': '/evil',
      'x-envoy-original-path': '/evil',
      'x-envoy-original-dst-host': '169.254.169.254:80',
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-envoy-max-retries': '99',
      'x-envoy-retry-on': 'evil',
      'x-envoy-internal': 'evil',
      'x-envoy-external-address': '6.6.6.6',
      'x-envoy-decorator-operation': 'evil',
      'x-envoy-peer-metadata': 'evil',
      'Client-Cert': ':evil:',
      'Client-Cert-Chain': ':evil:',
      'x-client-cert': 'evil',
    }
    const { headers } = await echo('echo', forged)
    const certificate = headers['x-forwarded-client-cert'] ?? ''
    expect(certificate).toContain('URI=spiffe://cluster.local/ns/weft-system/sa/ingress')
    expect(JSON.stringify(headers)).not.toMatch(/evil|6\.6\.6\.6|169\.254|x-weft-|client-cert-chain|"99"/)
  })

  it('keeps what belongs to the client', async () => {
    const { headers } = await echo('echo', { 'x-call-id': 'mine', 'x-request-id': 'r-1', authorization: 'Bearer x', cookie: 'a=b', 'end-user': 'jason' })
    expect(headers).toMatchObject({ 'x-call-id': 'mine', 'x-request-id': 'r-1', authorization: 'Bearer x', cookie: 'a=b', 'end-user': 'jason' })
  })

  it('refuses names that some read in another way, too many, and too large ones', async () => {
    const headers = ['X_Weft_Scope: /system\r\n', 'x-a: 1\r\n'.repeat(500), `x-a: ${'a'.repeat(100_000)}\r\n`, 'x-a: a\0b\r\n']
    const statuses = await Promise.all(headers.map(async (each) => (await raw('/function/echo', each)).status))
    expect(statuses).toEqual([400, 431, 431, 400])
    await echo()
  })
})

const POST = 'POST /function/echo HTTP/1.1\r\nHost: x\r\n'
const INNER = 'GET /function/echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

/** Requests that two readers could read in two ways. */
const AMBIGUOUS: readonly (readonly [name: string, bytes: string])[] = [
  ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${INNER}`],
  ['chunks and a length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: ${INNER.length + 5}\r\n\r\n0\r\n\r\n${INNER}`],
  ['a coding that nobody knows', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${INNER}`],
  ['a coding behind chunks', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${INNER}`],
  ['two codings', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${INNER}`],
  ['two lengths that differ', `${POST}Content-Length: 0\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}`],
  ['a list of lengths', `${POST}Content-Length: 0, ${INNER.length}\r\n\r\n${INNER}`],
  ['a length with a sign', `${POST}Content-Length: +0\r\n\r\n${INNER}`],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n${INNER}`],
  ['a length in hexadecimal', `${POST}Content-Length: 0x0\r\n\r\n${INNER}`],
  ['a length beyond 64 bits', `${POST}Content-Length: 99999999999999999999999\r\n\r\n${INNER}`],
  ['a space before the colon', `${POST}Content-Length : 0\r\n\r\n${INNER}`],
  ['a header without a name', `${POST}: b\r\n\r\n${INNER}`],
  ['a line that is no header', `${POST}smuggled\r\n\r\n${INNER}`],
  ['a chunk with a bad size', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${INNER}`],
  ['a version that does not exist', `GET /function/echo/smuggled HTTP/9.9\r\nHost: x\r\n\r\n`],
  ['no Host', `GET /function/echo/smuggled HTTP/1.1\r\n\r\n`],
  ['a space in the path', `GET /function/echo/smuggled x HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello there\r\n\r\n'],
]

describe('a request that two readers could read in two ways', () => {
  let answers: ReadonlyMap<string, RawAnswer>
  let reached: number
  beforeAll(async () => {
    const { calls } = await echo()
    answers = new Map(await Promise.all(AMBIGUOUS.map(async ([name, bytes]) => [name, await sendRaw(platform.gateway, bytes)] as const)))
    reached = (await echo()).calls - calls - 1
  })

  it.each(AMBIGUOUS)('is refused and the connection closed: %s', (name) => {
    const answer = answers.get(name)
    expect([answer?.text.split('\r\n')[0], answer?.closed]).toEqual([expect.stringMatching(/^HTTP\/1\.1 (400|426|501|505) /), true])
    expect(answer?.text).not.toContain('smuggled')
  })

  it('never reaches the function', () => {
    expect(reached).toBe(0)
  })

  it('ends with a chunk that is longer than its size: what follows is no request', async () => {
    const answer = await sendRaw(platform.gateway, `${POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n${INNER}`)
    expect(answer.text).not.toContain('smuggled')
    expect(answer.closed).toBe(true)
  })

  // RFC 9112 §5.2 lets a server replace a fold by a space; Envoy does, and takes a carriage return out (§2.2, RFC 9110 §5.5).
  it.each([
    ['a folded header', 'x-a: b\r\n Transfer-Encoding: chunked\r\n', 'b Transfer-Encoding: chunked'],
    ['a carriage return alone', 'x-a: b\rTransfer-Encoding: chunked\r\n', 'bTransfer-Encoding: chunked'],
  ])('is one header value for the function: %s', async (_name, header, value) => {
    const { status, body } = await raw('/function/echo', header)
    expect([status, (JSON.parse(body) as Echo).headers['x-a'], (JSON.parse(body) as Echo).headers['transfer-encoding']]).toEqual([200, value, undefined])
  })

  it('is routed by its path alone, also with two Hosts', async () => {
    const { text } = await sendRaw(platform.gateway, 'GET /function/echo HTTP/1.1\r\nHost: gateway\r\nHost: echo\r\nConnection: close\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 (200|400) /)
  })

  it('reads chunk extensions and trailers as what they are', async () => {
    const { text } = await sendRaw(
      platform.gateway,
      `${POST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;ext="a\\r\\nb"\r\nhello\r\n0\r\nX-Forwarded-Client-Cert: evil\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 200/)
    expect(text).toContain('"body":"hello"')
    expect(text).not.toContain('evil')
  })

  it('never takes a bare line feed for the end of another request', async () => {
    const { calls } = await echo()
    const answer = await sendRaw(
      platform.gateway,
      'POST /function/echo HTTP/1.1\nHost: x\nContent-Length: 0\nTransfer-Encoding: chunked\n\n0\n\nGET /function/echo/smuggled HTTP/1.1\nHost: x\n\n',
    )
    expect([answer.text.split('\r\n')[0], answer.closed]).toEqual(['HTTP/1.1 400 Bad Request', true])
    expect((await echo()).calls).toBe(calls + 1)
  })
})

describe('clients that want to use everything up', () => {
  it('cuts those off that never finish their headers, while others are served', async () => {
    const slow = Array.from({ length: 50 }, async () => {
      const socket = openTo(platform.gateway)
      const startedAt = Date.now()
      const dripping = setInterval(() => socket.write('x-a: b\r\n'), 500)
      socket.write('GET /function/echo HTTP/1.1\r\nHost: x\r\n')
      socket.on('error', () => {})
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
      clearInterval(dripping)
      return Date.now() - startedAt
    })
    await echo()
    for (const ms of await Promise.all(slow)) expect(ms).toBeLessThan(15_000)
  }, 30_000)

  it('serves while hundred connections are idle', async () => {
    const idle = Array.from({ length: 100 }, () => openTo(platform.gateway).on('error', () => {}))
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    for (let call = 0; call < 20; call += 1) await echo()
    for (const socket of idle) socket.destroy()
  })

  it('bounds resets of streams on one connection, and others are served', async () => {
    const session = connectHttp2(platform.gateway)
    session.on('error', () => {})
    await new Promise((resolve) => session.once('connect', resolve))
    let sent = 0
    const closed = new Promise<void>((resolve) => session.once('close', resolve))
    while (!session.destroyed && sent < 20_000) {
      for (let batch = 0; batch < 50 && !session.destroyed; batch += 1) {
        const stream = session.request({ ':path': '/function/echo', ':method': 'GET' })
        stream.on('error', () => {})
        stream.close(constants.NGHTTP2_CANCEL)
        sent += 1
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (!session.destroyed) session.destroy()
    await closed
    const agent = new Agent({ keepAlive: true })
    for (let call = 0; call < 20; call += 1) expect((await platform.call('echo', { agent })).status).toBe(200)
    agent.destroy()
    expect(sent).toBeLessThan(20_000)
  }, 30_000)

  it('has all that it had afterwards', async () => {
    expect((await platform.remote('GET', '/system/functions')).status).toBe(200)
    expect(platform.output).not.toMatch(/something failed inside|uncaught/i)
  })
})
