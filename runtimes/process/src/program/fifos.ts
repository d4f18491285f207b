import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BATCH = 32

/** Both ends of a pipe; the caller owns and closes them. One end is non-blocking: the one that this process uses. */
export interface Pipe {
  readonly read: number
  readonly write: number
}

/**
 * Makes real pipes. Node.js gives its children socket pairs, on which `cat /dev/stdin` and `echo > /dev/stderr` fail (ENXIO), as they would not
 * under the watchdogs; so FIFOs are made in batches, opened at both ends and unlinked. A pipe costs about 40 µs.
 */
export class Fifos {
  #directory: string | undefined
  #names: string[] = []

  /** A pipe whose reading end is ours. @throws Error when no FIFO can be made */
  toUs(): Pipe {
    return this.#open(constants.O_RDONLY | constants.O_NONBLOCK, constants.O_WRONLY)
  }

  /** A pipe whose writing end is ours. @throws Error when no FIFO can be made */
  fromUs(): Pipe {
    return this.#open(constants.O_RDONLY, constants.O_WRONLY | constants.O_NONBLOCK)
  }

  /** A path for a file of our own that nobody else has. */
  path(name: string): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'weft-'))
    return join(this.#directory, name)
  }

  /** Removes what was not used. */
  close(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    this.forget()
  }

  /** Begins anew in a fresh directory: the program may have cleared ours away. */
  forget(): void {
    this.#directory = undefined
    this.#names = []
  }

  #open(readFlags: number, writeFlags: number): Pipe {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return openBoth(this.#take(), readFlags, writeFlags)
      } catch (error) {
        if (attempt > 0) throw error
        this.forget()
      }
    }
  }

  #take(): string {
    const known = this.#names.pop()
    if (known !== undefined) return known
    const names = Array.from({ length: BATCH }, (_, index) => this.path(`p${index}`))
    const { status, error, stderr } = spawnSync('mkfifo', ['-m', '600', ...names], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
    if (status !== 0) throw new Error(`mkfifo failed: ${error?.message ?? stderr.trim()}`)
    this.#names = names
    return this.#take()
  }
}

/** Opening for both never waits for a partner, and keeps the two others from waiting. */
function openBoth(path: string, readFlags: number, writeFlags: number): Pipe {
  const both = openSync(path, constants.O_RDWR)
  try {
    return { read: openSync(path, readFlags), write: openSync(path, writeFlags) }
  } finally {
    closeSync(both)
    unlinkSync(path)
  }
}
