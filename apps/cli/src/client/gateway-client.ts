import { request, type IncomingMessage } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { WeftError } from '@weft/core'

/** Where a gateway is and how to be known to it. */
export interface GatewayTarget {
  /** `http://HOST:PORT`, without a slash at the end. */
  readonly url: string
  /** Unix socket of the control API on the same machine; preferred, since it works when Envoy does not. Not for calling functions. */
  readonly socketPath?: string
  readonly authorization?: string
  /** The certificate of an `https:` gateway is not checked. */
  readonly insecure?: boolean
  /** Where the target was found, for messages: `--gateway`, `WEFT_GATEWAY`, `the local platform`. */
  readonly source: string
}

/** A request of the control API or, with `function: true`, of a function. */
export interface GatewayRequest {
  readonly method: string
  /** Starts with a slash; every part of it is encoded already. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array | NodeJS.ReadableStream
  /** Goes to the data path (`/function/…`): never over the control socket, never with credentials. */
  readonly function?: boolean
  readonly signal?: AbortSignal
}

/** An answer; its body streams. */
export interface GatewayAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: IncomingMessage
}

/** Speaks HTTP with a gateway. */
export class GatewayClient {
  readonly target: GatewayTarget

  constructor(target: GatewayTarget) {
    this.target = target
  }

  /** Sends a request; any status is an answer. @throws WeftError `GATEWAY_UNREACHABLE` */
  send(call: GatewayRequest): Promise<GatewayAnswer> {
    const { url, socketPath, authorization, insecure = false } = this.target
    const overSocket = socketPath !== undefined && call.function !== true
    const headers: Record<string, string | string[]> = {}
    for (const [name, value] of Object.entries(call.headers ?? {})) headers[name] = typeof value === 'string' ? value : [...value]
    if (authorization !== undefined && call.function !== true) headers['authorization'] = authorization
    const body = isPlainBody(call.body) ? JSON.stringify(call.body) : call.body
    if (isPlainBody(call.body)) headers['content-type'] ??= 'application/json'
    // Node.js says no length for the body of a DELETE by itself, and what it sends then is no HTTP.
    if (body !== undefined && !isStream(body)) headers['content-length'] = String(Buffer.byteLength(body))
    const options = { method: call.method, headers, rejectUnauthorized: !insecure, ...(call.signal === undefined ? {} : { signal: call.signal }) }
    const open = url.startsWith('https:') ? tlsRequest : request
    return new Promise((resolve, reject) => {
      const onAnswer = (answer: IncomingMessage) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer })
      const outgoing = overSocket ? request({ ...options, socketPath, path: call.path }, onAnswer) : open(new URL(url + call.path), options, onAnswer)
      outgoing.on('error', (error) => reject(this.#unreachable(error)))
      if (isStream(body)) body.pipe(outgoing)
      else outgoing.end(body)
    })
  }

  /** Sends a request and reads a JSON answer. @throws WeftError `GATEWAY_REFUSED` with the gateway's own words for a status of 400 and above */
  async json<Answer>(call: GatewayRequest): Promise<Answer> {
    const answer = await this.send({ ...call, headers: { accept: 'application/json', ...call.headers } })
    const text = await readText(answer.body)
    if (answer.status >= 400) throw refusal(answer.status, text)
    return (text === '' ? undefined : JSON.parse(text)) as Answer
  }

  #unreachable(error: Error): WeftError {
    const where = `${this.target.url} (${this.target.source})`
    return new WeftError('GATEWAY_UNREACHABLE', { where, reason: error.message || (error as NodeJS.ErrnoException).code || 'no answer' }, { cause: error })
  }
}

/** The error for an answer of 400 and above, in the gateway's own words. */
export function refusal(status: number, text: string): WeftError {
  const { message, help } = parseRefusal(text)
  return new WeftError('GATEWAY_REFUSED', { status, message: message === '' ? `status ${status}` : message, advice: help === '' ? 'see: weft --help' : help })
}

/** The whole body as text. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads our error format, a Kubernetes Status, or plain text. */
function parseRefusal(text: string): { message: string; help: string } {
  try {
    const value = JSON.parse(text) as { error?: { message?: string; help?: string }; message?: string }
    return { message: value.error?.message ?? value.message ?? text, help: value.error?.help ?? '' }
  } catch {
    return { message: text.trim(), help: '' }
  }
}

function isStream(body: GatewayRequest['body']): body is NodeJS.ReadableStream {
  return typeof body === 'object' && 'pipe' in body
}

function isPlainBody(body: GatewayRequest['body']): body is object {
  return typeof body === 'object' && !(body instanceof Uint8Array) && !isStream(body)
}
