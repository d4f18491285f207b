import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from '../server/call.ts'

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const POLL_MS = 10
const POLL_LIMIT_MS = 200

/** The headers that go on to the next hop, as a flat list, order and case kept. Those that `Connection` names are left out (RFC 9110 §7.6.1). */
export function endToEnd(rawHeaders: readonly string[]): string[] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, index) => [rawHeaders[2 * index] ?? '', rawHeaders[2 * index + 1] ?? ''] as const)
  const named = pairs.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.toLowerCase().split(/\s*,\s*/))
  return pairs.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.includes(name.toLowerCase())).flat()
}

const isChunked = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] !== undefined
const hasBody = (request: IncomingMessage): boolean => isChunked(request) || (request.headers['content-length'] ?? '0') !== '0'

/** An address as its author wrote it, without a path (URLs of `tcp:` have no origin). */
export const addressText = (url: URL): string => `${url.protocol}//${url.host}`

/** The program's own HTTP server. */
export class Upstream {
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: URL) {
    this.#url = url
  }

  /** Whether something accepts connections there. */
  listens(): Promise<boolean> {
    const { hostname, port } = this.#target()
    return new Promise((done) => {
      const socket = connect({ host: hostname, port })
      socket.once('connect', () => done(true)).once('error', () => done(false))
      socket.once('connect', () => socket.destroy())
    })
  }

  /** A raw connection to the program. @throws Error of the socket */
  connect(): Promise<Socket> {
    const { hostname, port } = this.#target()
    return new Promise((done, failed) => {
      const socket = connect({ host: hostname, port, noDelay: true, allowHalfOpen: true })
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.off('error', failed)
        done(socket)
      })
    })
  }

  /** Waits until something listens. @throws Error when the program ended before */
  async awaitListening(ended: Promise<string>): Promise<void> {
    let over: string | undefined
    void ended.then((how) => (over = how))
    for (let wait = POLL_MS; !(await this.listens()); wait = Math.min(wait * 1.5, POLL_LIMIT_MS)) {
      if (over !== undefined) throw new Error(`the program ended before it listened at ${addressText(this.#url)}: ${over}`)
      await Promise.race([ended, delay(wait)])
    }
  }

  /**
   * Sends a call on. Bodies go on a fresh connection: on a kept one that the program just closed they would be lost. Safe methods without a
   * body keep connections and are sent again when the kept one turns out to be closed.
   */
  async ask(call: Call, whole: Buffer | undefined): Promise<IncomingMessage> {
    const kept = SAFE.has(call.request.method ?? '') && !hasBody(call.request)
    try {
      return await this.#send(call, { whole, kept })
    } catch (error) {
      if (!kept || call.over || !(error instanceof StaleConnection)) throw error
      return this.#send(call, { whole, kept: false })
    }
  }

  /** Sends an upgrade request on, and joins the two connections when the program accepts. @returns its answer when it does not */
  upgrade(call: Call, socket: Duplex, head: Buffer): Promise<IncomingMessage | 'upgraded'> {
    const { request } = call
    const headers = [...endToEnd(request.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '']
    const outgoing = httpRequest({ ...this.#target(), method: request.method, path: request.url, headers, agent: false, setHost: false, signal: call.signal })
    return new Promise((done, failed) => {
      outgoing.once('error', failed).once('response', done)
      outgoing.once('upgrade', (answer, upstream, first) => {
        join(socket, upstream, { answer, head, first })
        done('upgraded')
      })
      outgoing.end()
    })
  }

  #target(): { readonly hostname: string; readonly port: number } {
    return { hostname: this.#url.hostname.replaceAll(/^\[|\]$/g, ''), port: Number(this.#url.port === '' ? 80 : this.#url.port) }
  }

  #send(call: Call, how: { readonly whole: Buffer | undefined; readonly kept: boolean }): Promise<IncomingMessage> {
    const { request } = call
    const length = how.whole !== undefined && isChunked(request) ? ['Content-Length', String(how.whole.length)] : []
    const chunked = how.whole === undefined && isChunked(request) ? ['Transfer-Encoding', 'chunked'] : []
    const headers = [...endToEnd(request.rawHeaders), ...length, ...chunked]
    const path = `${this.#url.pathname.replace(/\/$/, '')}${request.url ?? '/'}`
    const agent = how.kept ? this.#agent : false
    const outgoing = httpRequest({ ...this.#target(), method: request.method, path, headers, agent, setHost: false, signal: call.signal })
    return new Promise((done, failed) => {
      outgoing.once('response', done)
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        request.unpipe(outgoing)
        request.resume()
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        failed(stale ? new StaleConnection(error.message) : error)
      })
      if (how.whole !== undefined || !hasBody(request)) outgoing.end(how.whole)
      else {
        outgoing.flushHeaders() // the program may answer before the body begins
        request.pipe(outgoing)
      }
    })
  }
}

/** A kept connection that the program had closed. */
class StaleConnection extends Error {
  override readonly name = 'StaleConnection'
}

function join(near: Duplex, far: Duplex, begun: { readonly answer: IncomingMessage; readonly head: Buffer; readonly first: Buffer }): void {
  const { answer, head, first } = begun
  const { rawHeaders } = answer
  const lines = Array.from({ length: rawHeaders.length / 2 }, (_, index) => `${rawHeaders[2 * index]}: ${rawHeaders[2 * index + 1]}\r\n`)
  near.write(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines.join('')}\r\n`)
  if (first.length > 0) near.write(first)
  if (head.length > 0) far.write(head)
  far.on('error', () => near.destroy())
  far.on('close', () => near.destroy())
  near.on('close', () => far.destroy())
  near.pipe(far)
  far.pipe(near)
}
