import type { ServerResponse } from 'node:http'

/** What the runtime itself answers instead of the program. */
export interface RuntimeError {
  readonly status: number
  readonly code: 'CONCURRENCY_LIMIT' | 'FUNCTION_FAILED' | 'FUNCTION_TIMEOUT' | 'UPSTREAM_FAILED' | 'BODY_TIMEOUT' | 'BODY_TOO_LARGE'
  readonly message: string
  readonly help?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Answers instead of the program, marked as of-watchdog does (`X-OpenFaaS-Internal`), so that a queue worker knows that the function did not
 * say it. An answer that has begun is cut: a reader must not take a part for the whole.
 */
export function sendError(response: ServerResponse, error: RuntimeError): void {
  if (response.headersSent || response.writableEnded) {
    if (!response.writableFinished) response.destroy()
    return
  }
  const { code, message, help } = error
  const body = JSON.stringify({ error: { code, message, ...(help === undefined ? {} : { help }) } })
  response.writeHead(error.status, {
    ...error.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-OpenFaaS-Internal': 'of-watchdog',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** Answers with a body that is known as a whole. */
export function sendWhole(response: ServerResponse, status: number, contentType: string | undefined, body: Buffer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...(contentType === undefined ? {} : { 'Content-Type': contentType }), 'Content-Length': body.length })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
