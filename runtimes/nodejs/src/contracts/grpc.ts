import type { Http2Server, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { describeError, logLine } from '../boot/report.ts'
import { WeftRequest, WeftResponse } from '../server/messages.ts'
import { sendError } from '../server/reply.ts'
import type { Contract, ContractInput } from './contract.ts'
import { gatewayTimeout, internalError } from './errors.ts'

/** Takes a connection that speaks HTTP/2. */
type Take = (connection: Socket) => void

const INTERNAL = '13'

function method(value: object, name: string): ((...args: readonly unknown[]) => unknown) | undefined {
  const found: unknown = Reflect.get(value, name)
  return typeof found === 'function' ? (...args) => Reflect.apply(found, value, args) as unknown : undefined
}

/**
 * How the export of a gRPC function takes connections: a connection injector of `@grpc/grpc-js`, a server of `node:http2`; `undefined` for a function,
 * which takes streams. @throws TypeError for anything else
 */
export function connectionTaker(exported: object): Take | undefined {
  if (typeof exported === 'function') return undefined
  const inject = method(exported, 'injectConnection')
  if (inject !== undefined) return (connection) => void inject(connection)
  if (method(exported, 'createConnectionInjector') !== undefined)
    throw new TypeError('a server of @grpc/grpc-js has to be exported as server.createConnectionInjector(ServerCredentials.createInsecure())')
  const emit = method(exported, 'emit')
  if (emit !== undefined) return (connection) => void emit('connection', connection)
  throw new TypeError('a function of the contract grpc exports (stream, headers) => …, a server of node:http2, or a connection injector of @grpc/grpc-js')
}

/** A stream whose handler threw: the caller gets a status of gRPC, the log the reason. */
function failed(stream: ServerHttp2Stream, error: unknown): void {
  logLine(`a call failed: ${describeError(error)}`)
  if (stream.destroyed) return
  if (stream.headersSent) stream.close()
  else
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': INTERNAL, 'grpc-message': 'the function failed' }, { endStream: true })
}

type OnStream = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => unknown

/** Loaded only by functions that take streams themselves. */
function streamServer(handler: OnStream): Http2Server {
  const http2 = process.getBuiltinModule('node:http2')
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    void (async () => handler(stream, headers))().catch((error: unknown) => failed(stream, error))
  })
  server.on('sessionError', () => undefined)
  return server
}

/**
 * The contract of functions that speak HTTP/2 themselves. The export takes whole connections (an injector of `@grpc/grpc-js`, a server of `node:http2`), or is
 * called with `(stream, headers)`. Trailers, streams and deadlines are its own; the platform's probes never reach it.
 */
export function grpcContract({ handler }: ContractInput): Contract {
  const take = connectionTaker(handler) ?? takerOf(streamServer(handler as unknown as OnStream))
  return {
    Request: WeftRequest,
    Response: WeftResponse,
    connection: take,
    serve: ({ response }) =>
      sendError(response, { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message: 'this function speaks HTTP/2', help: 'call it by gRPC or HTTP/2' }),
    failed: internalError,
    timedOut: gatewayTimeout,
  }
}

const takerOf =
  (server: Http2Server): Take =>
  (connection) =>
    void server.emit('connection', connection)
