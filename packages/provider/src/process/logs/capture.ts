import { setTimeout as delay } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import type { LogLine } from '../../port.ts'
import type { LogLimits } from '../options.ts'
import { LogLimiter } from './limiter.ts'
import { LineSplitter } from './splitter.ts'

/** Pause after each chunk of a replica that writes more than is kept: slows the flood, and leaves the event loop to others. */
const FLOOD_PAUSE_MS = 20
const DROPPED_REPORT_MS = 1000
const LAST_LINES = 20

/** Takes lines of one replica; `false` when a line could not be kept. */
export type LineSink = (stream: LogLine['stream'], text: string) => boolean

/** Reads the output of one incarnation into the log, and remembers its last words. */
export class OutputCapture {
  readonly #sink: LineSink
  readonly #limiter: LogLimiter
  readonly #now: () => number
  readonly #last: string[] = []
  readonly #ends: Promise<void>[] = []
  readonly #report: NodeJS.Timeout

  constructor(sink: LineSink, limits: LogLimits, now: () => number) {
    this.#sink = sink
    this.#now = now
    this.#limiter = new LogLimiter(limits.linesPerSecond, limits.bytesPerSecond, now())
    this.#report = setInterval(() => this.#reportDropped(), DROPPED_REPORT_MS)
    this.#report.unref()
  }

  read(stream: 'stdout' | 'stderr', source: Readable): void {
    this.#ends.push(this.#consume(stream, source).catch(() => {}))
  }

  /** The last lines of stderr. */
  get lastStderr(): readonly string[] {
    return this.#last
  }

  /** Resolves when all output is in the log, at most `ms` after the process has ended (a grandchild may hold the pipe). */
  async finish(ms: number): Promise<void> {
    const giveUp = new AbortController()
    await Promise.race([Promise.all(this.#ends), delay(ms, undefined, { signal: giveUp.signal }).catch(() => {})])
    giveUp.abort()
    clearInterval(this.#report)
    this.#reportDropped()
  }

  async #consume(stream: 'stdout' | 'stderr', source: Readable): Promise<void> {
    const splitter = new LineSplitter((text) => this.#line(stream, text))
    for await (const chunk of source) {
      const before = this.#limiter.dropping
      splitter.push(chunk as Buffer)
      if (before || this.#limiter.dropping) await delay(FLOOD_PAUSE_MS)
    }
    splitter.end()
  }

  #line(stream: 'stdout' | 'stderr', text: string): void {
    if (stream === 'stderr') this.#remember(text)
    if (this.#limiter.take(text.length, this.#now())) this.#sink(stream, text)
  }

  #remember(text: string): void {
    this.#last.push(text.slice(0, 1000))
    if (this.#last.length > LAST_LINES) this.#last.shift()
  }

  #reportDropped(): void {
    const dropped = this.#limiter.takeDropped()
    if (dropped > 0) this.#sink('system', `${dropped} lines were dropped, because the function writes more than is kept`)
  }
}
