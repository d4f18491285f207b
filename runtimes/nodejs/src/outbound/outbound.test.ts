import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startOutside, type Outside } from '../../test/outside.ts'
import { logged, type Replica, startReplica, stopAll } from '../../test/harness.ts'

/** One client each: how it makes a GET or POST and gives back the text. */
const CLIENTS = `
let pool
const clients = {
  'http.get': (url) => text((done) => require('http').get(url, done)),
  'http.request with an own Agent': (url) => text((done) => require('http').request(url, { agent: new (require('http').Agent)({ keepAlive: true }) }, done).end()),
  'fetch': (url) => fetch(url).then((r) => r.text()),
  'undici.request': async (url) => (await require('undici').request(url)).body.text(),
  'undici with fewer connections than calls': async (url) => (await require('undici').request(url, { dispatcher: pool ??= new (require('undici').Agent)({ connections: 2 }) })).body.text(),
  'undici.fetch': (url) => require('undici').fetch(url).then((r) => r.text()),
  'axios': (url) => require('axios').get(url, { responseType: 'text', transformResponse: (x) => x }).then((r) => r.data),
  'got': async (url) => (await import('got')).default(url).text(),
  'node-fetch 2': (url) => require('node-fetch')(url).then((r) => r.text()),
  'request': (url) => new Promise((done, failed) => require('request')(url, (error, _r, body) => error ? failed(error) : done(body))),
}
function text(start) {
  return new Promise((done, failed) => {
    const request = start((response) => {
      let body = ''
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () => done(body))
    })
    request.on('error', failed)
  })
}
`
const POOLED = 'undici with fewer connections than calls'
const NAMES = [POOLED, 'http.get', 'http.request with an own Agent', 'fetch', 'undici.request', 'undici.fetch', 'axios', 'got', 'node-fetch 2', 'request']

const SOURCE = `${CLIENTS}
const net = require('net')
const tls = require('tls')
const https = require('https')
const raw = (socket, line) => new Promise((done, failed) => {
  let got = ''
  socket.on('data', (chunk) => (got += chunk))
  socket.on('end', () => done(got))
  socket.on('error', failed)
  socket.write(line)
})
const ways = {
  client: ({ name, url }) => clients[name](url),
  'https.get': ({ url }) => text((done) => https.get(url, done)),
  'raw tcp': ({ host, port }) => raw(net.connect({ host, port }), 'hello\\n'),
  'raw tcp by positional arguments': ({ host, port }) => raw(net.connect(port, host), 'hello\\n'),
  'raw tls': ({ host, port }) => raw(tls.connect({ host, port, servername: host }), 'hello\\n'),
  'own server': async () => {
    const server = net.createServer((socket) => socket.end('mine')).listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const said = await raw(net.connect(server.address().port, 'localhost'), '')
    server.close()
    return said
  },
}
module.exports = async (event, context) => {
  try {
    return await ways[event.body.way](event.body)
  } catch (error) {
    const cause = error.cause ?? error
    return context.status(502).headers({ 'x-code': String(cause.code) }).succeed(String(cause.message))
  }
}
`

let outside: Outside
let replica: Replica

const call = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  replica.ask({ body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })

beforeAll(async () => {
  outside = await startOutside()
  replica = await startReplica({
    contract: 'openfaas',
    source: SOURCE,
    libraries: true,
    env: { NODE_EXTRA_CA_CERTS: outside.certificate },
    config: { outboundSocket: outside.proxy.socketPath },
  })
})

afterAll(async () => {
  await stopAll()
  await outside.close()
})

describe('the outbound hook', () => {
  it.each(NAMES)('brings %s to a mesh name through the proxy, with its Host kept and no name looked up', async (name) => {
    const answer = await call({ way: 'client', name, url: 'http://temp.default:8080/a?b=1' })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({ host: 'temp.default:8080', path: '/a?b=1' })
  })

  it.each(NAMES)('brings %s to an outside host by CONNECT', async (name) => {
    const answer = await call({ way: 'client', name, url: 'http://www.example.com/' })
    expect(answer.body).toContain('plain www.example.com')
    expect(outside.proxy.seen.at(-1)).toMatchObject({ kind: 'connect', path: 'www.example.com:80' })
  })

  it.each([
    ['https to an outside host', { way: 'https.get', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['fetch over TLS', { way: 'client', name: 'fetch', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['axios over TLS', { way: 'client', name: 'axios', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['got over TLS', { way: 'client', name: 'got', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['request over TLS', { way: 'client', name: 'request', url: 'https://api.example.com/' }, 'secure api.example.com'],
    ['https to a mesh name', { way: 'https.get', url: 'https://temp.default/' }, 'secure temp.default'],
    ['raw TCP', { way: 'raw tcp', host: 'db.example.com', port: 5432 }, 'echo hello\n'],
    ['raw TCP by positional arguments', { way: 'raw tcp by positional arguments', host: 'db.example.com', port: 5432 }, 'echo hello\n'],
    ['a server of its own on the loopback, directly', { way: 'own server' }, 'mine'],
  ])('reaches %s', async (_name, body, expected) => {
    const answer = await call(body)
    expect([answer.status, answer.body]).toEqual([200, expected])
  })

  it.each([
    ['raw TCP', { way: 'raw tcp', host: 'evil.example.com', port: 22 }],
    ['https', { way: 'https.get', url: 'https://evil.example.com/' }],
    ['fetch', { way: 'client', name: 'fetch', url: 'https://evil.example.com/' }],
    ['axios', { way: 'client', name: 'axios', url: 'http://evil.example.com:22/' }],
  ])('tells %s and the log what the policy refused', async (_name, body) => {
    const answer = await call(body)
    expect(answer.status).toBe(502)
    expect(answer.headers['x-code']).toBe('ERR_WEFT_OUTBOUND')
    expect(answer.body).toMatch(/connection to evil\.example\.com:(22|443) was refused by a policy \(403: RBAC: access denied\)/)
    await expect(logged(replica, answer.body)).resolves.toBeUndefined()
  })

  it('sends no line break of a host name to the proxy', async () => {
    const answer = await call({ way: 'raw tcp', host: 'a.example.com\r\nX: y', port: 22 })
    expect(answer.body).toContain('this is no host name')
  })
})

const TRACE = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'a=1',
  baggage: 'user=7',
  b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1',
  'x-b3-traceid': '80f198ee56343ba864fe8b2a57d3eff7',
  'x-b3-spanid': 'e457b5a2e4d86bd1',
  'x-b3-sampled': '1',
  'x-request-id': '7b9b3e22-1d44-4b8e-8d43-6d6b0b9f0a11',
}

describe('trace headers', () => {
  it.each(NAMES)('go from the incoming call to what %s sends', async (name) => {
    const answer = await call({ way: 'client', name, url: 'http://temp.default:8080/' }, TRACE)
    expect((answer.json() as { headers: unknown }).headers).toMatchObject(TRACE)
  })

  it('go to outside hosts as well', async () => {
    const answer = await call({ way: 'client', name: 'http.get', url: 'http://www.example.com/' }, TRACE)
    expect(answer.body).toContain(TRACE.traceparent)
  })

  it('do not mix between calls that are under way at the same time', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `request-${index}`)
    const answers = await Promise.all(
      ids.map((id, index) => call({ way: 'client', name: NAMES[index % NAMES.length], url: 'http://temp/' }, { 'x-request-id': id })),
    )
    expect(answers.map((answer) => (answer.json() as { headers: Record<string, string> }).headers['x-request-id'])).toEqual(ids)
  })
})
