import { spawn, type ChildProcess } from 'node:child_process'
import type { ProgramLogs } from './logs.ts'

/** A program that runs as long as the replica. */
export class LongLived {
  readonly #child: ChildProcess
  #stopping = false
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>

  /** Starts it in a process group of its own. */
  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv, logs: ProgramLogs) {
    this.#child = spawn(file, args, { env, stdio: ['ignore', logs.stdout, logs.stderr], detached: true })
    process.once('exit', () => this.#signal('SIGKILL'))
    this.ended = new Promise((done) => {
      this.#child.once('error', (error) => done(error.message))
      this.#child.once('exit', (code, signal) => {
        this.#signal('SIGKILL') // what it left running
        done(signal ?? `exit code ${code}`)
      })
    })
  }

  /** Whether it was asked to end. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Asks it to end (SIGTERM) and waits until it has. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM')
    await this.ended
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, name)
    } catch {
      // the whole group is gone already
    }
  }
}
