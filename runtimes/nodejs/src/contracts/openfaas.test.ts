import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Ask, logged, type Replica, startReplica, stopAll } from '../../test/harness.ts'

const HANDLERS = `
const pause = () => new Promise((done) => setTimeout(done, 5))
const cases = {
  '/echo': async (event) => ({ body: event.body, type: typeof event.body, method: event.method, query: event.query, path: event.path, keys: Object.keys(event) }),
  '/text': async () => 'hello',
  '/array': () => [1, 2],
  '/object': () => ({ a: 1 }),
  '/json-type': async (event, context) => context.headers({ 'Content-Type': 'application/json', 'X-N': 5 }).succeed({ a: 1 }),
  '/buffer': async () => Buffer.from([1, 2, 3]),
  '/number': async () => 42,
  '/true': async () => true,
  '/null': async () => null,
  '/nothing': async () => undefined,
  '/date': async () => new Date(0),
  '/status': async (event, context) => { context.status(418); return 'teapot' },
  '/status-read': async (event, context) => String(context.status(201).status() + Object.keys(context.headers()).length),
  '/succeed': (event, context) => context.status(202).succeed({ ok: true }),
  '/fail': async (event, context) => context.fail('no'),
  '/fail-error': async (event, context) => context.fail(new Error('no')),
  '/fail-status': async (event, context) => context.status(400).fail('bad'),
  '/fail-nothing': async (event, context) => context.fail(),
  '/throw': async () => { throw new Error('thrown') },
  '/throw-sync': () => { throw new Error('thrown') },
  '/throw-status': async (event, context) => { context.status(503); throw new TypeError('thrown') },
  '/callback': (event, context, callback) => { setTimeout(() => callback(null, { later: true }), 5) },
  '/callback-error': (event, context, callback) => { setTimeout(() => callback(new Error('later')), 5) },
  '/callback-async': async (event, context, callback) => { callback(undefined, 'once'); return 'twice' },
  '/twice': async (event, context) => { context.succeed('first'); context.succeed('second') },
  '/no-content': async (event, context) => { context.status(204); return 'gone' },
  '/timer-throws': () => new Promise(() => setTimeout(() => { throw new Error('in a timer') }, 1)),
  '/stray-rejection': () => new Promise(() => { Promise.reject(new Error('nobody caught')) }),
  '/cookies': async (event, context) => { context.headers({ 'Set-Cookie': ['a=1', 'b=2'] }); return '' },
}
// three parameters, as of the templates' own signature
module.exports = (event, context, callback) => {
  const run = cases[event.path] ?? cases['/echo']
  return run(event, context, callback)
}
`

let replica: Replica
let old: Replica
let raw: Replica
beforeAll(async () => {
  ;[replica, old, raw] = await Promise.all([
    startReplica({ contract: 'openfaas', source: HANDLERS }),
    startReplica({ contract: 'openfaas', source: HANDLERS, config: { runtimeName: 'node18' }, env: { MAX_JSON_SIZE: '1kb' } }),
    startReplica({ contract: 'openfaas', source: HANDLERS, env: { RAW_BODY: 'true', MAX_RAW_SIZE: '16' } }),
  ])
})
afterAll(stopAll)

const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

describe('the contract openfaas answers', () => {
  it.each<[string, string, number, string | undefined, string]>([
    ['text as html', '/text', 200, HTML, 'hello'],
    ['an array as JSON text, still html', '/array', 200, HTML, '[1,2]'],
    ['an object as JSON text, still html', '/object', 200, HTML, '{"a":1}'],
    ['the type that the handler set, with a charset', '/json-type', 200, JSON_TYPE, '{"a":1}'],
    ['bytes', '/buffer', 200, 'application/octet-stream', '\u0001\u0002\u0003'],
    ['a number as JSON', '/number', 200, JSON_TYPE, '42'],
    ['a boolean as JSON', '/true', 200, JSON_TYPE, 'true'],
    ['an object of a class as JSON', '/date', 200, JSON_TYPE, '"1970-01-01T00:00:00.000Z"'],
    ['null as nothing', '/null', 200, undefined, ''],
    ['undefined as nothing', '/nothing', 200, undefined, ''],
    ['the status that was set', '/status', 418, HTML, 'teapot'],
    ['status() and headers() without arguments as what they hold', '/status-read', 201, HTML, '201'],
    ['succeed()', '/succeed', 202, HTML, '{"ok":true}'],
    ['fail() with 500', '/fail', 500, HTML, 'no'],
    ['fail() with the text of an error', '/fail-error', 500, HTML, 'Error: no'],
    ['fail() with the status that was set', '/fail-status', 400, HTML, 'bad'],
    ['fail() without a reason', '/fail-nothing', 500, undefined, ''],
    ['a rejection with the current status, 200 by default', '/throw', 200, HTML, 'Error: thrown'],
    ['a thrown error like a rejection', '/throw-sync', 200, HTML, 'Error: thrown'],
    ['a rejection with the status that was set', '/throw-status', 503, HTML, 'TypeError: thrown'],
    ['what the callback got later', '/callback', 200, HTML, '{"later":true}'],
    ['the error that the callback got later', '/callback-error', 200, HTML, 'Error: later'],
    ['a callback and a promise: the first wins', '/callback-async', 200, HTML, 'once'],
    ['two answers: the first wins', '/twice', 200, HTML, 'first'],
    ['204 without body and type', '/no-content', 204, undefined, ''],
    ['an error thrown in a timer of the call', '/timer-throws', 200, HTML, 'Error: in a timer'],
    ['a rejection that nobody caught', '/stray-rejection', 200, HTML, 'Error: nobody caught'],
  ])('%s', async (_name, path, status, type, body) => {
    const answer = await replica.ask({ path })
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([status, type, body])
  })

  it('with X-Duration-Seconds, and without x-powered-by', async () => {
    const { headers } = await replica.ask({ path: '/text' })
    expect(headers['x-duration-seconds']).toMatch(/^0\.\d{6}$/)
    expect(headers['x-powered-by']).toBeUndefined()
  })

  it('a list of values for one header', async () => {
    expect((await replica.ask({ path: '/cookies' })).headers['set-cookie']).toEqual(['a=1', 'b=2'])
  })

  it('HEAD with the headers and no body', async () => {
    const answer = await replica.ask({ path: '/text', method: 'HEAD' })
    expect([answer.status, answer.headers['content-length'], answer.body]).toEqual([200, '5', ''])
  })

  it('with the stack of a failure in the log', async () => {
    await replica.ask({ path: '/throw' })
    await expect(logged(replica, 'Error: thrown\n    at')).resolves.toBeUndefined()
  })
})

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const json = { 'content-type': 'application/json' }

describe('the contract openfaas gives the handler', () => {
  it.each<[string, Ask, unknown]>([
    [
      'method, path and simple query',
      { path: '/echo/x%20y?a=1&a=2&b[c]=3', method: 'DELETE' },
      { method: 'DELETE', path: '/echo/x%20y', query: { a: ['1', '2'], 'b[c]': '3' } },
    ],
    ['text when there is no content type', { path: '/echo', body: 'plain' }, { body: 'plain', type: 'string' }],
    ['JSON', { path: '/echo', body: '{"a":[1]}', headers: json }, { body: { a: [1] } }],
    ['an empty JSON body', { path: '/echo', body: '', method: 'POST', headers: json }, { type: 'undefined' }],
    [
      'a form with nested fields',
      { path: '/echo', body: 'a[b]=1&a[c][]=2&a[c][]=3&d=x+y%21', headers: form },
      { body: { a: { b: '1', c: ['2', '3'] }, d: 'x y!' } },
    ],
    ['no body of another type', { path: '/echo', body: 'xyz', headers: { 'content-type': 'application/octet-stream' } }, { type: 'undefined' }],
    ['exactly the fields of the template', { path: '/echo' }, { keys: ['body', 'headers', 'method', 'query', 'path'] }],
  ])('%s', async (_name, ask, expected) => {
    expect((await replica.ask(ask)).json()).toMatchObject(expected as object)
  })

  it('nested queries and an empty object for no body with node18 and node20, as Express 4 does', async () => {
    expect((await old.ask({ path: '/echo?b[c]=3&d[]=1' })).json()).toMatchObject({ query: { b: { c: '3' }, d: ['1'] }, body: {} })
  })

  it('bytes with RAW_BODY', async () => {
    expect((await raw.ask({ path: '/echo', body: '{"a":1}', headers: json })).json()).toMatchObject({ body: { type: 'Buffer' } })
  })

  it.each(['__proto__[x]=1', 'constructor[prototype][x]=1', 'a[__proto__][x]=1', '__proto__=1'])('no prototype by the form %s', async (body) => {
    await replica.ask({ path: '/echo', body, headers: form })
    expect((await replica.ask({ path: '/echo' })).json()).not.toHaveProperty('x')
    expect((await replica.ask({ path: '/echo', body, headers: form })).body).not.toContain('__proto__')
  })
})

describe('the contract openfaas refuses', () => {
  it.each<[string, () => Replica, Ask, number, string]>([
    ['malformed JSON', () => replica, { body: '{"a":', headers: json }, 400, 'BAD_REQUEST'],
    ['JSON that is no object or array', () => replica, { body: '"a"', headers: json }, 400, 'BAD_REQUEST'],
    ['JSON over 100kb', () => replica, { body: JSON.stringify('x'.repeat(102_400)), headers: json }, 413, 'BODY_TOO_LARGE'],
    ['JSON over MAX_JSON_SIZE', () => old, { body: JSON.stringify(['x'.repeat(1024)]), headers: json }, 413, 'BODY_TOO_LARGE'],
    ['text over 100kb', () => replica, { body: 'x'.repeat(102_401) }, 413, 'BODY_TOO_LARGE'],
    ['chunked text over 100kb', () => replica, { body: 'x'.repeat(102_401), headers: { 'transfer-encoding': 'chunked' } }, 413, 'BODY_TOO_LARGE'],
    ['raw bytes over MAX_RAW_SIZE', () => raw, { body: 'x'.repeat(17) }, 413, 'BODY_TOO_LARGE'],
    ['an unknown charset', () => replica, { body: 'x', headers: { 'content-type': 'text/plain; charset=klingon' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['an unknown content encoding', () => replica, { body: 'x', headers: { 'content-encoding': 'lzma' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a broken gzip', () => replica, { body: 'x', headers: { 'content-encoding': 'gzip' } }, 400, 'BAD_REQUEST'],
  ])('%s', async (_name, target, ask, status, code) => {
    const answer = await target().ask({ path: '/echo', ...ask })
    expect([answer.status, (answer.json() as { error: { code: string } }).error.code]).toEqual([status, code])
    expect((await target().ask({ path: '/text' })).body).toBe('hello')
  })

  it('a small body that unpacks to an enormous one', async () => {
    const { gzipSync } = await import('node:zlib')
    const answer = await replica.ask({ path: '/echo', body: gzipSync(Buffer.alloc(50_000_000)), headers: { 'content-encoding': 'gzip' } })
    expect(answer.status).toBe(413)
  })
})
