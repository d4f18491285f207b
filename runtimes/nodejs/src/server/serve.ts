import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RuntimeConfig } from '../boot/config.ts'
import { describeError, logLine } from '../boot/report.ts'
import type { Contract } from '../contracts/contract.ts'
import { createServer, type IncomingMessage, ServerResponse } from '../http/node-http.ts'
import { Call, calls } from './call.ts'
import { Deadlines } from './deadlines.ts'
import { callTimeoutMs } from './duration.ts'
import { frontDoor } from './front-door.ts'
import { answerProbe } from './probes.ts'
import { CallError, sendError } from './reply.ts'
import { beginSpan, endSpan, refusedSpan } from '../trace/spans.ts'

/** The server and what is under way in it. */
export interface Serving {
  readonly server: Server
  /** Calls whose response is not closed. */
  readonly inFlight: Set<Call>
  /** True from the moment a drain begins. */
  draining: boolean
}

const NOTHING = (): void => undefined
const TOO_MANY = {
  status: 429,
  code: 'CONCURRENCY_LIMIT',
  message: 'this replica takes no more calls at a time',
  help: 'try again, or raise the concurrency or the number of replicas of the function',
  headers: { 'Retry-After': '1' },
} as const

/** What a handler throws when its `signal` told it to stop: nobody is left to be answered, and it did as it was told. */
const isAbort = (error: unknown): boolean => error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')

function failCall(contract: Contract, call: Call, error: unknown): void {
  if (error instanceof CallError) return sendError(call.response, error.reply)
  if (call.ended || call.response.destroyed) return isAbort(error) ? undefined : logLine(`an ended call failed: ${describeError(error)}`)
  try {
    contract.failed(call, error)
  } catch (second) {
    logLine(`the error of a call could not be answered: ${describeError(second)}`)
    call.response.destroy()
  }
}

/** Fails the call that `error` belongs to. @returns false when it belongs to none */
export function failCurrentCall(contract: Contract, error: unknown): boolean {
  const call = calls.getStore()
  if (call === undefined) return false
  failCall(contract, call, error)
  return true
}

/** Makes the server of one contract. Hot path: one object, one timer and one context switch a call. */
export function createServing(contract: Contract, config: RuntimeConfig): Serving {
  const inFlight = new Set<Call>()

  const begin = (request: IncomingMessage, response: ServerResponse): Call => {
    const call = new Call(request, response)
    inFlight.add(call)
    call.span = beginSpan(request)
    response.on('close', () => {
      inFlight.delete(call)
      call.end()
      if (call.span !== undefined) endSpan(call, call.span)
    })
    return call
  }

  const deadlines = new Deadlines(inFlight, (call) => {
    const verb = call.response.headersSent ? 'its response was cut' : 'answered instead of it'
    logLine(`${call.request.method} ${call.request.url} took longer than ${call.limitMs} ms: ${verb}`)
    sendError(call.response, contract.timedOut(call, call.limitMs))
  })

  const run = (call: Call, serve: () => unknown): void => {
    let result: unknown
    try {
      result = calls.run(call, serve)
    } catch (error) {
      return failCall(contract, call, error)
    }
    if (result instanceof Promise) result.then(NOTHING, (error: unknown) => failCall(contract, call, error))
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url?.startsWith('/_/') && answerProbe(request, response, { draining: serving.draining, busy: busy(), readinessPath: config.readinessPath }))
      return
    if (contract.intercept?.(request, response) === true) return
    if (busy()) {
      refusedSpan(request)
      return sendError(response, TOO_MANY)
    }
    const call = begin(request, response)
    deadlines.watch(call, callTimeoutMs(config.timeoutMs, request.headers['x-timeout']))
    run(call, () => contract.serve(call))
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const response = upgradeResponse(request, socket)
    if (busy()) return sendError(response, TOO_MANY)
    const call = begin(request, response)
    socket.once('close', () => response.emit('close'))
    socket.on('error', NOTHING)
    run(call, () => contract.upgrade?.(call, socket, head))
  }

  const busy = (): boolean => config.concurrency > 0 && inFlight.size >= config.concurrency
  const http = createServer(
    {
      IncomingMessage: contract.Request,
      ServerResponse: contract.Response,
      keepAliveTimeout: 0,
      headersTimeout: 60_000,
      // the call's own time-out bounds slow bodies; a long upload is no attack by itself
      requestTimeout: 0,
      insecureHTTPParser: false,
      shouldUpgradeCallback: (request: IncomingMessage) => contract.upgrade !== undefined && request.headers.upgrade !== undefined,
    },
    onRequest,
  )
  http.on('upgrade', onUpgrade)
  const { connection } = contract
  const server = connection === undefined ? http : frontDoor(http, connection)
  const serving: Serving = { server, inFlight, draining: false }
  return serving
}

/** A response for an upgrade request that is answered like a plain one. The connection closes after it, as nothing parses it any more. */
function upgradeResponse(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
  response.once('finish', () => socket.end())
  return response
}
