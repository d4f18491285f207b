import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { protoRoot } from '../proto/codec.ts'
import { host, route, snapshot, workload } from './testing/model.ts'
import { World } from './testing/world.ts'
import type { TelemetrySettings } from './types.ts'

const SECRET = 'hunter2'
/** A secret in every place of a call that is not its path. */
const HEADERS = {
  authorization: `Bearer ${SECRET}`,
  cookie: `session=${SECRET}`,
  'proxy-authorization': `Basic ${SECRET}`,
  'x-api-key': SECRET,
  'x-auth-token': SECRET,
  baggage: `token=${SECRET}`,
  referer: `http://elsewhere/?token=${SECRET}`,
}
const one = workload('one')
const caller = workload('caller')

let world: World | undefined
const servers: http.Server[] = []
afterEach(async () => {
  await world?.stop()
  world = undefined
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function start(accessLog: TelemetrySettings['accessLog']): Promise<World> {
  world = await World.start(
    snapshot([one, caller], [host('one', [route(one.key)])]),
    async (made) => {
      await made.addReplica(one.key, (_request, response) => response.writeHead(200, { 'set-cookie': `session=${SECRET}` }).end(SECRET))
      await made.addReplica(caller.key)
    },
    { telemetry: { accessLog } },
  )
  return world
}

/** Calls on every hop, in every form that carries a secret, and one that fails. */
async function callAll(made: World): Promise<void> {
  expect((await made.get(`/function/one/inner?token=${SECRET}`, { method: 'POST', headers: HEADERS, body: SECRET })).status).toBe(200)
  expect((await made.from(caller.key, `http://one/?password=${SECRET}`, { headers: HEADERS })).status).toBe(200)
  await made.get(`/function/one/x?a=b&token=${SECRET}#${SECRET}`, { headers: HEADERS })
  await made.get('/function/one', { headers: { host: `user:${SECRET}@one`, ...HEADERS } })
  const credentials = `Proxy-Authorization: Basic ${SECRET}\r\nCookie: s=${SECRET}\r\nConnection: close`
  await rawTo(made.outbound(caller.key), `GET http://user:${SECRET}@one/?p=${SECRET} HTTP/1.1\r\nHost: user:${SECRET}@one\r\n${credentials}\r\n\r\n`)
  await rawTo(made.outbound(caller.key), `CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n${credentials}\r\n\r\n`)
  expect((await made.get('/function/none?token=hunter2')).status).toBe(404)
}

async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 15_000
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error('did not happen')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Sends bytes to a socket and reads until the other side ends, at most a second. */
function rawTo(path: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(path, () => socket.write(text))
    socket.setTimeout(1000, () => socket.destroy())
    socket
      .on('error', () => undefined)
      .on('close', () => resolve())
      .resume()
  })
}

const logOf = (made: World, pattern: RegExp) =>
  eventually(async () => {
    const text = await readFile(made.layout.accessLogFile, 'utf8').catch(() => '')
    return pattern.test(text) && text
  })

describe('the access log', () => {
  it('has JSON lines without a secret', async () => {
    const made = await start({ format: 'json', only: 'all' })
    await callAll(made)
    const text = await logOf(made, /"code":404/)
    expect(text).not.toContain(SECRET)
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(new Set(lines.map(({ hop }) => hop))).toEqual(new Set(['ingress', 'inbound', 'outbound']))
    expect(lines.find(({ hop }) => hop === 'ingress')).toMatchObject({ path: '/function/one/inner', method: 'POST', code: 200 })
  })

  it('has one line for each call at each hop, the first one between two workloads too', async () => {
    const made = await start({ format: 'json', only: 'all' })
    for (const path of ['/first', '/second']) expect((await made.from(caller.key, `http://one${path}`, { method: 'POST', body: 'x' })).status).toBe(200)
    expect((await made.from(caller.key, 'http://nobody/third')).status).toBe(404)
    const text = await logOf(made, /\/third/)
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(
      lines
        .map(({ hop, method, path, code, upstreamCluster }) => [hop, method, path, code, upstreamCluster])
        .toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ['inbound', 'POST', '/first', 200, expect.any(String)],
      ['inbound', 'POST', '/second', 200, expect.any(String)],
      ['outbound', 'GET', '/third', 404, expect.anything()],
      ['outbound', 'POST', '/first', 200, expect.stringContaining(one.key)],
      ['outbound', 'POST', '/second', 200, expect.stringContaining(one.key)],
    ])
  })

  it('has lines in the words of Istio without a secret', async () => {
    const made = await start({ format: 'text', only: 'all' })
    await callAll(made)
    const text = await logOf(made, / 404 /)
    expect(text).not.toContain(SECRET)
    expect(text).toMatch(/^\[\d{4}-\d\d-\d\dT[^\]]+\] "POST \/function\/one\/inner HTTP\/1\.1" 200 - via_upstream - "-" 7 7 \d+ /m)
  })

  it('has only what failed, when told so', async () => {
    const made = await start({ format: 'json', only: 'errors' })
    await callAll(made)
    const text = await logOf(made, /"code":404/)
    expect(text).not.toContain(SECRET)
    expect(text).not.toMatch(/"code":200/)
  })

  it('is not written at all, when told so', async () => {
    const made = await start({ format: 'none', only: 'all' })
    await callAll(made)
    expect(await readFile(made.layout.accessLogFile, 'utf8').catch(() => '')).toBe('')
  })

  it('goes to a collector by OTLP without a secret', async () => {
    const bodies: string[] = []
    const server = http.createServer((request, response) => {
      const chunks: Buffer[] = []
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          bodies.push(`${request.url} ${Buffer.concat(chunks).toString('latin1')}`)
          response.end()
        })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect(protoRoot().lookupType('opentelemetry.proto.common.v1.KeyValue').name).toBe('KeyValue')
    const made = await start({ format: 'otlp', only: 'all', collector: { protocol: 'http/protobuf', host: '127.0.0.1', port, path: '/base' } })
    await callAll(made)
    const text = await eventually(async () => /"GET \/function\/none HTTP\/1\.1" 404/.test(bodies.join('')) && bodies.join('\n'))
    expect(text).toMatch(/^\/base\/v1\/logs /)
    expect(text).toContain('service.name')
    expect(text).not.toContain(SECRET)
  })
})
