import { appendFile, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { LogLine } from '../../port.ts'

/** A line on disk; short keys, because there are many. */
interface StoredLine {
  readonly t: number
  readonly w: string
  readonly r: string
  readonly s: LogLine['stream']
  readonly m: string
}

const FLUSH_AFTER_MS = 20
const FLUSH_AT_BYTES = 262_144
/** Lines that wait for a slow disk at most; more are dropped and counted. */
const PENDING_LIMIT_BYTES = 8 * 1_048_576

/** The log of one function: a file of JSON lines, rotated by size (`NAME.log`, `NAME.log.1`, …). One writer; readers at any time. */
export class FunctionLog {
  readonly #path: string
  readonly #key: { readonly namespace: string; readonly function: string }
  readonly #limits: { readonly fileBytes: number; readonly files: number }
  readonly #onError: (error: unknown) => void
  readonly #followers = new Set<(line: LogLine) => void>()
  #pending: string[] = []
  #pendingBytes = 0
  #size: number | undefined
  #timer: NodeJS.Timeout | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor(path: string, key: { namespace: string; function: string }, limits: { fileBytes: number; files: number }, onError: (error: unknown) => void) {
    this.#path = path
    this.#key = key
    this.#limits = limits
    this.#onError = onError
  }

  /** Adds a line; never waits. `false`: the disk is too slow, the line is not kept. */
  append(line: LogLine): boolean {
    if (this.#pendingBytes > PENDING_LIMIT_BYTES) return false
    for (const follower of this.#followers) follower(line)
    const stored: StoredLine = { t: line.timestamp, w: line.workload.name, r: line.replica, s: line.stream, m: line.text }
    // The reader takes U+2028 and U+2029 for ends of lines, and JSON lets them stand as they are.
    const text = `${JSON.stringify(stored).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`
    this.#pending.push(text)
    this.#pendingBytes += Buffer.byteLength(text)
    if (this.#pendingBytes >= FLUSH_AT_BYTES) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS)
    return true
  }

  /** Resolves when all lines so far are in the file. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    return this.#queue(() => this.#write())
  }

  /**
   * Opens what is stored now and, with `follower`, hears of every line after it: none is missed and none comes twice. Rotation does not disturb
   * the reader, its files stay open.
   */
  open(follower?: (line: LogLine) => void): Promise<AsyncIterable<LogLine>> {
    return this.#queue(async () => {
      await this.#write()
      const handles = await this.#handles()
      const waiting = [...this.#pending]
      if (follower !== undefined) this.#followers.add(follower)
      return this.#read(handles, waiting)
    })
  }

  unfollow(follower: (line: LogLine) => void): void {
    this.#followers.delete(follower)
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work)
    this.#tail = result.catch(this.#onError)
    return result
  }

  async #write(): Promise<void> {
    const text = this.#pending.join('')
    if (text === '') return
    this.#pending = []
    this.#pendingBytes = 0
    try {
      await this.#rotate(Buffer.byteLength(text))
      await appendFile(this.#path, text, { mode: 0o600 })
      this.#size = (this.#size ?? 0) + Buffer.byteLength(text)
    } catch (error) {
      this.#size = undefined
      this.#onError(error)
    }
  }

  async #rotate(more: number): Promise<void> {
    if (this.#size === undefined) {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      this.#size = await stat(this.#path).then(
        ({ size }) => size,
        () => 0,
      )
    }
    if (this.#size === 0 || this.#size + more <= this.#limits.fileBytes) return
    await rm(this.#name(this.#limits.files - 1), { force: true })
    for (let number = this.#limits.files - 2; number >= 0; number--) await rename(this.#name(number), this.#name(number + 1)).catch(ignoreMissing)
    this.#size = 0
  }

  #name(number: number): string {
    return number === 0 ? this.#path : `${this.#path}.${number}`
  }

  async #handles(): Promise<readonly { readonly handle: FileHandle; readonly size: number }[]> {
    const found = []
    for (let number = this.#limits.files - 1; number >= 0; number--) {
      const handle = await open(this.#name(number)).catch(ignoreMissing)
      if (handle !== undefined) found.push({ handle, size: (await handle.stat()).size })
    }
    return found
  }

  async *#read(handles: readonly { readonly handle: FileHandle; readonly size: number }[], waiting: readonly string[]): AsyncGenerator<LogLine> {
    try {
      for (const { handle, size } of handles) {
        if (size === 0) continue
        const input = handle.createReadStream({ start: 0, end: size - 1, autoClose: false })
        const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
        input.on('error', (error) => {
          this.#onError(error)
          lines.close()
        })
        try {
          for await (const text of lines) yield* this.#parse(text)
        } finally {
          input.destroy()
        }
      }
      for (const text of waiting) yield* this.#parse(text)
    } finally {
      await Promise.all(handles.map(({ handle }) => handle.close().catch(() => {})))
    }
  }

  // A line that a crash cut short is passed over: its end was never acknowledged to anybody.
  *#parse(text: string): Generator<LogLine> {
    try {
      const { t, w, r, s, m } = JSON.parse(text) as StoredLine
      yield { workload: { namespace: this.#key.namespace, name: w }, function: this.#key.function, replica: r, timestamp: t, stream: s, text: m }
    } catch {}
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}
