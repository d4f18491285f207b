import { Script } from 'node:vm'
import { describeError, lastWords, logLine } from '../boot/report.ts'
import { parseMediaType } from '../body/media-type.ts'
import { decodeText, parseJson, readBody } from '../body/read-body.ts'
import { ExpressRequest } from '../http/express-request.ts'
import { ExpressResponse } from '../http/express-response.ts'
import type { Call } from '../server/call.ts'
import { type RuntimeError, sendError } from '../server/reply.ts'
import type { Contract, ContractInput } from './contract.ts'
import { KubelessMetrics, kubeletPaths } from './kubelet-paths.ts'

/** First argument of a handler of Kubeless 0.5 and later. */
interface KubelessEvent {
  readonly 'event-type': string | undefined
  readonly 'event-id': string | undefined
  readonly 'event-time': string | undefined
  readonly 'event-namespace': string | undefined
  readonly data: unknown
  readonly extensions: { readonly request: ExpressRequest; readonly response: ExpressResponse }
}

type KubelessHandler = (event: KubelessEvent, context: Readonly<Record<string, unknown>>) => unknown

function requestTimeout(_call: Call, timeoutMs: number): RuntimeError {
  return { status: 408, code: 'FUNCTION_TIMEOUT', message: `the function did not answer within ${timeoutMs} ms`, help: 'raise its timeout (--timeout)' }
}

/** `event.data`: JSON parsed, other text as it is, `{}` without a body, multipart left in the stream. @throws CallError 400, 413 */
async function readData(request: ExpressRequest, limit: number): Promise<unknown> {
  if (!request.hasBody) return {}
  const contentType = request.headers['content-type']
  const { type } = parseMediaType(contentType)
  if (type.startsWith('multipart/')) return {}
  const collected = await readBody(request, limit)
  if (collected.length === 0) return {}
  request.rawBody = collected
  const text = decodeText(collected, contentType)
  request.body = type === 'application/json' ? parseJson(text, false) : text
  return request.body
}

/** Preflight as the package cors answers it by default. */
function preflight(request: ExpressRequest, response: ExpressResponse): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET,HEAD,PUT,PATCH,POST,DELETE')
  response.setHeader('Vary', 'Access-Control-Request-Headers')
  const asked = request.headers['access-control-request-headers']
  if (asked !== undefined) response.setHeader('Access-Control-Allow-Headers', asked)
  response.setHeader('Content-Length', '0')
  response.status(204).end()
}

function answer(response: ExpressResponse, value: unknown): void {
  if (response.headersSent || response.writableEnded) return
  if (typeof value === 'string') response.end(value)
  else if (typeof value === 'object') response.json(value)
  else response.end(value === undefined ? undefined : JSON.stringify(value))
}

const isVmTimeout = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'

/**
 * Runs synchronous code with an end: `vm` stops it from a thread of its own (about 0.1 ms a call), as it is the only way to answer a call whose code
 * never gives the thread back.
 */
function makeBounded(timeoutMs: number): (work: () => unknown) => unknown {
  const key = Symbol.for('weft.kubeless.run')
  const script = new Script('globalThis[Symbol.for("weft.kubeless.run")]()')
  let current: (() => unknown) | undefined
  Object.defineProperty(globalThis, key, { value: () => current?.() })
  return (work) => {
    if (timeoutMs === 0) return work()
    current = work
    return script.runInThisContext({ timeout: timeoutMs })
  }
}

/**
 * The contract of Kubeless' runtimes nodejs10, 12 and 14: `(event, context)`. Facts from kubeless/runtimes (Apache-2.0); what is more here is a 408 for
 * asynchronous code as well, see docs/guide/contracts.md.
 */
export function kubelessContract({ config, handler, env }: ContractInput): Contract {
  const invoke = handler as unknown as KubelessHandler
  const limit = Math.floor(Number(env['REQ_MB_LIMIT'] ?? 1) * 1024 * 1024) || 1024 * 1024
  const metrics = new KubelessMetrics(env['MOD_NAME'] ?? config.functionName)
  const context = Object.freeze({
    'function-name': env['FUNC_HANDLER'] ?? config.export ?? 'handler',
    timeout: config.timeoutMs / 1000,
    runtime: config.runtimeName,
    'memory-limit': env['FUNC_MEMORY_LIMIT'],
  })
  const bounded = makeBounded(config.timeoutMs)

  /** Others of this process are lost with it; the thread cannot be used again with what the endless code left behind. */
  const endless = (call: Call): void => {
    sendError(call.response, requestTimeout(call, config.timeoutMs))
    call.response.once('close', () => process.exit(1))
    lastWords(`CRITICAL: synchronous code of the function did not end within ${config.timeoutMs} ms; the replica ends`)
  }

  const failed = (call: Call, error: unknown): void => {
    metrics.failed(call)
    if (isVmTimeout(error)) return endless(call)
    logLine(`Function failed to execute: ${describeError(error)}`)
    const response = call.response as unknown as ExpressResponse
    if (response.headersSent) response.destroy()
    else response.status(500).send('Internal Server Error')
  }

  const serve = async (call: Call): Promise<void> => {
    const request = call.request as ExpressRequest
    const response = call.response as unknown as ExpressResponse
    response.setHeader('Access-Control-Allow-Origin', '*')
    if (request.method === 'OPTIONS') return preflight(request, response)
    const data = await readData(request, limit)
    metrics.observe(call)
    const event: KubelessEvent = {
      'event-type': request.get('event-type'),
      'event-id': request.get('event-id'),
      'event-time': request.get('event-time'),
      'event-namespace': request.get('event-namespace'),
      data,
      extensions: { request, response },
    }
    answer(response, await bounded(() => invoke(event, { ...context })))
  }

  return {
    Request: ExpressRequest,
    Response: ExpressResponse as unknown as Contract['Response'],
    intercept: kubeletPaths(metrics),
    serve,
    failed,
    timedOut: requestTimeout,
  }
}
