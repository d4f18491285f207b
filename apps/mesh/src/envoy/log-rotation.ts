import { rename, rm, stat } from 'node:fs/promises'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'

/** Which file is rotated, and when. */
export interface RotationOptions {
  readonly file: string
  /** The file was moved away: whoever writes it must open it anew. */
  moved(): Promise<void>
  readonly log: Log
  /** Default 64 MiB. */
  readonly maxBytes?: number
  /** Files that are kept beside the present one, `FILE.1` the youngest. Default 3. */
  readonly keep?: number
  readonly intervalMs?: number
}

const DEFAULTS = { maxBytes: 64 * 2 ** 20, keep: 3, intervalMs: 30_000 } as const

/** Keeps a log file from growing without end. */
export class LogRotation {
  readonly #options: Required<RotationOptions>
  #timer: NodeJS.Timeout | undefined

  constructor(options: RotationOptions) {
    this.#options = { ...DEFAULTS, ...options }
  }

  start(): void {
    this.#timer = setInterval(() => void this.check(), this.#options.intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Moves the file away if it is too big. Never rejects: a log that cannot be rotated is no reason to stop. */
  async check(): Promise<void> {
    const { file, keep, maxBytes, log } = this.#options
    try {
      const size = await stat(file).then(
        (found) => found.size,
        () => 0,
      )
      if (size < maxBytes) return
      await rm(`${file}.${keep}`, { force: true })
      for (let age = keep - 1; age >= 1; age -= 1) await rename(`${file}.${age}`, `${file}.${age + 1}`).catch(() => undefined)
      await rename(file, `${file}.1`)
      await this.#options.moved()
    } catch (error) {
      log.warn({ file, reason: messageOf(error) }, 'the access log could not be rotated')
    }
  }
}
