import { isWeftError, messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import { broughtState } from './brought.ts'

/** What is watched, and who is told. */
export interface FileWatchOptions {
  readonly directory: string
  readonly everyMs: number
  readonly log: Log
  /** Reads the files, which stay as they are for the time of one look. Rejects when they cannot be used: what is in force stays. */
  changed(): Promise<void>
}

/** Looks now and then whether the files of a brought authority were replaced (a mount of Kubernetes tells no watcher). */
export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #timer: NodeJS.Timeout
  #known: string | undefined
  #seen: string | undefined
  #looking = false

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#look(), options.everyMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Files are often replaced one after the other: they are read when two looks found the same. */
  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const before = this.#seen
    this.#seen = await broughtState(this.#options.directory)
    const settled = before === this.#seen && this.#known !== this.#seen
    if (settled) await this.#read(this.#known === undefined)
    this.#looking = false
  }

  async #read(first: boolean): Promise<void> {
    this.#known = this.#seen
    try {
      await this.#options.changed()
    } catch (error) {
      // Right after the start, and when a file was only touched.
      if (isWeftError(error, 'CA_UNCHANGED')) return
      this.#options.log.error(
        { reason: messageOf(error), first },
        'the files of the certificate authority were replaced by some that cannot be used; the old ones stay in force',
      )
    }
  }
}
