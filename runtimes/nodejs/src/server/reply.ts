import type { ServerResponse } from 'node:http'

/** What the runtime itself can answer instead of the handler. `docs/guide/contracts.md` lists them. */
type RuntimeErrorCode =
  | 'BAD_REQUEST'
  | 'BODY_TOO_LARGE'
  | 'CONCURRENCY_LIMIT'
  | 'DRAINING'
  | 'FUNCTION_FAILED'
  | 'FUNCTION_TIMEOUT'
  | 'METHOD_NOT_ALLOWED'
  | 'UNSUPPORTED_MEDIA_TYPE'

/** An answer of the runtime: status, code of the error, a sentence with the cause and one with the remedy. */
export interface RuntimeError {
  readonly status: number
  readonly code: RuntimeErrorCode
  readonly message: string
  readonly help?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A {@link RuntimeError} on its way up from reading or parsing a request. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly reply: RuntimeError

  constructor(reply: RuntimeError) {
    super(reply.message)
    this.reply = reply
  }
}

/**
 * Answers instead of the handler, with `X-OpenFaaS-Internal` as the watchdogs do, so that a queue worker knows that the function did not say it.
 * When the handler began to answer already, the response is cut: a reader must not take a part for the whole.
 */
export function sendError(response: ServerResponse, error: RuntimeError): void {
  if (response.headersSent || response.writableEnded) {
    if (!response.writableFinished) response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const body = JSON.stringify({ error: { code: error.code, message: error.message, ...(error.help === undefined ? {} : { help: error.help }) } })
  response.writeHead(error.status, {
    ...error.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-OpenFaaS-Internal': 'weft-runtime',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
