import type { ServerResponse } from 'node:http'
import { type FlatHeaders, WeftResponse } from '../server/messages.ts'
import { withCharset } from './content-type.ts'

const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

function end(response: ServerResponse, body: string | Uint8Array, fallbackType: string | undefined): void {
  const status = response.statusCode
  if (status === 204 || status === 304) {
    for (const name of ['Content-Type', 'Content-Length', 'Transfer-Encoding']) response.removeHeader(name)
    response.end()
    return
  }
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (response instanceof WeftResponse && response.getHeaderNames().length === 0) {
    const head: FlatHeaders = fallbackType === undefined ? [] : ['Content-Type', fallbackType]
    head.push('Content-Length', length)
    response.writeFlatHead(head)
    response.end(response.req.method === 'HEAD' ? undefined : body)
    return
  }
  if (fallbackType !== undefined && !response.hasHeader('Content-Type')) response.setHeader('Content-Type', fallbackType)
  response.setHeader('Content-Length', length)
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** Sends a value as JSON, `application/json` unless another type is set. A value that JSON has no word for is an empty body. */
export function sendJson(response: ServerResponse, value: unknown): void {
  end(response, JSON.stringify(value) ?? '', JSON_TYPE)
}

/**
 * Sends a value as Express' `res.send` does: text is `text/html`, bytes `application/octet-stream`, `undefined` and `null` an empty body,
 * everything else JSON. There is no ETag.
 */
export function sendValue(response: ServerResponse, value: unknown): void {
  if (typeof value === 'string') {
    const type = response.getHeader('Content-Type')
    if (typeof type === 'string') response.setHeader('Content-Type', type.includes('charset=') ? type : `${type}; charset=utf-8`)
    return end(response, value, HTML)
  }
  if (value === undefined || value === null) return end(response, '', undefined)
  if (ArrayBuffer.isView(value)) return end(response, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), 'application/octet-stream')
  if (value instanceof ArrayBuffer) return end(response, new Uint8Array(value), 'application/octet-stream')
  sendJson(response, value)
}

/** Sets headers as Express' `res.set` does: values become text, types of text get a charset. */
export function setHeaders(response: ServerResponse, headers: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(headers)) setHeader(response, name, value)
}

/** One header, as {@link setHeaders}. */
export function setHeader(response: ServerResponse, name: string, value: unknown): void {
  if (Array.isArray(value)) response.setHeader(name, value.map(String))
  else response.setHeader(name, name.toLowerCase() === 'content-type' ? withCharset(String(value)) : String(value))
}
