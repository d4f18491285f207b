import { createServer, ServerResponse, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { frontDoor } from '@weft/runtime-nodejs/front-door'
import { answerProbe } from '@weft/runtime-nodejs/probes'
import { describeError, logLine } from '@weft/runtime-nodejs/report'
import type { Limits } from './limits.ts'
import { callTimeoutMs } from './limits.ts'
import type { Protocol } from '../boot/config.ts'
import type { Mode } from '../modes/mode.ts'
import { splice } from '../modes/splice.ts'
import { CallerGone } from '../program/body.ts'
import { Call } from './call.ts'
import { sendError, type RuntimeError } from './reply.ts'
import { Tunnels } from './tunnels.ts'

/** Adds the time that the call took when the head is written, as the watchdogs do. */
class TimedResponse extends ServerResponse {
  readonly #startedAt = performance.now()

  override writeHead(status: number, reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[], headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this {
    if (!this.headersSent) this.setHeader('X-Duration-Seconds', ((performance.now() - this.#startedAt) / 1000).toFixed(6))
    return typeof reason === 'string' ? super.writeHead(status, reason, headers) : super.writeHead(status, reason)
  }
}

/** The server and what is under way in it. */
export interface Serving {
  readonly server: Server
  readonly inFlight: Set<Call>
  /** True from the moment a drain begins. */
  draining: boolean
}

const TOO_MANY: RuntimeError = {
  status: 429,
  code: 'CONCURRENCY_LIMIT',
  message: 'this replica takes no more calls at a time',
  help: 'try again, or raise max_inflight, the concurrency or the number of replicas of the function',
  headers: { 'Retry-After': '1' },
}

function failCall(call: Call, error: unknown): void {
  if (call.over || error instanceof CallerGone) return
  logLine(`a call failed: ${describeError(error)}`)
  const message = error instanceof Error ? error.message : String(error)
  sendError(call.response, { status: 500, code: 'FUNCTION_FAILED', message: `the program could not be run: ${message}` })
}

/** Gives calls up that take too long. @returns stops to watch */
function watchTime(call: Call, mode: Mode, limits: Limits): () => void {
  const { request, response } = call
  const limitMs = callTimeoutMs(limits.timeoutMs, request.headers['x-timeout'])
  const late = (what: string, answer: () => void): void => {
    logLine(`${request.method} ${request.url} ${what}: ${response.headersSent ? 'its answer was cut' : 'answered instead of it'}`)
    answer()
    call.abandon()
  }
  const timers = [
    setTimer(limitMs, () => late(`took longer than ${limitMs} ms`, () => mode.timedOut(call, limitMs))),
    setTimer(limits.readTimeoutMs, () => {
      if (request.complete) return
      const error = { status: 408, code: 'BODY_TIMEOUT', message: `the body did not come within ${limits.readTimeoutMs} ms (read_timeout)` } as const
      late(error.message, () => sendError(response, { ...error, headers: { Connection: 'close' } }))
    }),
  ]
  return () => timers.forEach(clearTimeout)
}

const setTimer = (ms: number, act: () => void): NodeJS.Timeout | undefined => (ms > 0 ? setTimeout(act, Math.min(ms, 2 ** 31 - 1)) : undefined)

/** Takes connections of HTTP/2, and joins each with one to the program. */
function passOn(connect: NonNullable<Mode['connect']>, near: Socket): void {
  connect().then(
    (far) => splice(near, far),
    (error: unknown) => {
      logLine(`a connection could not be made: ${describeError(error)}`)
      near.destroy()
    },
  )
}

/** Makes the server of one mode. Probes come by HTTP/1.1 whatever the program speaks. */
export function createServing(mode: Mode, limits: Limits, protocol: Protocol = 'http'): Serving {
  const inFlight = new Set<Call>()
  const connect = mode.connect?.bind(mode)
  const tunnels = protocol === 'tcp' && connect !== undefined ? new Tunnels(connect, limits) : undefined
  const busy = (): boolean => limits.concurrency > 0 && inFlight.size + (tunnels?.count ?? 0) >= limits.concurrency

  const begin = (request: IncomingMessage, response: ServerResponse, work: (call: Call) => Promise<void>): void => {
    if (busy()) return sendError(response, TOO_MANY)
    const call = new Call(request, response)
    inFlight.add(call)
    const stopWatch = watchTime(call, mode, limits)
    response.once('close', () => {
      inFlight.delete(call)
      stopWatch()
      // also after a whole answer: what a program has left running for this call may go on, what still writes to us may not
      if (!response.writableFinished) call.abandon()
    })
    work(call).catch((error: unknown) => failCall(call, error))
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { readinessPath } = limits
    if (request.url?.startsWith('/_/') === true && answerProbe(request, response, { draining: serving.draining, busy: busy(), readinessPath })) return
    begin(request, response, (call) => mode.serve(call))
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const response = new TimedResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
    response.once('finish', () => socket.end())
    socket.once('close', () => response.emit('close'))
    socket.on('error', () => undefined)
    begin(request, response, async (call) => mode.upgrade?.(call, socket, head))
  }

  const options = { keepAliveTimeout: 0, headersTimeout: 60_000, requestTimeout: 0, ServerResponse: TimedResponse }
  const shouldUpgradeCallback = (request: IncomingMessage): boolean => mode.upgrade !== undefined && request.headers.upgrade !== undefined
  const http = createServer({ ...options, shouldUpgradeCallback }, onRequest)
  http.on('upgrade', onUpgrade)
  if (tunnels !== undefined) http.on('connect', (request, socket, head) => tunnels.take(request, socket, head))
  const isHttp2 = (protocol === 'http2' || protocol === 'grpc') && connect !== undefined
  const server = isHttp2 ? frontDoor(http, (connection) => passOn(connect, connection)) : http
  const serving: Serving = { server, inFlight, draining: false }
  return serving
}
