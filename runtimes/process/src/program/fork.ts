import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Fifos } from './fifos.ts'
import type { ProgramLogs } from './logs.ts'

/** Bodies up to this size are handed over as a file, longer ones as a pipe: what a pipe holds without a reader (pipe(7)). */
export const FILE_BYTES = 65_536
const REOPEN_MS = 250

/** What a program finds on its standard input. */
export type Stdin = { readonly whole: Buffer } | { readonly beginning: Buffer; readonly rest: IncomingMessage }

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a process is started from. */
export interface ForkPlan {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Stdin
  /** stderr into the output (in the order of writing), or into the log. */
  readonly stderr: 'output' | 'log'
}

let files = 0

function stdinFile(fifos: Fifos, content: Buffer): number {
  const path = fifos.path(`f${(files += 1)}`)
  writeFileSync(path, content, { mode: 0o600 })
  const fd = openSync(path, 'r')
  unlinkSync(path)
  return fd
}

function stdinOf(fifos: Fifos, stdin: Stdin): { readonly child: number; readonly ours?: number } {
  if ('rest' in stdin) {
    const { read, write } = fifos.fromUs()
    return { child: read, ours: write }
  }
  if (stdin.whole.length === 0) return { child: openSync('/dev/null', 'r') }
  try {
    return { child: stdinFile(fifos, stdin.whole) }
  } catch {
    fifos.forget() // the program cleared our directory away
    return { child: stdinFile(fifos, stdin.whole) }
  }
}

/**
 * Pipes the rest of a body. A program that opens `/dev/stdin` anew would wait for ever on a pipe whose writer is gone already, so a short body
 * is not closed at once. What the program does not read is thrown away, so that the connection can go on.
 */
function feed(fd: number, { beginning, rest }: { readonly beginning: Buffer; readonly rest: IncomingMessage }): void {
  const sink = new Socket({ fd, readable: false, writable: true })
  const startedAt = performance.now()
  let size = beginning.length
  sink.on('error', () => undefined)
  sink.once('close', () => {
    rest.unpipe(sink)
    rest.resume()
  })
  sink.write(beginning)
  rest.on('data', (chunk: Buffer) => (size += chunk.length))
  rest.pipe(sink, { end: false })
  rest.once('end', () => {
    const wait = size > FILE_BYTES ? 0 : REOPEN_MS - (performance.now() - startedAt)
    setTimeout(() => sink.end(), Math.max(0, wait))
  })
  rest.once('close', () => (rest.readableEnded ? undefined : sink.destroy()))
}

/** One process of a request, with all that it starts. */
export class Forked {
  readonly #child: ChildProcess
  /** What it writes. Ends when nobody has the pipe any more. */
  readonly output: Socket
  /** Rejects when it could not be started. */
  readonly exited: Promise<Exit>
  #over = false

  /** @throws Error when it could not be started at all */
  constructor(plan: ForkPlan, fifos: Fifos, logs: ProgramLogs) {
    const stdin = stdinOf(fifos, plan.stdin)
    const out = fifos.toUs()
    this.output = new Socket({ fd: out.read, readable: true, writable: false })
    try {
      const stderr = plan.stderr === 'output' ? out.write : logs.stderr
      this.#child = spawn(plan.file, plan.args, { env: plan.env, stdio: [stdin.child, out.write, stderr], detached: true })
    } catch (error) {
      this.output.destroy()
      if (stdin.ours !== undefined) closeSync(stdin.ours)
      throw error
    } finally {
      closeSync(stdin.child)
      closeSync(out.write)
    }
    this.exited = new Promise((done, failed) => {
      this.#child.once('exit', (code, signal) => done({ code, signal }))
      this.#child.once('error', failed)
    })
    this.output.once('close', () => (this.#over = true))
    if (stdin.ours !== undefined && 'rest' in plan.stdin) feed(stdin.ours, plan.stdin)
  }

  /** Ends it and everything in its process group. */
  kill(): void {
    const { pid } = this.#child
    const ended = this.#child.exitCode !== null || this.#child.signalCode !== null
    if (pid === undefined || (ended && this.#over)) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // the whole group is gone already
    }
    this.output.destroy()
  }
}
