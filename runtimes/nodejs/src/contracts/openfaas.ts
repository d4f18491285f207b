import type { IncomingHttpHeaders } from 'node:http'
import { describeError } from '../boot/report.ts'
import { parseMediaType } from '../body/media-type.ts'
import { parseExtended, parseSimple, type QueryObject } from '../body/query.ts'
import { decodeText, parseJson, readBody } from '../body/read-body.ts'
import { parseSize } from '../body/size.ts'
import { sendValue, setHeaders } from '../http/send.ts'
import type { Call } from '../server/call.ts'
import { WeftRequest, WeftResponse } from '../server/messages.ts'
import type { Contract, ContractInput } from './contract.ts'
import { gatewayTimeout } from './errors.ts'

/** What the templates give a handler as `event`. */
class FunctionEvent {
  body: unknown
  headers: IncomingHttpHeaders
  method: string
  query: QueryObject
  path: string

  constructor(request: WeftRequest, body: unknown, query: QueryObject, path: string) {
    this.body = body
    this.headers = request.headers
    this.method = request.method ?? 'GET'
    this.query = query
    this.path = path
  }
}

type Callback = (error: unknown, result?: unknown) => void

/** What the templates give a handler as `context`. */
class FunctionContext {
  statusCode = 200
  headerValues: Readonly<Record<string, unknown>> = {}
  cbCalled = 0
  cb: Callback

  constructor(cb: Callback) {
    this.cb = cb
  }

  status(code?: number): this | number {
    if (!code) return this.statusCode
    this.statusCode = code
    return this
  }

  headers(values?: Readonly<Record<string, unknown>>): this | Readonly<Record<string, unknown>> {
    if (!values) return this.headerValues
    this.headerValues = values
    return this
  }

  succeed(value?: unknown): void {
    this.cb(undefined, value)
  }

  fail(error?: unknown): void {
    if (this.statusCode === 200) this.statusCode = 500
    this.cb(error ?? '')
  }
}

interface Limits {
  readonly raw: boolean
  readonly rawBytes: number
  readonly jsonBytes: number
}

const DEFAULT_BYTES = 100 * 1024
const isPlain = (value: unknown): boolean => typeof value === 'object' && value !== null && (value.constructor === Array || value.constructor === Object)

/** Among the function's own lines, as the templates print it. */
const logError = (error: unknown): void => void process.stderr.write(`${describeError(error)}\n`)

/** What `toString` says, the templates' word for an error. */
// oxlint-disable-next-line no-base-to-string -- a plain object is "[object Object]" there as well
const textOf = (error: object): string => String(error)

/** Ends the response once, with a result or an error, as the templates' callback does. A second answer is dropped with a log line. */
function answer(call: Call, context: FunctionContext, error: unknown, result: unknown): void {
  const response = call.response
  context.cbCalled += 1
  if (response.headersSent || response.writableEnded) {
    if (error) logError(error)
    return
  }
  if (error) {
    logError(error)
    response.statusCode = context.statusCode
    return sendValue(response, typeof error === 'object' ? textOf(error) : error)
  }
  setHeaders(response, context.headerValues)
  response.statusCode = context.statusCode
  sendValue(response, isPlain(result) ? JSON.stringify(result) : result)
}

/** Body by content type: text, JSON and forms; `empty` for anything else or none. */
async function parseBody(request: WeftRequest, limits: Limits, empty: unknown): Promise<unknown> {
  if (limits.raw) return readBody(request, limits.rawBytes)
  const header = request.headers['content-type']
  const { type } = parseMediaType(header)
  if (type === 'application/json') return parseJson(decodeText(await readBody(request, limits.jsonBytes), header), true)
  if (type.startsWith('text/')) return decodeText(await readBody(request, DEFAULT_BYTES), header)
  if (type === 'application/x-www-form-urlencoded') return parseExtended(decodeText(await readBody(request, DEFAULT_BYTES), header))
  return empty
}

/**
 * The contract of OpenFaaS' templates node18, node20 and node22: `(event, context, callback)`. Facts from those templates (MIT); differences are in
 * docs/guide/contracts.md.
 */
export function openfaasContract({ config, handler, env }: ContractInput): Contract {
  const invokeHandler = handler as unknown as (event: FunctionEvent, context: FunctionContext, callback: Callback) => unknown
  const limits: Limits = {
    raw: env['RAW_BODY'] === 'true',
    rawBytes: parseSize(env['MAX_RAW_SIZE'], DEFAULT_BYTES),
    jsonBytes: parseSize(env['MAX_JSON_SIZE'], DEFAULT_BYTES),
  }
  // node22 came with Express 5: simple queries, and no body where none was parsed
  const modern = Number(/(\d+)/.exec(config.runtimeName)?.[1] ?? 22) >= 22
  const empty = (): unknown => (modern ? undefined : {})
  const parseQuery = modern ? parseSimple : parseExtended
  const waitsForCallback = handler.length >= 3

  const invoke = (call: Call, request: WeftRequest, body: unknown): unknown => {
    const url = request.url ?? '/'
    const cut = url.indexOf('?')
    const query = cut < 0 ? {} : parseQuery(url.slice(cut + 1))
    const context: FunctionContext = new FunctionContext((error, result) => answer(call, context, error, result))
    call.state = context
    const event = new FunctionEvent(request, body, query, cut < 0 ? url : url.slice(0, cut))
    const returned = invokeHandler(event, context, context.cb)
    const isPromise = typeof returned === 'object' && returned !== null && 'then' in returned
    if (isPromise)
      return Promise.resolve(returned).then((value) => {
        if (context.cbCalled === 0) context.succeed(value)
      })
    if (context.cbCalled === 0 && !(waitsForCallback && returned === undefined)) context.succeed(returned)
    return undefined
  }

  return {
    Request: WeftRequest,
    Response: WeftResponse,
    serve: (call) => {
      const request = call.request as WeftRequest
      request.headers['content-type'] ??= 'text/plain'
      if (!request.hasBody) return invoke(call, request, empty())
      return parseBody(request, limits, empty()).then((body) => invoke(call, request, body))
    },
    failed: (call, error) => {
      const context = call.state instanceof FunctionContext ? call.state : new FunctionContext(() => undefined)
      answer(call, context, error ?? 'undefined', undefined)
      if (!call.response.writableEnded) call.response.destroy()
    },
    timedOut: gatewayTimeout,
  }
}
