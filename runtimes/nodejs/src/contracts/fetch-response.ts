import type { ServerResponse } from 'node:http'
import { type FlatHeaders, WeftResponse } from '../server/messages.ts'

/** A `Response` of any realm or library (undici, node-fetch): told by its shape. */
interface ResponseLike {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly body: ReadableStream<Uint8Array> | null
}

function isResponse(value: unknown): value is ResponseLike {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value && typeof value.status === 'number'
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      response.off('drain', finish)
      response.off('close', finish)
      done()
    }
    response.on('drain', finish)
    response.on('close', finish)
  })
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

type Read = Awaited<ReturnType<Reader['read']>>

/** What a read gives when it has no reason to wait, as for a chunk that is there already; undefined otherwise. */
async function atOnce(read: Promise<Read>): Promise<Read | undefined> {
  const seen: Read[] = []
  read.then(
    (result) => seen.push(result),
    () => undefined,
  )
  for (let turn = 0; turn < 3 && seen.length === 0; turn += 1) await Promise.resolve()
  return seen[0]
}

/** Copies the rest of a stream to the response, reading on only when the reader has taken what was written. */
async function pump(reader: Reader, response: ServerResponse, first: ReturnType<Reader['read']>): Promise<void> {
  let { done, value } = await first
  while (!done && value !== undefined && !response.destroyed) {
    if (!response.write(value)) await drained(response)
    ;({ done, value } = await reader.read())
  }
  if (!response.destroyed) response.end()
}

/** Sends a body, in one piece with its length when it is one chunk that is there (`new Response('text')`); cancels it when the caller goes away. */
async function sendBody(body: ReadableStream<Uint8Array>, response: ServerResponse, writeHead: (length: number | undefined) => void): Promise<void> {
  const reader = body.getReader()
  const gone = (): void => void reader.cancel('the caller went away').catch(() => undefined)
  response.once('close', gone)
  try {
    const first = reader.read()
    const start = await atOnce(first)
    const next = start === undefined || start.done ? undefined : reader.read()
    const whole = start?.done === true || (next !== undefined && (await atOnce(next))?.done === true)
    if (response.headersSent || response.destroyed) return gone()
    writeHead(whole ? Buffer.byteLength(start?.value ?? '') : undefined)
    if (whole) return void response.end(start?.value)
    // an event stream may wait for its first event: its head must not
    if (start === undefined) response.flushHeaders()
    else if (start.value !== undefined && !response.write(start.value)) await drained(response)
    await pump(reader, response, next ?? first)
  } finally {
    response.off('close', gone)
  }
}

/** Writes what a fetch handler returned. @throws TypeError when it is no Response */
export async function writeResponse(response: ServerResponse, returned: unknown): Promise<void> {
  if (!isResponse(returned)) throw new TypeError(`a fetch handler must return a Response, this one returned ${returned === null ? 'null' : typeof returned}`)
  // the call has timed out, or its caller is gone
  if (response.headersSent || response.destroyed) return void returned.body?.cancel().catch(() => undefined)
  const writeHead = (length: number | undefined): void => {
    const headers: FlatHeaders = []
    let sized = length === undefined
    for (const [name, value] of returned.headers) {
      headers.push(name, value)
      sized ||= name === 'content-length'
    }
    if (!sized && length !== undefined) headers.push('Content-Length', length)
    if (returned.statusText !== '') response.statusMessage = returned.statusText
    response.statusCode = returned.status
    if (response instanceof WeftResponse) response.writeFlatHead(headers)
    else response.writeHead(returned.status, headers as string[])
  }
  if (returned.body !== null && response.req.method !== 'HEAD') return sendBody(returned.body, response, writeHead)
  writeHead(undefined)
  response.end()
}
