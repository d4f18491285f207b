import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { OtlpReceiver, TestPlatform, until, type ReceivedSpan } from '@weft/test-harness'

const CALLER = `export default async () => {
  const answer = await fetch('http://callee/inner?token=hush', { method: 'POST', body: 'x' })
  return new Response(await answer.text(), { status: answer.status })
}`
const CALLEE = `export default async (request) => {
  const names = ['traceparent', 'tracestate', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'baggage', 'x-weft-trace']
  return Response.json(Object.fromEntries(names.flatMap((name) => (request.headers.has(name) ? [[name, request.headers.get(name)]] : []))))
}`

let receiver: OtlpReceiver
let platform: TestPlatform
let count = 0

beforeAll(async () => {
  receiver = await OtlpReceiver.start()
  platform = await TestPlatform.start({ config: settings(100) })
  await platform.deploy('callee', CALLEE)
  await platform.deploy('caller', CALLER)
}, 120_000)
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
})

const settings = (sampling: number, endpoint = receiver.endpoint) => `tracing: { endpoint: '${endpoint}', sampling: ${sampling} }\n`

/** A trace id that nobody had before. */
function newTrace(): string {
  count += 1
  return `4bf92f3577b34da6a3ce929d${String(count).padStart(8, '0')}`
}

const PARENT = '00f067aa0ba902b7'

async function toZero(name: string): Promise<void> {
  await platform.api('POST', `/system/scale-function/${name}`, { serviceName: name, replicas: 0 })
  await until(`${name} sleeps`, async () => {
    const status = JSON.parse((await platform.api('GET', `/system/function/${name}`)).text) as { availableReplicas?: number }
    return (status.availableReplicas ?? 0) === 0
  })
}

/** The spans of a trace when all that are named have come. */
function traceWith(traceId: string, services: readonly (readonly [service: string, name: RegExp])[]): Promise<readonly ReceivedSpan[]> {
  return until(`the spans of ${traceId}`, async () => {
    const spans = receiver.trace(traceId)
    return services.every(([service, name]) => spans.some((span) => span.service === service && name.test(span.name))) && spans
  })
}

function find(spans: readonly ReceivedSpan[], service: string, name: RegExp): ReceivedSpan {
  const found = spans.find((span) => span.service === service && name.test(span.name))
  if (found === undefined) throw new Error(`no ${service} ${String(name)} among ${spans.map((span) => `${span.service} ${span.name}`).join(', ')}`)
  return found
}

/** Writes the configuration file anew and waits until it is in force. */
async function reconfigure(text: string): Promise<void> {
  const before = platform.output.split('configuration was changed').length
  await writeFile(join(platform.dataDir, 'weft.yaml'), text)
  await until('the new configuration', async () => platform.output.split('configuration was changed').length > before)
}

/** What W3C Trace Context says of headers that come in, as its test-suite asks for it: is the trace gone on with, and which state does the function see. */
const W3C: readonly (readonly [name: string, (traceId: string) => Readonly<Record<string, string | string[]>>, goesOn: boolean, state: string])[] = [
  ['none', () => ({}), false, ''],
  ['a plain one', (id) => ({ traceparent: `00-${id}-${PARENT}-01` }), true, ''],
  ['a version to come', (id) => ({ traceparent: `cc-${id}-${PARENT}-01-what-the-future-will-be-like` }), true, ''],
  ['version ff', (id) => ({ traceparent: `ff-${id}-${PARENT}-01`, tracestate: 'foo=1' }), false, ''],
  ['upper case', (id) => ({ traceparent: `00-${id.toUpperCase()}-${PARENT}-01` }), false, ''],
  ['a bad length', (id) => ({ traceparent: `00-${id}0-${PARENT}-01`, tracestate: 'foo=1' }), false, ''],
  ['two of them', (id) => ({ traceparent: [`00-${id}-${PARENT}-01`, `00-${id}-${PARENT}-01`] }), false, ''],
  ['zeroes', (id) => ({ traceparent: `00-${id}-0000000000000000-01` }), false, ''],
  ['a state in several headers', (id) => ({ traceparent: `00-${id}-${PARENT}-01`, tracestate: ['foo=1,bar=2', 'baz=3'] }), true, 'foo=1,bar=2,baz=3'],
  ['an empty state', (id) => ({ traceparent: `00-${id}-${PARENT}-01`, tracestate: '' }), true, ''],
  ['a state of a bad key', (id) => ({ traceparent: `00-${id}-${PARENT}-01`, tracestate: 'foo@@bar=1,bar=2' }), true, ''],
  ['a state alone', () => ({ tracestate: 'foo=1' }), false, ''],
]

describe('a function sees of W3C Trace Context', () => {
  it.each(W3C)('what is right after %s, called from outside and by another function', async (_name, headers, goesOn, state) => {
    const traceId = newTrace()
    for (const name of ['callee', 'caller']) {
      const { status, text } = await platform.call(name, { headers: headers(traceId) })
      const seen = JSON.parse(text) as Record<string, string | undefined>
      expect([status, seen['traceparent']]).toEqual([200, expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)])
      expect([name, seen['traceparent']?.slice(3, 35) === traceId, seen['tracestate']]).toEqual([name, goesOn, state === '' ? undefined : state])
    }
  })
})

describe('tracing of a platform', () => {
  it('makes one trace of a call through ingress, caller, callee and an activation, with the right parents', async () => {
    await toZero('callee')
    const traceId = newTrace()
    const answer = await platform.call('caller?secret=hush', {
      headers: { traceparent: `00-${traceId}-${PARENT}-01`, tracestate: 'a=1', baggage: 'user=jason' },
    })
    expect(answer.status).toBe(200)
    const seen = JSON.parse(answer.text) as Record<string, string>
    const spans = await traceWith(traceId, [
      ['ingress', /caller/],
      ['caller', /^GET caller/],
      ['caller', /^handler/],
      ['caller', /^POST callee/],
      ['callee', /^handler/],
      ['callee', /^POST callee\.default/],
      ['activator', /^activation$/],
      ['activator', /endpoints/],
    ])
    const ingress = find(spans, 'ingress', /caller/)
    const calleeHandler = find(spans, 'callee', /^handler/)
    const parentOf = (span: ReceivedSpan) => spans.find(({ spanId }) => spanId === span.parentId)
    expect(ingress.parentId).toBe(PARENT)
    const inbound = find(spans, 'caller', /^GET caller\.default$/)
    expect(inbound.parentId).toBe(ingress.spanId)
    const chain = [calleeHandler]
    for (let next = parentOf(calleeHandler); next !== undefined; next = parentOf(next)) chain.push(next)
    const names = chain.map(({ service, name }) => `${service} ${name}`)
    expect(names[0]).toBe('callee handler callee.default')
    expect(names[1]).toBe('callee POST callee.default')
    expect(names.slice(-3)).toEqual(['caller handler caller.default', `caller GET caller.default`, `ingress ${ingress.name}`])
    expect(names).toContain('caller POST callee')
    const activation = find(spans, 'activator', /^activation$/)
    expect(activation.parentId).toBe(chain[1]?.spanId)
    const steps = spans.filter(({ parentId }) => parentId === activation.spanId).map(({ name }) => name.replace('activation ', ''))
    expect(steps).toEqual(expect.arrayContaining(['policy', 'wake', 'spawn', 'listening', 'ready', 'listeners', 'endpoints']))
    expect(calleeHandler.resource).toMatchObject({ 'service.name': 'callee', 'service.namespace': 'default', 'service.version': expect.stringMatching(/./) })
    expect(chain[1]?.resource).toEqual(expect.objectContaining({ 'service.version': calleeHandler.resource['service.version'] }))
    expect(chain[1]?.attributes).toMatchObject({ node_id: 'node', response_flags: '-', upstream_cluster: expect.stringContaining('local/default/callee') })
    expect(seen).toMatchObject({ tracestate: 'a=1', baggage: 'user=jason' })
    expect(seen['traceparent']).toBe(`00-${traceId}-${calleeHandler.parentId}-01`)
    expect(seen['x-weft-trace']).toBeUndefined()
    expect(JSON.stringify(spans)).not.toContain('hush')
  }, 60_000)

  it('goes on with B3, in both forms, out of a function too', async () => {
    const traceId = newTrace()
    const { text } = await platform.call('caller', { headers: { b3: `${traceId}-${PARENT}-1` } })
    const seen = JSON.parse(text) as Record<string, string>
    const spans = await traceWith(traceId, [
      ['ingress', /caller/],
      ['caller', /^handler/],
      ['callee', /^handler/],
    ])
    expect(find(spans, 'ingress', /caller/).parentId).toBe(PARENT)
    const { spanId, parentId } = find(spans, 'caller', /^handler/)
    expect(seen['b3']).toBe(`${traceId}-${spanId}-1-${parentId}`)
    const short = traceId.slice(16)
    const several = await platform.call('caller', { headers: { 'x-b3-traceid': short, 'x-b3-spanid': PARENT, 'x-b3-sampled': '1' } })
    const padded = `${'0'.repeat(16)}${short}`
    const handler = find(await traceWith(padded, [['caller', /^handler/]]), 'caller', /^handler/)
    expect(JSON.parse(several.text)).toMatchObject({ 'x-b3-traceid': padded, 'x-b3-spanid': handler.spanId, 'x-b3-parentspanid': handler.parentId })
  }, 60_000)

  it('tells the steps of an activation to whoever asks for them, and only then', async () => {
    // The last replica may still take calls for a moment after it is not counted any more.
    const cold = await until('a call that was held', async () => {
      await toZero('callee')
      const answer = await platform.call('callee', { headers: { 'x-weft-timing': '1' } })
      expect(answer.status).toBe(200)
      return answer.headers['server-timing'] !== undefined && answer
    })
    expect(cold.headers['server-timing']).toMatch(/wake;dur=[\d.]+, spawn;dur=[\d.]+, listening;dur=[\d.]+, .*endpoints;dur=/)
    expect((await platform.call('callee', { headers: { 'x-weft-timing': '1' } })).headers['server-timing']).toBeUndefined()
    await toZero('callee')
    expect((await platform.call('callee')).headers['server-timing']).toBeUndefined()
  }, 60_000)

  it('harms no call while the collector refuses or hangs, and says so once', async () => {
    for (const mood of ['refuses', 'hangs'] as const) {
      receiver.mood = mood
      const before = receiver.requests
      await until(`requests to a collector that ${mood}`, async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => platform.call('caller')))
        expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
        return receiver.requests > before + 3
      })
    }
    await until('a warning', async () => platform.output.includes('spans are lost'))
    receiver.mood = 'takes'
  }, 60_000)

  it('changes sampling while it runs: 0 % gives none and leaves headers alone, then 100 % all again', async () => {
    await reconfigure(settings(0))
    await until('no more spans', async () => {
      receiver.spans.length = 0
      const { text } = await platform.call('caller', { headers: { traceparent: `00-${newTrace()}-${PARENT}-01` } })
      return (JSON.parse(text) as Record<string, string>)['traceparent']?.includes(PARENT)
    })
    const silent = newTrace()
    for (let call = 0; call < 10; call += 1) await platform.call('caller', { headers: { traceparent: `00-${silent}-${PARENT}-01` } })
    await reconfigure(settings(100))
    const loud = newTrace()
    await until('spans again', async () => {
      await platform.call('caller', { headers: { traceparent: `00-${loud}-${PARENT}-01` } })
      return ['ingress', 'caller', 'callee'].every((service) => receiver.trace(loud).some((span) => span.service === service))
    })
    expect(receiver.trace(silent)).toEqual([])
    await writeFile(join(platform.dataDir, 'weft.yaml'), 'tracing: { sampling: 101 }\n')
    await until('the refusal', async () => /tracing\.sampling.*<= 100.*101/.test(platform.output))
    expect((await platform.call('caller')).status).toBe(200)
  }, 60_000)

  it('is one trace over two Envoys too', async () => {
    await using two = await TestPlatform.start({ config: `${settings(100)}mesh: { proxies: 2 }\n` })
    await two.deploy('callee', CALLEE)
    await two.deploy('caller', CALLER)
    const traceId = newTrace()
    expect((await two.call('caller', { headers: { traceparent: `00-${traceId}-${PARENT}-01` } })).status).toBe(200)
    const spans = await traceWith(traceId, [
      ['ingress', /caller/],
      ['caller', /^GET caller/],
      ['caller', /^handler/],
      ['caller', /^POST callee/],
      ['callee', /^POST callee/],
      ['callee', /^handler/],
    ])
    const known = new Set([PARENT, ...spans.map(({ spanId }) => spanId)])
    expect(spans.filter(({ parentId }) => !known.has(parentId)).map(({ service, name }) => `${service} ${name}`)).toEqual([])
    expect(new Set(spans.flatMap(({ attributes }) => attributes['node_id'] ?? []))).toEqual(new Set(['node', 'node-2']))
  }, 90_000)
})
