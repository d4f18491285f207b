import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type Client,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js'

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() }

function method(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<string, string> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  }
}

/** A service of every kind of call, whose messages are texts. `prefix` stands before its paths. */
function echoService(prefix = ''): Record<'say' | 'count' | 'sum' | 'chat', MethodDefinition<string, string>> & ServiceDefinition {
  const at = `${prefix}/test.Echo`
  return {
    say: method(`${at}/Say`, false, false),
    count: method(`${at}/Count`, false, true),
    sum: method(`${at}/Sum`, true, false),
    chat: method(`${at}/Chat`, true, true),
  }
}

const trailers = (call: { readonly metadata: Metadata }): Metadata => {
  const sent = new Metadata()
  sent.set('x-trailer', 'kept')
  sent.set('x-seen-peer', String(call.metadata.get('x-forwarded-client-cert')[0] ?? ''))
  return sent
}

/** Numbers of attempts by the name that `fail:NAME:TIMES` calls have. */
const attempts = new Map<string, number>()

const handlers = {
  say: (call: ServerUnaryCall<string, string>, reply: sendUnaryData<string>): void => {
    const [verb, name = '', times = '0'] = call.request.split(':')
    if (verb === 'never') return
    if (verb === 'fail') {
      const count = (attempts.get(name) ?? 0) + 1
      attempts.set(name, count)
      if (count <= Number(times)) return reply({ code: 14, details: 'not now', metadata: trailers(call) })
    }
    if (verb === 'odd') return reply({ code: Number('4711'), details: 'made up' })
    if (verb === 'missing') return reply({ code: 5, details: 'there is none', metadata: trailers(call) })
    reply(null, `${call.request}!`, trailers(call))
  },
  count: (call: ServerWritableStream<string, string>): void => {
    for (let number = 1; number <= Number(call.request); number += 1) call.write(String(number))
    call.end(trailers(call))
  },
  sum: (call: ServerReadableStream<string, string>, reply: sendUnaryData<string>): void => {
    let sum = 0
    call.on('data', (value: string) => (sum += Number(value)))
    call.on('end', () => reply(null, String(sum), trailers(call)))
  },
  chat: (call: ServerDuplexStream<string, string>): void => {
    call.on('data', (value: string) => call.write(`${value}?`))
    call.on('end', () => call.end(trailers(call)))
  },
}

/** A gRPC server on a Unix socket of its own. */
export async function serveGrpcEcho(): Promise<{ readonly path: string; stop(): void }> {
  const server = new Server()
  server.addService(echoService(), handlers)
  const directory = mkdtempSync('/tmp/weft-grpc-')
  const path = join(directory, 's')
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))),
  )
  const stop = (): void => {
    server.forceShutdown()
    rmSync(directory, { recursive: true, force: true })
  }
  return { path, stop }
}

/** What a call came to. */
export interface Outcome {
  readonly code: number
  readonly messages: readonly string[]
  readonly details: string
  readonly trailers: Readonly<Record<string, unknown>>
}

/** A client that keeps its connection until it is closed. */
export class EchoClient {
  readonly #client: Client

  /** `target`: as gRPC names it, such as `unix:/path` or `127.0.0.1:8080`. */
  constructor(target: string, options: { readonly authority: string; readonly prefix?: string }) {
    const service = echoService(options.prefix)
    const Made = makeGenericClientConstructor(service, 'Echo')
    this.#client = new Made(target, credentials.createInsecure(), { 'grpc.default_authority': options.authority, 'grpc.enable_retries': 0 })
    this.#service = service
  }

  readonly #service: ReturnType<typeof echoService>

  /** Sends one message, or several, one after the other; the call ends when all are sent. */
  call(name: 'say' | 'count' | 'sum' | 'chat', sent: string | readonly string[], deadlineMs = 10_000): Promise<Outcome> {
    const { path } = this.#service[name]
    const options = { deadline: Date.now() + deadlineMs }
    const meta = new Metadata()
    return new Promise((resolve) => {
      const messages: string[] = []
      const finish = (status: { readonly code: number; readonly details: string; readonly metadata: Metadata }): void =>
        resolve({ code: status.code, messages, details: status.details, trailers: status.metadata.getMap() })
      const result = (_error: ServiceError | null, value?: string): void => void (value === undefined || messages.push(value))
      const many = typeof sent === 'string' ? [sent] : sent
      const first = many[0] ?? ''
      const { serialize, deserialize } = text
      if (name === 'say') this.#client.makeUnaryRequest(path, serialize, deserialize, first, meta, options, result).on('status', finish)
      else if (name === 'count') {
        const call = this.#client.makeServerStreamRequest(path, serialize, deserialize, first, meta, options)
        call.on('data', (value: string) => messages.push(value)).on('error', () => undefined)
        call.on('status', finish)
      } else if (name === 'sum') {
        const call = this.#client.makeClientStreamRequest(path, serialize, deserialize, meta, options, result)
        call.on('status', finish)
        for (const each of many) call.write(each)
        call.end()
      } else {
        const call = this.#client.makeBidiStreamRequest(path, serialize, deserialize, meta, options)
        let next = 0
        const send = (): void => void (next < many.length ? call.write(many[next++] ?? '') : call.end())
        call.on('data', (value: string) => {
          messages.push(value)
          send()
        })
        call.on('error', () => undefined)
        call.on('status', finish)
        send()
      }
    })
  }

  close(): void {
    this.#client.close()
  }
}
