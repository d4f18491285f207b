import { logLine } from '@weft/runtime-nodejs/report'
import { cgiVariables } from '../program/cgi.ts'
import { findProgram, splitCommand } from '../program/command.ts'
import { peekBody } from '../program/body.ts'
import { FILE_BYTES, Forked, type Exit } from '../program/fork.ts'
import type { Call } from '../server/call.ts'
import { sendError } from '../server/reply.ts'
import { logAccess } from './access-log.ts'
import type { Mode, ModeParts } from './mode.ts'
import { timeoutError } from './timeout.ts'

/** A body that comes within this time is handed over as a whole; a slower one as it comes. */
const PATIENCE_MS = 20

/** One process a call, whose output is the answer as it comes, with backpressure both ways: of-watchdog's `streaming`. */
export class StreamingMode implements Mode {
  readonly #parts: ModeParts
  readonly #file: string
  readonly #args: readonly string[]

  /** @throws Error when there is no such program */
  constructor(parts: ModeParts) {
    this.#parts = parts
    const { program, args } = splitCommand(parts.config.command ?? '')
    this.#file = findProgram(program, parts.env['PATH'] ?? '')
    this.#args = args
  }

  async serve(call: Call): Promise<void> {
    const { env, fifos, logs, settings } = this.#parts
    const peeked = await peekBody(call.request, FILE_BYTES, PATIENCE_MS)
    if (call.over) return
    const stdin = 'whole' in peeked ? peeked : { beginning: peeked.beginning, rest: call.request }
    const plan = { file: this.#file, args: this.#args, env: { ...env, ...cgiVariables(call.request) }, stdin, stderr: 'log' } as const
    const forked = new Forked(plan, fifos, logs)
    call.signal.addEventListener('abort', () => forked.kill(), { once: true })
    const bytes = this.#relay(call, forked)
    const exit = await forked.exited
    const sent = await bytes
    if (call.over) return
    this.#end(call, exit)
    logAccess(call, { status: call.response.statusCode, bytes: sent }, settings)
  }

  timedOut(call: Call, limitMs: number): void {
    sendError(call.response, timeoutError(limitMs))
  }

  async stop(): Promise<void> {
    // every process has ended with its call
  }

  #relay(call: Call, forked: Forked): Promise<number> {
    const { response, request } = call
    let bytes = 0
    forked.output.on('data', (chunk: Buffer) => {
      if (!response.headersSent) response.writeHead(200, { 'Content-Type': this.#parts.settings.contentType ?? 'application/octet-stream' })
      bytes += chunk.length
      if (request.method === 'HEAD' || response.write(chunk)) return
      forked.output.pause()
      response.once('drain', () => forked.output.resume())
    })
    return new Promise((done) => forked.output.once('close', () => done(bytes)))
  }

  #end(call: Call, exit: Exit): void {
    const { response, request } = call
    const how = exit.signal ?? `exit code ${exit.code}`
    if (exit.code !== 0) logLine(`${request.method} ${request.url}: ${this.#parts.config.command} ended with ${how}`)
    // A program that was killed has not said all; one that ends with a code has, `diff` for example.
    if (exit.signal !== null || (exit.code !== 0 && !response.headersSent)) {
      return sendError(response, { status: 500, code: 'FUNCTION_FAILED', message: `the program ended with ${how}` })
    }
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': this.#parts.settings.contentType ?? 'application/octet-stream' })
    response.end()
  }
}
