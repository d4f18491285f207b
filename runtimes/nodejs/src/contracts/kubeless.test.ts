import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Ask, logged, type Replica, startReplica, stopAll } from '../../test/harness.ts'

const SOURCE = `
const cases = {
  '/echo': (event, context) => ({ ...event, extensions: Object.keys(event.extensions), context }),
  '/text': () => 'hello',
  '/promise': async () => ({ a: 1 }),
  '/null': () => null,
  '/nothing': () => undefined,
  '/number': () => 42,
  '/throw': () => { throw new Error('thrown') },
  '/reject': async () => { throw new Error('rejected') },
  '/stream': (event) => { event.extensions.response.status(201).type('txt').write('one '); event.extensions.response.end('two'); return 'ignored' },
  '/helpers': (event) => { event.extensions.response.status(202).json({ is: event.extensions.request.is('json'), q: event.extensions.request.query }) },
  '/slow': () => new Promise(() => {}),
  '/multipart': (event) => new Promise((done) => { let n = 0; event.extensions.request.on('data', (c) => (n += c.length)).on('end', () => done({ data: event.data, n })) }),
}
module.exports = { fn: (event, context) => cases[event.extensions.request.path](event, context) }
`

let replica: Replica
let quick: Replica
beforeAll(async () => {
  const config = { runtimeName: 'nodejs14', timeoutMs: 180_000, memoryLimitBytes: 134_217_728 }
  ;[replica, quick] = await Promise.all([
    startReplica({ contract: 'kubeless', source: SOURCE, entry: 'hello.js', export: 'fn', config }),
    startReplica({ contract: 'kubeless', source: SOURCE, export: 'fn', config: { ...config, timeoutMs: 150 } }),
  ])
})
afterAll(stopAll)

const JSON_TYPE = 'application/json; charset=utf-8'
const json = { 'content-type': 'application/json' }

describe('the contract kubeless answers', () => {
  it.each<[string, string, number, string | undefined, string]>([
    ['text as it is', '/text', 200, undefined, 'hello'],
    ['a promised object as JSON', '/promise', 200, JSON_TYPE, '{"a":1}'],
    ['null as JSON', '/null', 200, JSON_TYPE, 'null'],
    ['undefined as nothing', '/nothing', 200, undefined, ''],
    ['a number as its text', '/number', 200, undefined, '42'],
    ['what the handler wrote itself, and ignores its value', '/stream', 201, 'text/plain; charset=utf-8', 'one two'],
    ['by the helpers of Express', '/helpers?a=1', 202, JSON_TYPE, '{"is":false,"q":{"a":"1"}}'],
    ['a thrown error with 500', '/throw', 500, 'text/html; charset=utf-8', 'Internal Server Error'],
    ['a rejection with 500', '/reject', 500, 'text/html; charset=utf-8', 'Internal Server Error'],
    ['/healthz itself', '/healthz', 200, 'text/plain; charset=utf-8', 'OK'],
  ])('%s', async (_name, path, status, type, body) => {
    const answer = await replica.ask({ path })
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([status, type, body])
  })

  it('every origin, and preflights', async () => {
    expect((await replica.ask({ path: '/text' })).headers['access-control-allow-origin']).toBe('*')
    const answer = await replica.ask({ method: 'OPTIONS', headers: { 'access-control-request-headers': 'x-a' } })
    expect([answer.status, answer.headers['access-control-allow-methods'], answer.headers['access-control-allow-headers']]).toEqual([
      204,
      'GET,HEAD,PUT,PATCH,POST,DELETE',
      'x-a',
    ])
  })

  it('/metrics with calls, failures and durations by module and method', async () => {
    await replica.ask({ path: '/throw', method: 'PUT' })
    const { body } = await replica.ask({ path: '/metrics' })
    expect(body).toContain('function_calls_total{method="hello-PUT"} 1')
    expect(body).toContain('function_failures_total{method="hello-PUT"} 1')
    expect(body).toContain('function_duration_seconds_bucket{le="+Inf",method="hello-PUT"} 1')
    expect(body).toMatch(/function_duration_seconds_sum\{method="hello-PUT"\} 0\.\d+/)
  })

  it('408 for a promise that takes too long, and lives on', async () => {
    expect((await quick.ask({ path: '/slow' })).status).toBe(408)
    expect((await quick.ask({ path: '/text' })).body).toBe('hello')
  })

  it('408 for synchronous code without an end, and ends the process as the thread is lost', async () => {
    const endless = await startReplica({ contract: 'kubeless', source: 'module.exports = () => { for (;;); }', config: { timeoutMs: 150 } })
    expect((await endless.ask()).status).toBe(408)
    expect(await endless.exited).toBe(1)
    await expect(logged(endless, 'synchronous code of the function did not end within 150 ms')).resolves.toBeUndefined()
  })
})

describe('the contract kubeless gives the handler', () => {
  it.each<[string, Ask, unknown]>([
    ['JSON', { body: '{"a":1}', headers: json }, { data: { a: 1 } }],
    ['a form as text', { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { data: 'a=1' }],
    ['bytes as text', { body: 'xyz', headers: { 'content-type': 'application/octet-stream' } }, { data: 'xyz' }],
    ['an empty object without a body', {}, { data: {} }],
    [
      'the headers of the event',
      { headers: { 'event-type': 't', 'event-id': 'i', 'event-time': '2026', 'event-namespace': 'n' } },
      { 'event-type': 't', 'event-id': 'i', 'event-time': '2026', 'event-namespace': 'n', extensions: ['request', 'response'] },
    ],
    ['the context', {}, { context: { 'function-name': 'fn', timeout: 180, runtime: 'nodejs14', 'memory-limit': '134217728' } }],
  ])('%s', async (_name, ask, expected) => {
    expect((await replica.ask({ path: '/echo', ...ask })).json()).toMatchObject(expected as object)
  })

  it('the stream of a multipart body, untouched', async () => {
    const answer = await replica.ask({ path: '/multipart', body: 'x'.repeat(3_000_000), headers: { 'content-type': 'multipart/form-data; boundary=b' } })
    expect(answer.json()).toEqual({ data: {}, n: 3_000_000 })
  })

  it.each<[string, Ask, number]>([
    ['a body over REQ_MB_LIMIT', { body: 'x'.repeat(1_048_577) }, 413],
    ['malformed JSON', { body: '{', headers: json }, 400],
  ])('not %s', async (_name, ask, status) => {
    expect((await replica.ask({ path: '/echo', ...ask })).status).toBe(status)
  })
})
