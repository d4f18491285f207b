import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { WebSocket } from 'ws'
import { type Ask, logged, type Replica, startReplica, stopAll, until } from '../../test/harness.ts'

const SOURCE = `
const { WebSocketServer } = require('ws')
const sockets = new WebSocketServer({ noServer: true })
const cases = {
  '/echo': (req, res) => res.json({ body: req.body, raw: req.rawBody?.toString(), query: req.query, path: req.path, params: req.params, url: req.url }),
  '/request': (req, res) => res.json({ get: req.get('X-A'), is: req.is('json'), not: req.is('html'), host: req.hostname, ip: req.ip, protocol: req.protocol, accepts: req.accepts('html', 'json') }),
  '/status': (req, res) => res.status(201).send('made'),
  '/send-object': (req, res) => res.send({ a: 1 }),
  '/send-bytes': (req, res) => res.send(Buffer.from('abc')),
  '/set': (req, res) => res.set('X-A', 'b').set({ 'X-C': 'd' }).type('json').send('{}'),
  '/redirect': (req, res) => res.redirect('/else where'),
  '/redirect-301': (req, res) => res.redirect(301, 'https://example.com/a%20b'),
  '/sendStatus': (req, res) => res.sendStatus(404),
  '/cookie': (req, res) => res.cookie('a', 'b c', { httpOnly: true, maxAge: 60000, sameSite: 'lax' }).cookie('d', { e: 1 }).end(),
  '/plain-node': (req, res) => { res.writeHead(202, { 'X-Z': '1' }); res.write('a'); res.end('b') },
  '/never': (req, res) => { res.end('done'); return new Promise(() => {}) },
  '/throw': () => { throw new Error('thrown') },
  '/reject': async () => { throw new Error('rejected') },
  '/throw-late': (req, res) => { res.write('part'); setTimeout(() => { throw new Error('late') }, 5) },
  '/count': (req, res) => { let n = 0; req.on('data', (c) => (n += c.length)).on('end', () => res.json({ n, parsed: typeof req.body })) },
  '/pipe': (req, res) => req.pipe(res),
}
exports.app = (req, res) => cases[req.path](req, res)
exports.upgrade = (req, socket, head) => sockets.handleUpgrade(req, socket, head, (ws) => ws.on('message', (data) => ws.send('echo ' + data)))
`

let replica: Replica
beforeAll(async () => {
  replica = await startReplica({ contract: 'node-http', source: SOURCE, export: 'app', libraries: true })
})
afterAll(stopAll)

const json = { 'content-type': 'application/json' }

describe('the contract node-http gives the handler', () => {
  it.each<[string, Ask, unknown]>([
    ['JSON', { body: '{"a":1}', headers: json }, { body: { a: 1 }, raw: '{"a":1}' }],
    ['JSON of a type with +json', { body: '5', headers: { 'content-type': 'application/ld+json' } }, { body: 5 }],
    ['a form', { body: 'temp=10&a[]=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { body: { temp: '10', a: ['1'] } }],
    ['text', { body: 'abc', headers: { 'content-type': 'text/plain' } }, { body: 'abc' }],
    ['bytes', { body: 'abc', headers: { 'content-type': 'image/png' } }, { body: { type: 'Buffer', data: [97, 98, 99] } }],
    ['an empty object without a body', {}, { body: {} }],
    ['path, query and params', { path: '/echo?a=1&b[c]=2' }, { path: '/echo', query: { a: '1', b: { c: '2' } }, params: {}, url: '/echo?a=1&b[c]=2' }],
    [
      'the helpers of a request',
      {
        path: '/request',
        body: '{}',
        headers: { ...json, 'x-a': 'b', host: 'temp.default:8080', 'x-forwarded-for': '10.1.1.1, 10.2.2.2', accept: 'application/json;q=0.9, text/*;q=0.1' },
      },
      { get: 'b', is: 'json', not: false, host: 'temp.default', ip: '10.1.1.1', protocol: 'http', accepts: 'json' },
    ],
  ])('%s', async (_name, ask, expected) => {
    expect((await replica.ask({ path: '/echo', ...ask })).json()).toMatchObject(expected as object)
  })

  it.each<[string, number, Record<string, string>, string]>([
    ['a small body of any type as bytes and as a stream', 1000, { 'content-type': 'application/octet-stream' }, 'object'],
    ['a body over the limit as a stream alone', 20_000_000, { 'content-type': 'application/octet-stream' }, 'undefined'],
    ['a chunked body as a stream alone', 5_000_000, { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' }, 'undefined'],
    ['parsed text and still the stream of it', 1000, { 'content-type': 'text/plain' }, 'string'],
  ])('%s', async (_name, size, headers, parsed) => {
    expect((await replica.ask({ path: '/count', body: Buffer.alloc(size, 'x'), headers })).json()).toEqual({ n: size, parsed })
  })

  it('a body that it may pipe back', async () => {
    const body = 'x'.repeat(5_000_000)
    expect((await replica.ask({ path: '/pipe', body, headers: { 'content-type': 'application/octet-stream' } })).body).toHaveLength(body.length)
  })

  it.each<[string, Ask, number]>([
    ['JSON over the limit', { body: JSON.stringify('x'.repeat(1_048_576)), headers: json }, 413],
    ['malformed JSON', { body: '{', headers: json }, 400],
  ])('not %s', async (_name, ask, status) => {
    expect((await replica.ask({ path: '/echo', ...ask })).status).toBe(status)
  })
})

describe('the contract node-http answers', () => {
  it.each<[string, string, number, Record<string, unknown>, string]>([
    ['status().send()', '/status', 201, { 'content-type': 'text/html; charset=utf-8' }, 'made'],
    ['send() of an object as JSON', '/send-object', 200, { 'content-type': 'application/json; charset=utf-8' }, '{"a":1}'],
    ['send() of bytes', '/send-bytes', 200, { 'content-type': 'application/octet-stream' }, 'abc'],
    ['set() and type()', '/set', 200, { 'x-a': 'b', 'x-c': 'd', 'content-type': 'application/json; charset=utf-8' }, '{}'],
    ['redirect()', '/redirect', 302, { location: '/else%20where' }, 'Found. Redirecting to /else%20where'],
    [
      'redirect() with a status, and encodes nothing twice',
      '/redirect-301',
      301,
      { location: 'https://example.com/a%20b' },
      'Moved Permanently. Redirecting to https://example.com/a%20b',
    ],
    ['sendStatus()', '/sendStatus', 404, { 'content-type': 'text/plain; charset=utf-8' }, 'Not Found'],
    [
      'cookie()',
      '/cookie',
      200,
      { 'set-cookie': [expect.stringMatching(/^a=b%20c; Max-Age=60; Path=\/; Expires=.* GMT; HttpOnly; SameSite=Lax$/), 'd=j%3A%7B%22e%22%3A1%7D; Path=/'] },
      '',
    ],
    ["Node's own writeHead, write and end", '/plain-node', 202, { 'x-z': '1', 'x-duration-seconds': expect.any(String) }, 'ab'],
    ['a handler whose promise never resolves', '/never', 200, {}, 'done'],
    ['a thrown error', '/throw', 500, {}, '{"error":{"code":"FUNCTION_FAILED","message":"the function failed","help":"its log has the error"}}'],
    ['a rejection', '/reject', 500, {}, '{"error":{"code":"FUNCTION_FAILED","message":"the function failed","help":"its log has the error"}}'],
  ])('%s', async (_name, path, status, headers, body) => {
    const answer = await replica.ask({ path })
    expect([answer.status, answer.body]).toEqual([status, body])
    expect(answer.headers).toMatchObject(headers)
  })

  it('a failure after a part of the body by cutting the response, so that nobody takes the part for the whole', async () => {
    await expect(replica.ask({ path: '/throw-late' })).rejects.toThrow(/aborted|hang up|ECONNRESET/)
    await expect(logged(replica, 'Error: late')).resolves.toBeUndefined()
  })

  it('a WebSocket through the export upgrade', async () => {
    const socket = new WebSocket(`ws+unix:${replica.socketPath}:/ws`)
    let got = ''
    socket.on('message', (data: Buffer) => (got = data.toString()))
    await new Promise((done, failed) => socket.once('open', done).once('error', failed))
    socket.send('hi')
    await until(() => got !== '', 'the echo')
    expect(got).toBe('echo hi')
    socket.terminate()
  })

  it('/healthz and /metrics for the runtimes nodejs6 and nodejs8, to the handler for others', async () => {
    const legacy = await startReplica({
      contract: 'node-http',
      source: 'exports.h = (req, res) => res.end(req.url)',
      export: 'h',
      config: { runtimeName: 'nodejs6' },
    })
    const other = await startReplica({ contract: 'node-http', source: 'exports.h = (req, res) => res.end(req.url)', export: 'h' })
    expect((await legacy.ask({ path: '/healthz' })).body).toBe('OK')
    expect((await legacy.ask({ path: '/metrics' })).body).toContain('function_calls_total')
    expect((await other.ask({ path: '/healthz' })).body).toBe('/healthz')
  })
})
