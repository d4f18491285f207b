/* oxlint-disable no-underscore-dangle -- Node.js has the text of a head nowhere else */
import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import { calls } from '../server/call.ts'
import { headersToAdd } from './trace-headers.ts'

/** Trace headers for a request that is being made now; none outside of a call. */
function additions(has: (name: string) => boolean): [string, string][] {
  const call = calls.getStore()
  return call === undefined ? [] : headersToAdd(call.request.headers, has, call.span)
}

/** `_header` is there when the request was made with an array of headers: its text is complete then and can only be edited. */
function addToText(request: ClientRequest & { _header: string }): void {
  const text = request._header.toLowerCase()
  const lines = additions((name) => text.includes(`\r\n${name}:`)).map(([name, value]) => `${name}: ${value}\r\n`)
  if (lines.length > 0) request._header = `${request._header.slice(0, -2)}${lines.join('')}\r\n`
}

function onClientRequest(message: unknown): void {
  const { request } = message as { request: ClientRequest & { _header: string | null } }
  if (typeof request._header === 'string') return addToText(request as ClientRequest & { _header: string })
  for (const [name, value] of additions((header) => request.hasHeader(header))) request.setHeader(name, value)
}

/** Request of undici as its channel shows it: `headers` is text in versions 5 and a flat list of names and values since. */
interface UndiciRequest {
  readonly method?: string
  readonly headers: string | readonly (string | Buffer | readonly string[])[]
  addHeader(name: string, value: string): unknown
}

function undiciHas(request: UndiciRequest, name: string): boolean {
  if (typeof request.headers === 'string') return `\r\n${request.headers.toLowerCase()}`.includes(`\r\n${name}:`)
  for (let index = 0; index < request.headers.length; index += 2) if (String(request.headers[index]).toLowerCase() === name) return true
  return false
}

function onUndiciRequest(message: unknown): void {
  const { request } = message as { request: UndiciRequest }
  if (request.method === 'CONNECT') return
  for (const [name, value] of additions((header) => undiciHas(request, header))) request.addHeader(name, value)
}

/**
 * Carries trace headers from the incoming call to every HTTP request made on its behalf: `node:http` and `https` (and what builds on them) and undici
 * in the built-in `fetch` as well as in any npm copy, all of which announce their requests on these channels, in the context of the caller.
 */
export function installTracePropagation(): void {
  subscribe('http.client.request.created', onClientRequest)
  subscribe('undici:request:create', onUndiciRequest)
}
