import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { logLine } from '@weft/runtime-nodejs/report'
import { listen } from '../outbound/listen.ts'
import { findProgram, splitCommand } from '../program/command.ts'
import { peekBody } from '../program/body.ts'
import { LongLived } from '../program/long-lived.ts'
import type { Call } from '../server/call.ts'
import { sendError } from '../server/reply.ts'
import { logAccess } from './access-log.ts'
import type { Mode, ModeParts } from './mode.ts'
import { timeoutError } from './timeout.ts'
import { addressText, endToEnd, Upstream } from './upstream.ts'

type Environment = Readonly<Record<string, string>>

const MIB = 1_048_576
const BUFFERED_BYTES = 256 * MIB

/** Port 0 asks for a free one, which the program is told in `PORT`. */
async function ownPort(upstreamUrl: string, env: Environment): Promise<{ readonly url: URL; readonly env: Environment }> {
  const url = new URL(upstreamUrl)
  if (url.port !== '0') return { url, env }
  const server = await listen({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy())
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  url.port = String(port)
  return { url, env: { ...env, PORT: url.port } }
}

/** A program that is an HTTP server itself, started once: of-watchdog's `http`. */
export class HttpMode implements Mode {
  readonly #parts: ModeParts
  readonly #upstream: Upstream
  readonly #program: LongLived

  private constructor(parts: ModeParts, upstream: Upstream, program: LongLived) {
    this.#parts = parts
    this.#upstream = upstream
    this.#program = program
  }

  /** Starts the program and waits until something listens at its address. @throws Error when it ends before, or there is no such program */
  static async start(parts: ModeParts): Promise<HttpMode> {
    const { settings, config, logs } = parts
    if (settings.upstreamUrl === undefined) {
      throw new Error('mode=http needs upstream_url, the address at which the program listens, for example http://127.0.0.1:5000')
    }
    const { url, env } = await ownPort(settings.upstreamUrl, parts.env)
    const { program, args } = splitCommand(config.command ?? '')
    const upstream = new Upstream(url)
    if (await upstream.listens()) {
      const help =
        'without a sandbox the replicas share the ports of this machine; with upstream_url=http://127.0.0.1:0 each gets one of its own in the variable PORT'
      throw new Error(`something listens at ${addressText(url)} already: ${help}`)
    }
    const running = new LongLived(findProgram(program, env['PATH'] ?? ''), args, env, logs)
    await upstream.awaitListening(running.ended)
    void running.ended.then((how) => (running.stopping ? undefined : parts.fallen(`the program ended by itself: ${how}`)))
    return new HttpMode(parts, upstream, running)
  }

  async serve(call: Call): Promise<void> {
    const body = this.#parts.settings.bufferBody ? await peekBody(call.request, this.#bufferLimit()) : undefined
    if (call.over) return
    if (body !== undefined && 'beginning' in body) {
      const message = `with http_buffer_req_body a body has at most ${this.#bufferLimit()} bytes`
      return sendError(call.response, { status: 413, code: 'BODY_TOO_LARGE', message, headers: { Connection: 'close' } })
    }
    const answer = await this.#upstream.ask(call, body?.whole).catch((error: unknown) => this.#failed(call, error))
    if (answer !== undefined) await this.#relay(call, answer)
  }

  async upgrade(call: Call, socket: Duplex, head: Buffer): Promise<void> {
    const outcome = await this.#upstream.upgrade(call, socket, head).catch((error: unknown) => this.#failed(call, error))
    if (outcome !== undefined && outcome !== 'upgraded') await this.#relay(call, outcome)
  }

  connect(): Promise<Socket> {
    return this.#upstream.connect()
  }

  timedOut(call: Call, limitMs: number): void {
    sendError(call.response, timeoutError(limitMs))
  }

  async stop(): Promise<void> {
    await this.#program.stop()
  }

  #bufferLimit(): number {
    const { memoryLimitBytes } = this.#parts.config
    return memoryLimitBytes === undefined ? BUFFERED_BYTES : Math.max(MIB, Math.floor(memoryLimitBytes / 4))
  }

  #failed(call: Call, error: unknown): undefined {
    if (call.over) return undefined
    const reason = error instanceof Error ? error.message : String(error)
    logLine(`${call.request.method} ${call.request.url}: the upstream failed: ${reason}`)
    sendError(call.response, { status: 500, code: 'UPSTREAM_FAILED', message: `the program did not answer: ${reason}` })
    return undefined
  }

  async #relay(call: Call, answer: IncomingMessage): Promise<void> {
    const { response } = call
    if (response.destroyed) return void answer.destroy()
    let bytes = 0
    answer.on('data', (chunk: Buffer) => (bytes += chunk.length))
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', endToEnd(answer.rawHeaders))
    response.flushHeaders()
    answer.pipe(response)
    await new Promise<void>((done) => {
      answer.once('close', () => {
        if (!answer.complete && !response.destroyed) {
          if (!call.over) logLine(`${call.request.method} ${call.request.url}: the program broke its answer off`)
          response.destroy()
        }
        done()
      })
    })
    if (answer.complete) logAccess(call, { status: response.statusCode, bytes }, this.#parts.settings)
  }
}
