import { createServer, ServerResponse, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { answerProbe } from '@weft/runtime-nodejs/probes'
import { describeError, logLine } from '@weft/runtime-nodejs/report'
import type { Limits } from './limits.ts'
import { callTimeoutMs } from './limits.ts'
import type { Mode } from '../modes/mode.ts'
import { CallerGone } from '../program/body.ts'
import { Call } from './call.ts'
import { sendError, type RuntimeError } from './reply.ts'

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
  readonly server: Server<typeof IncomingMessage, typeof TimedResponse>
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

/** Makes the server of one mode. */
export function createServing(mode: Mode, limits: Limits): Serving {
  const inFlight = new Set<Call>()
  const busy = (): boolean => limits.concurrency > 0 && inFlight.size >= limits.concurrency

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
  const server = createServer({ ...options, shouldUpgradeCallback }, onRequest)
  server.on('upgrade', onUpgrade)
  const serving: Serving = { server, inFlight, draining: false }
  return serving
}
