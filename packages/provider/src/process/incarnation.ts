import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { KillCause } from '../decide/exit.ts'
import type { Group } from './cgroup/port.ts'
import { ARGUMENTS_FD, GATE_FD, HOSTS_FD, INFO_FD, SECCOMP_FD, type IncarnationPaths, type LaunchPlan } from './launch/plan.ts'
import { listeningSocket } from './listener.ts'
import { childrenOf, readAll, readStat, signal, treeOf, type ProcessStat } from './proc.ts'
import type { StartRecord } from './record.ts'
import { readSpans, type MeasuredSpan } from './spans.ts'

const CONTROL_FD = 4
const CONTROL_LINE_LIMIT = 65_536

/** What the runtime says on the control pipe. */
export type ControlMessage =
  | { readonly type: 'listening' }
  | { readonly type: 'failed'; readonly message: string; readonly stack?: string }
  | { readonly type: 'spans'; readonly spans: readonly MeasuredSpan[] }

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly killed?: KillCause
  /** Set when it could not be started at all. */
  readonly error?: string
}

/** What an incarnation is started with. */
export interface IncarnationInput {
  readonly plan: LaunchPlan
  readonly paths: IncarnationPaths
  readonly group?: Group
  readonly record: StartRecord
  readonly onControl: (message: ControlMessage) => void
}

/** One operating-system process (and all it starts) with its listening socket. */
export class Incarnation {
  readonly #child: ChildProcess
  readonly #input: IncarnationInput
  #sandboxPid: number | undefined
  #killed: KillCause | undefined
  /** What ran below it when it was told to go; where no sandbox and no control group holds it together. */
  #below: readonly ProcessStat[] = []
  readonly pid: number | undefined
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<Ended>

  /** Makes the socket, spawns, records, puts into the control group, opens the gate: nothing of it yields to the event loop. */
  constructor(input: IncarnationInput) {
    this.#input = input
    const socket = listeningSocket(input.paths.inboundSocket)
    try {
      this.#child = spawnPlan(input.plan, socket.fd)
    } finally {
      socket.release()
    }
    this.pid = this.#child.pid
    this.ended = this.#watchEnd()
    if (this.pid === undefined) return
    input.record.add(this.pid)
    input.group?.add(this.pid)
    this.#feed()
    readControl(this.#pipe(CONTROL_FD), input.onControl)
  }

  get stdout(): Readable | null {
    return this.#child.stdout
  }

  get stderr(): Readable | null {
    return this.#child.stderr
  }

  /** Asks the runtime to drain: SIGTERM to the runtime itself, which inside a sandbox is not the process that we started. */
  terminate(): void {
    const target = this.#runtimePid()
    if (this.pid !== undefined && this.#isLoose()) this.#below = treeOf(this.pid, readAll())
    // Where the runtime does not run yet there is nothing to drain.
    if (target === undefined) this.kill()
    else signal(target, 'SIGTERM')
  }

  /** Ends everything at once. The first cause is the one that is told. */
  kill(cause?: KillCause): void {
    this.#killed ??= cause
    if (this.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const tree = this.#sandboxPid === undefined ? treeOf(this.pid, readAll()) : []
    signal(this.pid, 'SIGKILL')
    signal(-this.pid, 'SIGKILL')
    killAll(tree)
    this.#input.group?.kill()
  }

  #isLoose(): boolean {
    return this.#input.plan.sandboxArguments === undefined && this.#input.group === undefined
  }

  #runtimePid(): number | undefined {
    if (this.#input.plan.sandboxArguments === undefined) return this.pid
    // bubblewrap's first process in the sandbox reaps; the runtime is its first child.
    return this.#sandboxPid === undefined ? undefined : childrenOf(this.#sandboxPid)[0]
  }

  #pipe(fd: number): Readable & Writable {
    const stream = this.#child.stdio[fd] as (Readable & Writable) | null | undefined
    if (stream === null || stream === undefined) throw new Error(`descriptor ${fd} is not a pipe`)
    stream.on('error', () => {})
    return stream
  }

  #feed(): void {
    const { plan } = this.#input
    if (plan.sandboxArguments !== undefined) {
      this.#pipe(ARGUMENTS_FD).end(`${plan.sandboxArguments.join('\0')}\0`)
      this.#readInfo(this.#pipe(INFO_FD))
      this.#pipe(SECCOMP_FD).end(plan.seccomp ?? '')
      this.#pipe(HOSTS_FD).end(plan.hosts ?? '')
    }
    this.#pipe(GATE_FD).end('go\n')
  }

  #readInfo(pipe: Readable): void {
    let text = ''
    pipe.setEncoding('utf8')
    pipe.on('data', (chunk: string) => {
      text += chunk
      const match = /"child-pid":\s*(\d+)/.exec(text)
      if (match !== null) this.#sandboxPid ??= Number(match[1])
    })
  }

  #watchEnd(): Promise<Ended> {
    const { promise, resolve } = Promise.withResolvers<Ended>()
    this.#child.once('error', (error) => resolve({ code: null, signal: null, error: error.message }))
    this.#child.once('exit', (code, name) => resolve({ code, signal: name, ...(this.#killed === undefined ? {} : { killed: this.#killed }) }))
    return promise.then((ended) => {
      this.#sweep()
      return ended
    })
  }

  // What the process left behind in its group (a daemon that it started) must not outlive it.
  #sweep(): void {
    if (this.pid === undefined) return
    if (this.#input.plan.sandboxArguments === undefined) signal(-this.pid, 'SIGKILL')
    killAll(this.#below)
    this.#input.group?.kill()
    this.#input.record.remove(this.pid)
    rmSync(this.#input.paths.inboundSocket, { force: true })
  }
}

/** Kills those processes that are still the same. */
function killAll(processes: readonly ProcessStat[]): void {
  for (const { pid, startTicks } of processes) if (readStat(pid)?.startTicks === startTicks) signal(pid, 'SIGKILL')
}

function spawnPlan(plan: LaunchPlan, listenFd: number): ChildProcess {
  const [file = '', ...args] = plan.command
  const own = plan.sandboxArguments === undefined ? [] : (['pipe', 'pipe', 'pipe', 'pipe'] as const)
  return spawn(file, args, {
    cwd: plan.cwd,
    env: plan.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', listenFd, 'pipe', 'pipe', ...own],
    ...(plan.uid === undefined ? {} : { uid: plan.uid, gid: plan.uid }),
  })
}

/** Reads control lines; what is not a known message is passed over, the other end is user code. */
function readControl(pipe: Readable, tell: (message: ControlMessage) => void): void {
  let rest = ''
  pipe.setEncoding('utf8')
  pipe.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, CONTROL_LINE_LIMIT)
    for (const line of lines) {
      const message = parseControl(line)
      if (message !== undefined) tell(message)
    }
  })
}

/** One line of the control pipe; `undefined` when it is not a message that we know. */
export function parseControl(line: string): ControlMessage | undefined {
  try {
    const value = JSON.parse(line) as { readonly type?: unknown; readonly message?: unknown; readonly stack?: unknown; readonly spans?: unknown }
    if (value.type === 'listening') return { type: 'listening' }
    if (value.type === 'spans') return { type: 'spans', spans: readSpans(value.spans) }
    if (value.type !== 'failed') return undefined
    const message = String(value.message).slice(0, 2000)
    return { type: 'failed', message, ...(typeof value.stack === 'string' ? { stack: value.stack.slice(0, 8000) } : {}) }
  } catch {
    return undefined
  }
}
