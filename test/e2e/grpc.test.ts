import { credentials, makeGenericClientConstructor, Metadata, type Client } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FunctionResource } from '@weft/api'
import { bundled, TestPlatform, until } from '@weft/test-harness'

/** Methods of a service whose messages are texts, and how a call of each kind is made; for functions and for this process alike. */
const SERVICE = `
const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() }
const method = (name, requestStream, responseStream) => ({ path: '/test.Greeter/' + name, requestStream, responseStream,
  requestSerialize: text.serialize, requestDeserialize: text.deserialize, responseSerialize: text.serialize, responseDeserialize: text.deserialize })
const service = { Say: method('Say', false, false), Count: method('Count', false, true), Sum: method('Sum', true, false), Chat: method('Chat', true, true) }
`
const GREETER = `import * as grpc from '@grpc/grpc-js'
${SERVICE}
const trailers = (call) => { const sent = new grpc.Metadata(); sent.set('x-peer', String(call.metadata.get('x-forwarded-client-cert')[0])); return sent }
const server = new grpc.Server()
server.addService(service, {
  Say: (call, reply) => call.request === 'missing' ? reply({ code: 5, details: 'there is none' }) : call.request === 'never' ? undefined : reply(null, 'Hello ' + call.request, trailers(call)),
  Count: (call) => { for (let n = 1; n <= Number(call.request); n += 1) call.write(String(n)); call.end(trailers(call)) },
  Sum: (call, reply) => { let sum = 0; call.on('data', (value) => { sum += Number(value) }); call.on('end', () => reply(null, String(sum), trailers(call))) },
  Chat: (call) => { call.on('data', (value) => call.write(value + '?')); call.on('end', () => call.end(trailers(call))) },
})
module.exports = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
`
/** Calls the function that the query names, as another function does. */
const CALLER = `import * as grpc from '@grpc/grpc-js'
${SERVICE}
const Client = grpc.makeGenericClientConstructor(service, 'Greeter')
module.exports = async (request) => {
  const query = new URL(request.url).searchParams
  const { path, requestStream, responseStream } = service[query.get('method')]
  const sent = query.getAll('say')
  const client = new Client(query.get('target'), grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  const options = { deadline: Date.now() + Number(query.get('deadline') ?? 20000) }
  const status = await new Promise((resolve) => {
    const messages = []
    const done = (status) => resolve({ code: status.code, details: status.details, messages, peer: String(status.metadata.get('x-peer')[0] ?? '') })
    const take = (error, value) => { if (value !== undefined) messages.push(value) }
    const how = [path, text.serialize, text.deserialize]
    const meta = new grpc.Metadata()
    const call = requestStream
      ? responseStream ? client.makeBidiStreamRequest(...how, meta, options) : client.makeClientStreamRequest(...how, meta, options, take)
      : responseStream ? client.makeServerStreamRequest(...how, sent[0], meta, options) : client.makeUnaryRequest(...how, sent[0], meta, options, take)
    call.on('error', () => {})
    call.on('status', done)
    if (responseStream) call.on('data', (value) => messages.push(value))
    if (requestStream) { for (const each of sent) call.write(each); call.end() }
  })
  client.close()
  return Response.json(status)
}
`
interface Outcome {
  readonly code: number
  readonly details: string
  readonly messages: readonly string[]
  readonly peer: string
}

const SLEEPY = { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '1s' }

let platform: TestPlatform
const clients: Client[] = []

beforeAll(async () => {
  platform = await TestPlatform.start()
  const greeter = { runtime: 'grpc', source: { files: { 'greeter.cjs': await bundled(GREETER) } } }
  const caller = { runtime: 'fetch', source: { files: { 'caller.cjs': await bundled(CALLER) } } }
  await Promise.all([
    platform.deploy('greeter', '', greeter),
    platform.send('asleep', '', { ...greeter, labels: SLEEPY }),
    platform.deploy('caller', '', caller),
  ])
}, 120_000)
afterAll(async () => {
  for (const client of clients) client.close()
  await platform?.[Symbol.asyncDispose]()
})

function asleep(): Promise<void> {
  return until('asleep sleeps', async () => {
    const { status } = JSON.parse((await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/asleep')).text) as FunctionResource
    return status?.latestReady !== undefined && status.availableReplicas === 0
  }).then(() => undefined)
}

async function fromFunction(target: string, method: string, say: readonly string[], more = ''): Promise<Outcome> {
  const query = new URLSearchParams([['target', target], ['method', method], ...say.map((each) => ['say', each])])
  return JSON.parse((await platform.call(`caller?${query}${more}`)).text) as Outcome
}

function fromOutside(
  name: string,
  say: string,
  deadlineMs = 20_000,
): Promise<{ readonly code: number; readonly value: string | undefined; readonly details: string }> {
  const Made = makeGenericClientConstructor({}, 'Greeter')
  const client = new Made(new URL(platform.gateway).host, credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  clients.push(client)
  return new Promise((resolve) => {
    let value: string | undefined
    const take = (_error: unknown, answer?: string): void => void (value = answer)
    const call = client.makeUnaryRequest(
      `/function/${name}/test.Greeter/Say`,
      (message: string) => Buffer.from(message),
      (bytes) => bytes.toString(),
      say,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      take,
    )
    call.on('status', (status) => resolve({ code: status.code, value, details: status.details }))
  })
}

describe('a gRPC function', () => {
  it.each([
    ['Say', ['world'], ['Hello world']],
    ['Count', ['3'], ['1', '2', '3']],
    ['Sum', ['1', '2', '3'], ['6']],
    ['Chat', ['a', 'b'], ['a?', 'b?']],
  ])('is called by another function: %s', async (method, say, messages) => {
    const outcome = await fromFunction('greeter.default:8080', method, say)
    expect(outcome).toMatchObject({ code: 0, messages, peer: expect.stringContaining('URI=spiffe://cluster.local/ns/default/sa/caller') })
  })

  it('is called from outside', async () => {
    expect(await fromOutside('greeter', 'world')).toMatchObject({ code: 0, value: 'Hello world' })
  })

  it('is woken by a call, which waits for it', async () => {
    await asleep()
    expect(await fromOutside('asleep', 'world')).toMatchObject({ code: 0, value: 'Hello world' })
    await asleep()
    expect(await fromFunction('asleep', 'Chat', ['a'])).toMatchObject({ code: 0, messages: ['a?'] })
  })

  it.each([
    ['its own status', 'greeter.default:8080', 'missing', '', 5],
    ['the deadline', 'greeter.default:8080', 'never', '&deadline=300', 4],
    ['a host that is not there', 'nobody.default:8080', 'x', '', 12],
  ])('gives its caller %s as a status of gRPC', async (_name, target, say, more, code) => {
    expect(await fromFunction(target, 'Say', [say], more)).toMatchObject({ code })
  })
})
