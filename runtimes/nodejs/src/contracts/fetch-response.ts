import type { ServerResponse } from 'node:http'

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
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      done()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
}

/** Copies a stream to the response, reading on only when the reader has taken what was written. Cancels it when the caller goes away. */
async function pump(body: ReadableStream<Uint8Array>, response: ServerResponse): Promise<void> {
  const reader = body.getReader()
  const gone = (): void => void reader.cancel('the caller went away').catch(() => undefined)
  response.once('close', gone)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || response.destroyed) break
      if (!response.write(value)) await drained(response)
    }
  } catch (error) {
    response.off('close', gone)
    throw error
  }
  response.off('close', gone)
  if (!response.destroyed) response.end()
}

/** Writes what a fetch handler returned. @throws TypeError when it is no Response */
export async function writeResponse(response: ServerResponse, returned: unknown): Promise<void> {
  if (!isResponse(returned)) throw new TypeError(`a fetch handler must return a Response, this one returned ${returned === null ? 'null' : typeof returned}`)
  // the call has timed out, or its caller is gone
  if (response.headersSent || response.destroyed) return void returned.body?.cancel().catch(() => undefined)
  const headers: string[] = []
  for (const [name, value] of returned.headers) headers.push(name, value)
  if (returned.statusText === '') response.writeHead(returned.status, headers)
  else response.writeHead(returned.status, returned.statusText, headers)
  if (returned.body === null || response.req.method === 'HEAD') {
    response.end()
    return
  }
  await pump(returned.body, response)
}
