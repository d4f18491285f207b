import { randomBytes } from 'node:crypto'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'
import { WebSocket } from 'ws'

const MEBIBYTE = 1_048_576
const SIZE = 50 * MEBIBYTE
/** What may be on its way: Linux alone keeps up to 32 MiB of a connection, the proxies a few. */
const HELD = SIZE * 0.8

/** Everything that streams, on paths of its own. */
const STREAM = `import { createHash } from 'node:crypto'
const state = { produced: 0, consumed: 0, aborted: 0, open: 0 }
let release = () => {}
const chunk = Buffer.alloc(65536, 'x')
const events = () => {
  let n = 0
  return new ReadableStream({ async pull(controller) {
    if (n > 0) await new Promise((resolve) => setTimeout(resolve, 150))
    controller.enqueue('data: ' + ++n + '\\n\\n')
    if (n === 5) controller.close()
  } })
}
const PATHS = {
  '/state': () => Response.json(state),
  '/events': () => new Response(events(), { headers: { 'content-type': 'text/event-stream' } }),
  '/down': (request, url) => {
    let left = Number(url.searchParams.get('bytes'))
    state.produced = 0
    return new Response(new ReadableStream({ pull(controller) {
      const part = chunk.subarray(0, Math.min(chunk.length, left))
      left -= part.length
      state.produced += part.length
      controller.enqueue(part)
      if (left === 0) controller.close()
    } }, { highWaterMark: 0 }))
  },
  '/up': async (request, url) => {
    state.consumed = 0
    if (url.searchParams.has('hold')) await new Promise((resolve) => { release = resolve })
    const hash = createHash('sha256')
    for await (const part of request.body) { state.consumed += part.length; hash.update(part) }
    return Response.json({ bytes: state.consumed, sha256: hash.digest('hex') })
  },
  '/release': () => { release(); return new Response('released') },
  '/echo': (request) => new Response(request.body),
  '/wait': async (request) => {
    state.open += 1
    await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
    state.aborted += 1
    return new Response('never read')
  },
  '/sleep': async () => { await new Promise((resolve) => setTimeout(resolve, 10000)); return new Response('late') },
  '/headers': (request) => Response.json(Object.fromEntries(request.headers)),
}
const accept = (key) => createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
// Echoes frames of less than 64 KiB, as RFC 6455 §5.2 has them.
const webSocket = ({ request, socket, head }) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept(request.headers['sec-websocket-key']) + '\\r\\n\\r\\n')
  let buffer = head
  const take = () => {
    for (;;) {
      if (buffer.length < 2) return
      const short = buffer[1] & 127
      const start = short === 126 ? 4 : 2
      if (buffer.length < start + 4) return
      const length = short === 126 ? buffer.readUInt16BE(2) : short
      if (buffer.length < start + 4 + length) return
      const mask = buffer.subarray(start, start + 4)
      const data = Buffer.from(buffer.subarray(start + 4, start + 4 + length))
      for (let i = 0; i < length; i += 1) data[i] ^= mask[i % 4]
      const top = buffer[0]
      buffer = buffer.subarray(start + 4 + length)
      if ((top & 15) === 8) return socket.end(Buffer.concat([Buffer.from([top, length]), data]))
      socket.write(Buffer.concat([short === 126 ? Buffer.from([top, 126, length >> 8, length & 255]) : Buffer.from([top, length]), data]))
    }
  }
  socket.on('data', (part) => { buffer = Buffer.concat([buffer, part]); take() })
  socket.on('error', () => {})
  take()
}
export default (request, context) => {
  if (request.headers.get('upgrade')) return webSocket(context.upgrade())
  const url = new URL(request.url)
  return PATHS[url.pathname](request, url)
}
`
/** Passes everything on to another function, as it comes. */
const HOP = `export default async (request) => {
  const { pathname, search } = new URL(request.url)
  const body = request.body === null ? {} : { body: request.body, duplex: 'half' }
  const answer = await fetch('http://' + process.env.TARGET + '.default:8080' + pathname + search, { method: request.method, signal: request.signal, ...body })
  return new Response(answer.body, { status: answer.status, headers: { 'content-type': answer.headers.get('content-type') ?? '' } })
}
`
interface State {
  readonly produced: number
  readonly consumed: number
  readonly aborted: number
  readonly open: number
}

/** Labels of OpenFaaS for a function that sleeps soon. */
const SLEEPY = { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '1s' }

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
  const hops = ['stream', 'asleep'].map((target) => platform.deploy(`to-${target}`, HOP, { envVars: { TARGET: target } }))
  await Promise.all([platform.deploy('stream', STREAM), platform.deploy('asleep', STREAM, { labels: SLEEPY }), ...hops])
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

const state = async () => JSON.parse((await platform.call('stream/state')).text) as State
const WAYS = [
  ['through the ingress', 'stream', 'asleep'],
  ['through another function', 'to-stream', 'to-asleep'],
] as const

async function asleep(): Promise<void> {
  await until('asleep at zero', async () => {
    const { availableReplicas = 0 } = JSON.parse((await platform.api('GET', '/system/function/asleep')).text) as { availableReplicas?: number }
    return availableReplicas === 0
  })
}

/** Starts a call; the answer comes as a stream. */
function open(path: string, method = 'GET'): { call: ClientRequest; answer: Promise<IncomingMessage> } {
  const call = request(`${platform.gateway}/function/${path}`, { method })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    call.on('response', resolve)
    call.on('error', reject)
  })
  answer.catch(() => {})
  return { call, answer }
}

/** Whether a number stays the same for half a second, below a bound. */
async function settles(what: string, read: () => Promise<number>): Promise<number> {
  let last = -1
  return until(what, async () => {
    const now = await read()
    const same = now === last && now > 0
    last = now
    await pause(500)
    return same ? now : undefined
  })
}

describe.each(WAYS)('%s', (_way, name, sleepy) => {
  it('server-sent events come one by one', async () => {
    const { call, answer } = open(`${name}/events`)
    call.end()
    const times: number[] = []
    let text = ''
    for await (const part of await answer) {
      times.push(Date.now())
      text += String(part)
    }
    expect(text).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\n')
    expect((await answer).headers['content-type']).toBe('text/event-stream')
    expect(times.length).toBeGreaterThanOrEqual(4)
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(300)
  })

  it('50 MB come down whole, and no faster than they are read', async () => {
    const { call, answer } = open(`${name}/down?bytes=${SIZE}`)
    call.end()
    const body = await answer
    const produced = await settles('the function waits', async () => (await state()).produced)
    expect(produced).toBeLessThan(HELD)
    let bytes = 0
    for await (const part of body) bytes += (part as Buffer).length
    expect(bytes).toBe(SIZE)
  }, 30_000)

  it('50 MB go up whole, and no faster than they are read', async () => {
    const { call, answer } = open(`${name}/up?hold`, 'POST')
    const block = Buffer.alloc(MEBIBYTE, 'u')
    let sent = 0
    const sending = (async () => {
      for (; sent < SIZE; sent += block.length) if (!call.write(block)) await new Promise((resolve) => call.once('drain', resolve))
      call.end()
    })()
    const held = await settles('the client waits', () => Promise.resolve(sent))
    expect(held).toBeLessThan(HELD)
    await platform.call('stream/release')
    await sending
    let text = ''
    for await (const part of await answer) text += String(part)
    expect(JSON.parse(text)).toMatchObject({ bytes: SIZE })
  }, 30_000)

  it('a body that is still being sent comes back meanwhile', async () => {
    const { call, answer } = open(`${name}/echo`, 'POST')
    call.write('first')
    const body = await answer
    const first = await new Promise((resolve) => body.once('data', (part: Buffer) => resolve(String(part))))
    expect(first).toBe('first')
    call.end('last')
    let rest = ''
    for await (const part of body) rest += String(part)
    expect(rest).toBe('last')
  })

  it('a client that leaves is told to the function', async () => {
    const before = await state()
    const { call } = open(`${name}/wait`)
    call.on('error', () => {})
    call.end()
    await until('it is under way', async () => (await state()).open === before.open + 1)
    call.destroy()
    await until('request.signal', async () => (await state()).aborted === before.aborted + 1, 5_000)
  })

  it('the first call at zero is answered whole, a large one too', async () => {
    await asleep()
    const body = randomBytes(3 * MEBIBYTE)
    const { status, text } = await platform.call(`${sleepy}/up`, { body })
    expect([status, (JSON.parse(text) as { bytes: number }).bytes]).toEqual([200, body.length])
  }, 30_000)
})

describe('a WebSocket', () => {
  it.each([
    ['is echoed in both directions', 'stream'],
    ['wakes a function at zero', 'asleep'],
  ])(
    '%s',
    async (_name, name) => {
      if (name === 'asleep') await asleep()
      const socket = new WebSocket(`${platform.gateway.replace('http', 'ws')}/function/${name}/socket`)
      await new Promise((resolve, reject) => {
        socket.once('open', resolve)
        socket.once('error', reject)
      })
      const received: string[] = []
      socket.on('message', (data: Buffer) => received.push(data.toString()))
      const sent = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(index * 50)}`)
      for (const text of sent) socket.send(text)
      await until('all echoes', async () => received.length === sent.length)
      expect(received).toEqual(sent)
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.close(1000)
      expect(await closed).toBe(1000)
    },
    30_000,
  )
})

describe('a policy change', () => {
  const deny = (paths: readonly string[]) =>
    JSON.stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'no-streams', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'stream' } }, action: 'DENY', rules: [{ to: [{ operation: { paths } }] }] },
    })
  const POLICIES = '/apis/security.istio.io/v1/namespaces/default/authorizationpolicies'

  it('closes the WebSockets and event streams that it forbids, and no others', async () => {
    const connect = async (path: string) => {
      const socket = new WebSocket(`${platform.gateway.replace('http', 'ws')}/function/${path}`)
      await new Promise((resolve, reject) => {
        socket.once('open', resolve)
        socket.once('error', reject)
      })
      return socket
    }
    const [forbidden, allowed] = [await connect('stream/socket'), await connect('stream/other')]
    const call = request(`${platform.gateway}/function/stream/wait`, { headers: { accept: 'text/event-stream' } })
    const events = new Promise((resolve) => call.once('error', resolve).once('response', (answer) => resolve(answer.statusCode)))
    call.end()
    await until('it is under way', async () => (await state()).open > 0)
    const closed = new Promise((resolve) => forbidden.once('close', resolve))
    await platform.api('POST', POLICIES, deny(['/socket', '/wait']))
    expect(await closed).toBe(1006)
    expect(await events).toBe(403)
    const echoed = new Promise((resolve) => allowed.once('message', (data: Buffer) => resolve(data.toString())))
    allowed.send('still here')
    expect(await echoed).toBe('still here')
    allowed.close()
    await platform.api('DELETE', `${POLICIES}/no-streams`)
  }, 30_000)
})

describe('limits of a function', () => {
  it('a call that takes too long is a 504, and said so', async () => {
    await platform.deploy('short', STREAM, { timeout: '1s' })
    const startedAt = Date.now()
    const { status } = await platform.call('short/sleep')
    expect(status).toBe(504)
    expect(Date.now() - startedAt).toBeLessThan(4_000)
    expect((await platform.call('short/state')).status).toBe(200)
  })

  it('one call more than its concurrency is a 429 with Retry-After, and the next is served', async () => {
    await platform.api('PATCH', '/apis/weft.dev/v1alpha1/namespaces/default/functions/short', '{"spec":{"template":{"concurrency":2,"timeout":"20s"}}}', {
      'content-type': 'application/merge-patch+json',
    })
    await until('the limit is in force', async () => {
      const { text } = await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/short')
      const { latestReady, latestCreated, traffic } = (
        JSON.parse(text) as { status: { latestReady: string; latestCreated: string; traffic: { revision: string }[] } }
      ).status
      return latestReady === latestCreated && latestReady === '00002' && traffic[0]?.revision === '00002'
    })
    await platform.weftOk(['mesh', 'wait'])
    const under = [open('short/wait'), open('short/wait')]
    for (const { call } of under) call.on('error', () => {}).end()
    const refused = await until('a refusal', async () => {
      const answer = await platform.call('short/state')
      return answer.status === 429 && answer
    })
    expect(refused.headers['retry-after']).toMatch(/^\d+$/)
    for (const { call } of under) call.destroy()
    await until('it serves again', async () => (await platform.call('short/state')).status === 200)
  }, 30_000)
})

describe('trace headers', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  it.each([
    ['of W3C', { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: 'a=b' }, ['traceparent', 'tracestate']],
    ['of B3', { 'x-b3-traceid': trace, 'x-b3-spanid': 'b7ad6b7169203331', 'x-b3-sampled': '1' }, ['x-b3-traceid', 'x-b3-sampled']],
    ['of B3 in one', { b3: `${trace}-b7ad6b7169203331-1` }, ['b3']],
    ['of a request', { 'x-request-id': 'mine-1' }, ['x-request-id']],
  ])('%s go from the incoming call to the outgoing one, without a line in the handler', async (_name, headers, expected) => {
    const { status, text } = await platform.call('to-stream/headers', { headers })
    expect(status).toBe(200)
    const seen = JSON.parse(text) as Record<string, string>
    const sent = headers as Readonly<Record<string, string>>
    for (const name of expected) expect([name, seen[name]]).toEqual([name, sent[name]])
  })

  it('are there when a client sent none: an id of the request', async () => {
    const { text, headers } = await platform.call('to-stream/headers')
    const seen = JSON.parse(text) as Record<string, string>
    expect(seen['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers['x-call-id']).toBe(seen['x-request-id'])
  })

  it('belong to their own call, also when many are under way', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `call-${index}`)
    const seen = await Promise.all(
      ids.map(
        async (id) =>
          (JSON.parse((await ask(`${platform.gateway}/function/to-stream/headers`, { headers: { 'x-request-id': id } })).text) as Record<string, string>)[
            'x-request-id'
          ],
      ),
    )
    expect(seen).toEqual(ids)
  })
})
