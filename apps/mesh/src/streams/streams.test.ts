import http from 'node:http'
import { createServer } from 'node:http2'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { MeshSnapshot, MeshWorkload, PolicyRule, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import { EchoClient, serveGrpcEcho } from '../encode/testing/grpc.ts'
import { host, layout, OPEN, replica, snapshot, workload } from '../encode/testing/model.ts'
import { echoUpgrade } from '../encode/testing/streams.ts'
import { bearer, Issuer } from '../encode/testing/tokens.ts'
import { World } from '../encode/testing/world.ts'
import { eventually } from '../testing/fixture.ts'

const is = (value: string): StringMatch => ({ kind: 'exact', value })
const rule = (rest: Partial<PolicyRule>): PolicyRule => ({ policy: { group: '', kind: 'P', name: 'p' }, index: 0, sources: [], operations: [], ...rest })

/** An open stream as its client sees it. */
interface Open {
  readonly ended: () => boolean
  /** Whether something that is sent now, or asked for, comes. */
  alive(): Promise<boolean>
  close(): void
}

const events: http.RequestListener = (request, response) => {
  if (request.url === '/plain') return void response.end('plain')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: 0\n\n')
  const timer = setInterval(() => response.write('data: tick\n\n'), 20)
  response.on('close', () => clearInterval(timer))
}

function openSocket(options: http.RequestOptions): Promise<Open | number> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...options.headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }
    const request = http.request({ agent: false, ...options, headers })
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('upgrade', (_response, socket: Duplex) => {
      let ended = false
      socket
        .on('error', () => undefined)
        .on('close', () => (ended = true))
        .on('end', () => (ended = true))
      socket.on('data', () => undefined)
      const alive = () =>
        new Promise<boolean>((done) => {
          socket.once('data', () => done(true)).once('close', () => done(false))
          socket.write('x')
        })
      resolve({ ended: () => ended, alive, close: () => socket.destroy() })
    })
    request.end()
  })
}

function openEvents(options: http.RequestOptions, accept = 'text/event-stream'): Promise<Open | number> {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent: false, ...options, headers: { ...options.headers, accept } }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        resolve(response.statusCode ?? 0)
        return
      }
      let ended = false
      response.on('error', () => undefined).on('close', () => (ended = true))
      const alive = () => new Promise<boolean>((done) => void response.once('data', () => done(true)).once('close', () => done(false)))
      response.once('data', () => resolve({ ended: () => ended, alive, close: () => response.destroy() }))
    })
    request.on('error', reject)
  })
}

const KINDS = [
  ['a WebSocket', openSocket],
  ['server-sent events', openEvents],
] as const

describe.each(['encrypted', 'direct'] as const)('on the %s path', (path) => {
  let world: World
  const made = (policy: WorkloadPolicy, more: Partial<MeshWorkload> = {}): MeshSnapshot => {
    const workloads = [workload('control'), workload('other'), workload('callee', { policy, ...more })]
    return snapshot(
      workloads,
      workloads.map((each) => host(each.function)),
      { path },
    )
  }
  beforeAll(async () => {
    world = await World.start(made(OPEN), async (starting) => {
      for (const name of ['default/control-1', 'default/other-1', 'default/callee-1']) await starting.addReplica(name, events, echoUpgrade)
    })
  })
  afterAll(() => world?.stop())
  const as = (caller: string, url = '/a') => ({ socketPath: world.outbound(`default/${caller}-1`), path: url, headers: { host: 'callee' } })
  const opened = async (open: Promise<Open | number>): Promise<Open> => {
    const stream = await open
    if (typeof stream === 'number') throw new Error(`answered ${stream}`)
    return stream
  }

  const CONTROL = [{ principals: [is('cluster.local/ns/default/sa/control')] }]
  const from = (...callers: readonly string[]) => [{ principals: callers.map((caller) => is(`cluster.local/ns/default/sa/${caller}`)) }]
  const counted = (count: number) => eventually(() => ((world.streams.counts().get('default/callee-1') ?? 0) === count ? true : undefined))

  it.each(KINDS)('%s is ended when a DENY is added for its caller, others go on', async (_name, open) => {
    const denied = await opened(open(as('control')))
    const kept = await opened(open(as('other')))
    const outside = await opened(open({ host: '127.0.0.1', port: world.port, path: '/function/callee/a' }))
    await counted(3)
    await world.apply(made({ ...OPEN, deny: [rule({ sources: CONTROL })] }))
    await eventually(() => (denied.ended() ? true : undefined))
    expect([await kept.alive(), await outside.alive(), kept.ended(), outside.ended()]).toEqual([true, true, false, false])
    expect(await open(as('control'))).toBe(403)
    kept.close()
    outside.close()
    await counted(0)
    await world.apply(made(OPEN))
  })

  it.each(KINDS)('%s is ended when the ALLOW that let it in is removed, by caller and by path', async (_name, open) => {
    await world.apply(
      made({ ...OPEN, allow: [rule({ sources: from('control', 'other') }), rule({ sources: from('other'), operations: [{ paths: [is('/b')] }] })] }),
    )
    const [gone, byPath, stays] = [await opened(open(as('control'))), await opened(open(as('other'))), await opened(open(as('other', '/b?x=1')))]
    await counted(3)
    await world.apply(made({ ...OPEN, allow: [rule({ sources: from('other'), operations: [{ paths: [is('/b')] }] })] }))
    await eventually(() => (gone.ended() && byPath.ended() ? true : undefined))
    expect([await stays.alive(), stays.ended()]).toEqual([true, false])
    expect(await open(as('other', '/a'))).toBe(403)
    stays.close()
    await counted(0)
    await world.apply(made(OPEN))
  })

  it.each(KINDS)('%s is ended when a policy cannot be understood any more', async (_name, open) => {
    const stream = await opened(open(as('control')))
    await counted(1)
    await world.apply(made({ ...OPEN, broken: { policy: { group: '', kind: 'P', name: 'p' }, reason: 'odd' } }))
    await eventually(() => (stream.ended() ? true : undefined))
    await world.apply(made(OPEN))
  })

  it.each(KINDS)('%s is refused that the proxy lets through by the policy of a moment ago', async (_name, open) => {
    world.hold(made({ ...OPEN, deny: [rule({ sources: CONTROL })] }))
    expect(await open(as('control'))).toBe(403)
    await world.apply(made(OPEN))
  })

  it.each(KINDS)('%s that a token let in is ended when its issuer is not believed any more, or the policy wants another claim', async (_name, open) => {
    const idp = new Issuer('https://idp.example')
    const only = (values: readonly string[]): WorkloadPolicy => ({
      ...OPEN,
      allow: [
        rule({
          sources: [{ requestPrincipals: [{ issuer: { kind: 'present' }, subject: { kind: 'present' } }] }],
          conditions: [{ kind: 'claim', path: ['group'], values: values.map(is) }],
        }),
      ],
    })
    const believing = (policy: WorkloadPolicy, issuer = idp): MeshSnapshot => made(policy, { authentication: [issuer.rule()] })
    const asMember = (group: string) => ({ ...as('control'), headers: { host: 'callee', ...bearer(idp.token({ group })) } })
    await world.apply(believing(only(['a', 'b'])))
    const [a, b] = [await opened(open(asMember('a'))), await opened(open(asMember('b')))]
    await counted(2)
    await world.apply(believing(only(['b'])))
    await eventually(() => (a.ended() ? true : undefined))
    expect([await b.alive(), b.ended()]).toEqual([true, false])
    await world.apply(believing(only(['b']), new Issuer('https://other.example')))
    await eventually(() => (b.ended() ? true : undefined))
    await world.apply(made(OPEN))
  })

  it('any call is ended to a function of which every call is watched: a long answer that nobody asked to stream, and gRPC', async () => {
    const echo = await serveGrpcEcho()
    const watching = (policy: WorkloadPolicy): MeshSnapshot => {
      const guarded = [workload('callee', { policy, watched: 'every-call' }), workload('echo', { policy, watched: 'every-call', protocol: 'grpc' })]
      const workloads = [workload('control'), workload('other'), ...guarded]
      const hosts = workloads.map((each) => host(each.function))
      return snapshot(workloads, hosts, { path })
    }
    world.replicas.set('default/echo-1', [replica('echo', echo.path)])
    await world.apply(watching(OPEN))
    const client = new EchoClient(`unix:${world.outbound('default/control-1')}`, { authority: 'echo.default:8080' })
    try {
      const [long, kept] = [await opened(openEvents(as('control'), '*/*')), await opened(openEvents(as('other'), '*/*'))]
      const never = client.call('say', 'never')
      await eventually(() => (world.streams.counts().get('default/echo-1') === 1 && world.streams.counts().get('default/callee-1') === 2 ? true : undefined))
      expect(await client.call('chat', ['a', 'b'])).toMatchObject({ code: 0, messages: ['a?', 'b?'], trailers: { 'x-trailer': 'kept' } })
      await world.apply(watching({ ...OPEN, deny: [rule({ sources: CONTROL })] }))
      expect((await never).code).toBe(7)
      await eventually(() => (long.ended() ? true : undefined))
      expect([await kept.alive(), kept.ended()]).toEqual([true, false])
      kept.close()
    } finally {
      client.close()
      echo.stop()
    }
    await world.apply(made(OPEN))
  })

  it('other calls are not told of', async () => {
    const answer = await world.from('default/control-1', 'http://callee/plain')
    expect([answer.status, answer.body, world.streams.counts().size]).toEqual([200, 'plain', 0])
  })
})

describe('the watch of streams', () => {
  it('lets an answer of HTTP/2 end with its trailers', async () => {
    const server = createServer()
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'kept' }))
      stream.end('data: 0\n\n')
    })
    const workloads = [workload('callee', { protocol: 'http2' })]
    const world = await World.start(snapshot(workloads, [host('callee')]), async ({ directory, replicas }) => {
      const path = join(directory, 'h2')
      await new Promise<void>((resolve) => server.listen(path, resolve))
      replicas.set('default/callee-1', [replica('h2', path)])
    })
    try {
      const answer = await world.get('/function/callee/a', { headers: { accept: 'text/event-stream' } })
      expect([answer.status, answer.body]).toEqual([200, 'data: 0\n\n'])
      await eventually(() => (world.streams.counts().size === 0 ? true : undefined))
    } finally {
      await world.stop()
      server.close()
    }
  })

  it.each(KINDS)('ends %s after the longest time that is set, and refuses it when nobody can watch', async (_name, open) => {
    const workloads = [workload('callee')]
    const limits = { ...layout('/').limits, maxStreamDurationMs: 500 }
    const world = await World.start(
      snapshot(workloads, [host('callee')]),
      async (starting) => void (await starting.addReplica('default/callee-1', events, echoUpgrade)),
      {
        limits,
      },
    )
    try {
      const to = { host: '127.0.0.1', port: world.port, path: '/function/callee/a' }
      const stream = await open(to)
      if (typeof stream === 'number') throw new Error(`answered ${stream}`)
      expect(await stream.alive()).toBe(true)
      await eventually(() => (stream.ended() ? true : undefined))
      const lost = await open(to)
      if (typeof lost === 'number') throw new Error(`answered ${lost}`)
      await world.plane.close()
      await eventually(() => (lost.ended() ? true : undefined))
      expect(await open(to)).toBe(503)
      expect((await world.get('/function/callee/plain')).status).toBe(200)
    } finally {
      await world.stop()
    }
  })
})
