import { logLine } from '@weft/runtime-nodejs/report'
import { cgiVariables, marshalRequest } from '../program/cgi.ts'
import { findProgram, splitCommand } from '../program/command.ts'
import { peekBody } from '../program/body.ts'
import { FILE_BYTES, Forked, type Exit, type Stdin } from '../program/fork.ts'
import type { Call } from '../server/call.ts'
import { sendError, sendWhole } from '../server/reply.ts'
import { logAccess } from './access-log.ts'
import type { Mode, ModeParts } from './mode.ts'
import { timeoutError } from './timeout.ts'

const MIB = 1_048_576
const OUTPUT_BYTES = 256 * MIB

/** How much of one answer is held in memory. */
const outputLimit = (memoryBytes: number | undefined): number => (memoryBytes === undefined ? OUTPUT_BYTES : Math.max(MIB, Math.floor(memoryBytes / 4)))

/** What a process said until its end. */
interface Result {
  readonly exit: Exit
  readonly output: Buffer
  readonly tooLong: boolean
}

/** Go's words for how a process ended. */
const exitText = ({ code, signal }: Exit): string => (signal === null ? `exit status ${code}` : `signal: ${signal === 'SIGKILL' ? 'killed' : signal}`)

async function collect(forked: Forked, limitBytes: number): Promise<Result> {
  const chunks: Buffer[] = []
  let [size, tooLong] = [0, false]
  forked.output.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limitBytes) return void chunks.push(chunk)
    tooLong = true
    forked.kill()
  })
  const ended = new Promise<void>((done) => forked.output.once('close', done))
  const exit = await forked.exited.catch((error: unknown) => {
    forked.output.destroy()
    throw error
  })
  await ended
  return { exit, output: Buffer.concat(chunks), tooLong }
}

/** One process a call, whose output is the answer when it has ended: the classic watchdog, and of-watchdog's `serializing`. */
export class CollectedMode implements Mode {
  readonly #parts: ModeParts
  readonly #file: string
  readonly #args: readonly string[]
  readonly #classic: boolean
  readonly #limitBytes: number

  /** @throws Error when there is no such program */
  constructor(parts: ModeParts, kind: 'classic' | 'serializing') {
    this.#parts = parts
    const { program, args } = splitCommand(parts.config.command ?? '')
    this.#file = findProgram(program, parts.env['PATH'] ?? '')
    this.#args = args
    this.#classic = kind === 'classic'
    this.#limitBytes = outputLimit(parts.config.memoryLimitBytes)
  }

  async serve(call: Call): Promise<void> {
    const { settings, config, env, fifos, logs } = this.#parts
    if (this.#classic) process.stderr.write('Forking fprocess.\n')
    const stdin = await this.#stdin(call)
    if (call.over || stdin === undefined) return
    const variables = settings.cgiHeaders || !this.#classic ? cgiVariables(call.request) : {}
    const stderr = this.#classic && settings.combineOutput ? 'output' : 'log'
    const forked = new Forked({ file: this.#file, args: this.#args, env: { ...env, ...variables }, stdin, stderr }, fifos, logs)
    call.signal.addEventListener('abort', () => forked.kill(), { once: true })
    const result = await collect(forked, this.#limitBytes)
    if (call.over) return
    if (result.tooLong) return this.#tooLong(call)
    this.#answer(call, result, config.command ?? '')
  }

  timedOut(call: Call, limitMs: number): void {
    const { settings } = this.#parts
    if (!this.#classic || limitMs !== settings.execTimeoutMs) return sendError(call.response, timeoutError(limitMs))
    process.stderr.write(`Killing process: ${this.#parts.config.command}\n`)
    sendWhole(call.response, 408, 'text/plain; charset=utf-8', Buffer.from('Killed process.\n'))
  }

  async stop(): Promise<void> {
    // every process has ended with its call
  }

  /** @returns undefined when the call is answered already */
  async #stdin(call: Call): Promise<Stdin | undefined> {
    const whole = this.#classic && this.#parts.settings.marshalRequest
    const peeked = await peekBody(call.request, whole ? this.#limitBytes : FILE_BYTES)
    if ('whole' in peeked) return whole ? { whole: marshalRequest(call.request, peeked.whole) } : peeked
    if (!whole) return { beginning: peeked.beginning, rest: call.request }
    const message = `with marshal_request a body has at most ${this.#limitBytes} bytes`
    sendError(call.response, { status: 413, code: 'BODY_TOO_LARGE', message, headers: { Connection: 'close' } })
    return undefined
  }

  #tooLong(call: Call): void {
    const message = `the program wrote more than ${this.#limitBytes} bytes`
    logLine(`${call.request.method} ${call.request.url}: ${message}: it was killed`)
    sendError(call.response, { status: 500, code: 'FUNCTION_FAILED', message, help: 'use mode=streaming for long answers' })
  }

  #answer(call: Call, { exit, output }: Result, command: string): void {
    const { settings } = this.#parts
    const failed = exit.code !== 0
    if (failed) logLine(`${call.request.method} ${call.request.url}: ${command} ended with ${exitText(exit)}`)
    if (failed && !this.#classic) {
      sendError(call.response, { status: 500, code: 'FUNCTION_FAILED', message: `the program ended with ${exitText(exit)}` })
    } else {
      const body = failed ? Buffer.concat([Buffer.from(`${exitText(exit)}\n`), output]) : output
      sendWhole(call.response, failed ? 500 : 200, this.#contentType(call), body)
    }
    if (!this.#classic) return logAccess(call, { status: call.response.statusCode, bytes: output.length }, settings)
    if (settings.writeDebug) process.stdout.write(output)
    process.stderr.write(`${settings.writeDebug ? '' : `Wrote ${output.length} Bytes - `}Duration: ${call.seconds.toFixed(6)}s\n`)
  }

  #contentType(call: Call): string | undefined {
    const own = this.#parts.settings.contentType
    return this.#classic ? (own ?? call.request.headers['content-type']) : (own ?? 'application/octet-stream')
  }
}
