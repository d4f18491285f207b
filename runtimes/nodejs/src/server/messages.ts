/* oxlint-disable no-underscore-dangle -- `_destroy` is the name that Node.js calls */
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { IncomingMessage, ServerResponse } from '../http/node-http.ts'

const TOO_LARGE = Symbol('too large')

/** What became of collecting a body: its bytes, or that it is longer than allowed. */
export type Collected = Buffer | typeof TOO_LARGE

/** Whether a body was longer than the limit. */
export const isTooLarge = (collected: Collected): collected is typeof TOO_LARGE => collected === TOO_LARGE

interface Collector {
  readonly limit: number
  readonly chunks: Buffer[]
  bytes: number
  readonly done: (collected: Collected) => void
  readonly failed: (error: Error) => void
}

/**
 * A request whose body can be collected *and* still be read as a stream afterwards: chunks are taken where the parser pushes them, and pushed on
 * when the body is complete or longer than the limit. So `req.body` and `req.pipe()` both work, and a body too long to be parsed still streams.
 */
export class WeftRequest extends IncomingMessage {
  #collector: Collector | undefined

  /** Whether the request announces a body at all. */
  get hasBody(): boolean {
    return this.headers['transfer-encoding'] !== undefined || Number(this.headers['content-length'] ?? 0) > 0
  }

  /** Collects the body up to `limit` bytes. Call it before anything reads the stream. Rejects when the client goes away. */
  collect(limit: number): Promise<Collected> {
    return new Promise((done, failed) => {
      this.#collector = { limit, chunks: [], bytes: 0, done, failed }
    })
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const collector = this.#collector
    if (collector === undefined) return super.push(chunk, encoding)
    if (chunk === null) {
      this.#collector = undefined
      const body = collector.chunks.length === 1 && collector.chunks[0] !== undefined ? collector.chunks[0] : Buffer.concat(collector.chunks, collector.bytes)
      if (collector.bytes > 0) super.push(body)
      const more = super.push(null)
      collector.done(body)
      return more
    }
    collector.chunks.push(chunk)
    collector.bytes += chunk.length
    if (collector.bytes <= collector.limit) return true
    this.#collector = undefined
    let more = true
    for (const part of collector.chunks) more = super.push(part)
    collector.done(TOO_LARGE)
    return more
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const collector = this.#collector
    this.#collector = undefined
    collector?.failed(error ?? new Error('the client went away'))
    super._destroy(error, callback)
  }
}

/** Headers as a flat list of names and values, the fastest form for Node.js. */
export type FlatHeaders = (string | number | string[])[]

/** A response that says how long the call took, in `X-Duration-Seconds` as of-watchdog writes it. */
export class WeftResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  readonly #startedAt = performance.now()
  /** Whether `writeHead` got the duration in its list already. */
  #timed = false

  get #duration(): string {
    return ((performance.now() - this.#startedAt) / 1000).toFixed(6)
  }

  /** Writes the head from a flat list alone. Only for a response on which no header was set one by one. */
  writeFlatHead(headers: FlatHeaders): void {
    headers.push('X-Duration-Seconds', this.#duration)
    this.#timed = true
    super.writeHead(this.statusCode, headers as OutgoingHttpHeader[])
  }

  override writeHead(status: number, reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[], headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this {
    if (!this.#timed && !this.headersSent) this.setHeader('X-Duration-Seconds', this.#duration)
    return typeof reason === 'string' ? super.writeHead(status, reason, headers) : super.writeHead(status, reason)
  }
}
