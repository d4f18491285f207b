import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { messageOf, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import { askAdmin } from './admin.ts'
import { decideRestart } from './backoff.ts'
import { killLeftover, writePidFile } from './leftover.ts'
import { identify } from './process-identity.ts'

/** What is supervised. */
export interface SupervisorOptions {
  readonly program: string
  /** Content of the bootstrap file. */
  readonly bootstrap: object
  readonly bootstrapFile: string
  readonly pidFile: string
  readonly adminSocket: string
  /** Worker threads. */
  readonly concurrency: number
  readonly log: Log
  readonly now: () => number
  /** How long the first start may take until it is ready. */
  readonly startTimeoutMs: number
  /** How long connections of a listener that was changed live on before they are closed; default ten minutes. */
  readonly connectionDrainMs?: number
}

/**
 * - `starting`: spawned, does not serve yet (waits for its configuration)
 * - `ready`: has its configuration and serves
 * - `restarting`: ended by itself; the next is about to be spawned
 * - `stopped`: ended on request, or never started
 */
export type EnvoyState = 'starting' | 'ready' | 'restarting' | 'stopped'

const READY_POLL_MS = 10
const CONNECTION_DRAIN_MS = 600_000
/** How long a line of the access log may wait for others; Envoy's own default of 10 s is long for somebody who follows it. */
const LOG_FLUSH_MS = 1_000
const KEPT_OUTPUT = 16_384
/** Kills a process when its own standard input ends, that is when the platform is gone, however it went; start time guards against a reused number. */
const GUARD = 'read -r _; [ "$(cut -d " " -f 22 /proc/$0/stat 2>/dev/null)" = "$1" ] && kill -9 "$0"'

/** Keeps one Envoy running: started again at once when it dies, ended with the platform. */
export class EnvoySupervisor {
  readonly #options: SupervisorOptions
  #child: ChildProcess | undefined
  #guard: ChildProcess | undefined
  #state: EnvoyState = 'stopped'
  #stopping = false
  #restarts = 0
  #crashes = 0
  #startedAt = 0
  #output = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get state(): EnvoyState {
    return this.#state
  }

  get restarts(): number {
    return this.#restarts
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /**
   * Removes what an earlier run left, starts Envoy and resolves when it serves.
   * @throws WeftError `ENVOY_FAILED` with what it wrote
   */
  async start(): Promise<void> {
    const { bootstrapFile, pidFile, log } = this.#options
    await mkdir(dirname(bootstrapFile), { recursive: true, mode: 0o700 })
    const killed = await killLeftover(pidFile)
    if (killed !== undefined) log.warn({ pid: killed }, 'killed the Envoy that an earlier platform left behind')
    await writeFile(bootstrapFile, JSON.stringify(this.#options.bootstrap), { mode: 0o600 })
    this.#stopping = false
    this.#spawn()
    const failure = await this.#untilReady(this.#options.startTimeoutMs)
    if (failure === undefined) return
    await this.stop(0)
    throw new WeftError('ENVOY_FAILED', { reason: failure, log: 'the log of the platform' })
  }

  #spawn(): void {
    const { program, bootstrapFile, concurrency, connectionDrainMs = CONNECTION_DRAIN_MS, now } = this.#options
    const drain = ['--drain-time-s', String(Math.max(1, Math.ceil(connectionDrainMs / 1000)))]
    const files = ['--file-flush-interval-msec', String(LOG_FLUSH_MS)]
    const args = [
      '-c',
      bootstrapFile,
      '--concurrency',
      String(concurrency),
      '--disable-hot-restart',
      ...drain,
      ...files,
      '-l',
      'warning',
      '--log-format',
      '%l %n: %v',
    ]
    this.#state = 'starting'
    this.#startedAt = now()
    this.#output = ''
    // Detached: Ctrl-C at the terminal is for the platform, which ends Envoy after its calls.
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    child.stderr?.on('data', (chunk: Buffer) => this.#hear(chunk.toString()))
    child.on('error', (error) => this.#hear(`${messageOf(error)}\n`))
    child.on('close', (code, signal) => this.#ended(child, code, signal))
    if (child.pid === undefined) return
    void writePidFile(this.#options.pidFile, child.pid).catch((error: unknown) =>
      this.#options.log.warn({ reason: messageOf(error) }, 'the pid file of Envoy was not written'),
    )
    this.#guard = startGuard(child.pid)
  }

  #hear(text: string): void {
    this.#output = `${this.#output}${text}`.slice(-KEPT_OUTPUT)
    for (const line of text.split('\n')) {
      if (line.startsWith('error') || line.startsWith('critical')) this.#options.log.warn({ line: line.trim() }, 'envoy')
      else if (line.trim() !== '') this.#options.log.debug({ line: line.trim() }, 'envoy')
    }
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#guard?.kill('SIGKILL')
    this.#guard = undefined
    if (this.#stopping) {
      this.#state = 'stopped'
      return
    }
    const { crashes, delayMs } = decideRestart(this.#options.now() - this.#startedAt, this.#crashes)
    this.#crashes = crashes
    this.#restarts += 1
    this.#state = 'restarting'
    this.#options.log.error({ code, signal, restarts: this.#restarts, delayMs }, 'Envoy ended and is started again')
    this.#timer = setTimeout(() => {
      this.#spawn()
      void this.#untilReady(Number.POSITIVE_INFINITY)
    }, delayMs)
  }

  /** @returns why it is not ready, or `undefined` */
  async #untilReady(timeoutMs: number): Promise<string | undefined> {
    const child = this.#child
    const end = this.#options.now() + timeoutMs
    while (this.#child === child && child !== undefined && !this.#stopping) {
      const ready = await askAdmin(this.#options.adminSocket, '/ready', { timeoutMs: 1_000 }).then(
        (answer) => answer.status === 200,
        () => false,
      )
      if (ready && this.#child === child) {
        this.#state = 'ready'
        this.#options.log.info({ pid: child.pid, ms: this.#options.now() - this.#startedAt }, 'Envoy is ready')
        return undefined
      }
      if (this.#options.now() > end) return `it was not ready within ${timeoutMs} ms. ${this.#output.trim().slice(-2_000)}`
      await wait(READY_POLL_MS)
    }
    return this.#output.trim().slice(-2_000) || 'it ended without a word'
  }

  /** Lets Envoy open its log files anew, after they were moved away. */
  async reopenLogs(): Promise<void> {
    await askAdmin(this.#options.adminSocket, '/reopen_logs', { method: 'POST' })
  }

  /** Refuses new connections, waits at most `drainMs` for the calls under way, and ends Envoy. Idempotent. */
  async stop(drainMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (child === undefined || child.pid === undefined) {
      this.#state = 'stopped'
      return
    }
    if (drainMs > 0) await this.#drain(drainMs)
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    if (this.#child !== child) return
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), 2_000)
    await ended
    clearTimeout(killer)
  }

  async #drain(drainMs: number): Promise<void> {
    const { adminSocket, now } = this.#options
    const end = now() + drainMs
    try {
      await askAdmin(adminSocket, '/drain_listeners?graceful&skip_exit', { method: 'POST', timeoutMs: drainMs })
      while (now() < end && this.#child !== undefined) {
        const { body } = await askAdmin(adminSocket, '/stats?filter=^http\\.ingress\\.downstream_rq_active$', { timeoutMs: drainMs })
        if (!/: [1-9]/.test(body)) return
        await wait(50)
      }
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'Envoy could not be drained')
    }
  }
}

function startGuard(pid: number): ChildProcess | undefined {
  const identity = identify(pid)
  if (identity === undefined) return undefined
  const guard = spawn('/bin/sh', ['-c', GUARD, String(pid), identity.startTicks], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  guard.on('error', () => undefined)
  guard.unref()
  return guard
}
