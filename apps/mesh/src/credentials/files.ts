import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'

/** Larger than every bundle of roots. */
const MAX_BYTES = 1_048_576
const POLL_MS = 500

interface Known {
  /** What tells one state of a file from another. */
  readonly mark: string
  readonly content: string | undefined
}

/** Follows files with certificates. */
export interface FileWatchOptions {
  /** Told which paths have another content than before; what is told together belongs together. */
  changed(paths: readonly string[]): void
  readonly pollMs?: number
}

/**
 * Reads files and looks after them: a certificate and its key are two files that are not replaced in one step, so a change is told when nothing has
 * changed any more from one look to the next. A file that is gone, is no file, or is larger than 1 MiB has no content.
 */
export class CredentialFiles {
  /** Path → content, for files that can be read. */
  readonly contents = new Map<string, string>()
  readonly #options: FileWatchOptions
  readonly #known = new Map<string, Known>()
  #marks = ''
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #stopped = false

  constructor(options: FileWatchOptions) {
    this.#options = options
  }

  /** Replaces the paths that are followed. */
  watch(paths: ReadonlySet<string>): void {
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#forget(path)
    const added = [...paths].filter((path) => !this.#known.has(path))
    for (const path of added) this.#known.set(path, { mark: '', content: undefined })
    if (added.length > 0) void this.look(true)
  }

  #forget(path: string): void {
    this.#known.delete(path)
    this.contents.delete(path)
  }

  /** Looks at the files; `now`: what is found is told whether it is quiet or not. */
  async look(now = false): Promise<void> {
    await this.#looking
    this.#looking = this.#lookOnce(now).finally(() => this.#plan())
    await this.#looking
  }

  async #lookOnce(now: boolean): Promise<void> {
    const marks = await Promise.all([...this.#known.keys()].map(async (path) => [path, await markOf(path)] as const))
    const all = marks.map((mark) => mark.join(' ')).join('\n')
    const quiet = all === this.#marks
    this.#marks = all
    if (!quiet && !now) return
    const changed: string[] = []
    for (const [path, mark] of marks) {
      const known = this.#known.get(path)
      if (known === undefined || known.mark === mark) continue
      const content = await contentOf(path)
      this.#known.set(path, { mark, content })
      if (content === known.content) continue
      if (content === undefined) this.contents.delete(path)
      else this.contents.set(path, content)
      changed.push(path)
    }
    if (changed.length > 0 && !this.#stopped) this.#options.changed(changed)
  }

  #plan(): void {
    clearTimeout(this.#timer)
    if (this.#stopped || this.#known.size === 0) return
    this.#timer = setTimeout(() => void this.look(), this.#options.pollMs ?? POLL_MS).unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs}`
  } catch {
    return 'gone'
  }
}

/** A name that is no file (a device, a pipe) is not waited for. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      return found.isFile() && found.size <= MAX_BYTES ? await file.readFile('utf8') : undefined
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}
