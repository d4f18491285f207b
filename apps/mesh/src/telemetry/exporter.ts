import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Collector } from '../encode/types.ts'
import { encodeSpans, type FinishedSpan } from './otlp.ts'

/** What an exporter needs. */
export interface ExporterOptions {
  send(collector: Collector, body: Buffer, timeoutMs: number): Promise<void>
  readonly log: Log
  /** Longest time between a span's end and its being sent. */
  readonly everyMs?: number
}

/** Spans that wait; what comes above that is dropped. About 2 MB. */
const MOST_WAITING = 4096
const MOST_AT_ONCE = 512
const EVERY_MS = 1000
const TIMEOUT_MS = 5_000

/**
 * Sends the spans that the control plane itself has: activations, and what runtimes measured. One request at a time, and nothing ever waits for it: a collector
 * that is away or slow costs spans and is told of once, until it takes some again.
 */
export class SpanExporter {
  readonly #options: ExporterOptions
  #collector: Collector | undefined
  #waiting: FinishedSpan[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #dropped = 0
  #failing = false

  constructor(options: ExporterOptions, collector: Collector | undefined) {
    this.#options = options
    this.#collector = collector
  }

  /** Sends to another collector from now on; to none, without. */
  configure(collector: Collector | undefined): void {
    this.#collector = collector
    if (collector === undefined) this.#waiting = []
  }

  add(spans: readonly FinishedSpan[]): void {
    if (this.#collector === undefined) return
    const room = MOST_WAITING - this.#waiting.length
    this.#dropped += Math.max(0, spans.length - room)
    this.#waiting.push(...spans.slice(0, room))
    this.#soon()
  }

  #soon(): void {
    if (this.#waiting.length === 0 || this.#sending !== undefined) return
    this.#timer ??= setTimeout(() => this.#flush(), this.#options.everyMs ?? EVERY_MS).unref()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const collector = this.#collector
    if (collector === undefined || this.#sending !== undefined || this.#waiting.length === 0) return
    this.#sending = this.#send(collector, this.#waiting.splice(0, MOST_AT_ONCE)).finally(() => {
      this.#sending = undefined
      this.#soon()
    })
  }

  async #send(collector: Collector, spans: readonly FinishedSpan[]): Promise<void> {
    const { log } = this.#options
    try {
      await this.#options.send(collector, encodeSpans(spans), TIMEOUT_MS)
      if (this.#failing) log.info({ dropped: this.#dropped }, 'the collector of spans takes them again')
      this.#failing = false
      this.#dropped = 0
    } catch (error) {
      this.#dropped += spans.length
      if (!this.#failing)
        log.warn({ collector: `${collector.host}:${collector.port}`, reason: messageOf(error) }, 'spans are lost: the collector does not take them')
      this.#failing = true
    }
  }

  /** Sends what waits, at most `withinMs`, and takes nothing more. */
  async close(withinMs: number): Promise<void> {
    await this.#sending
    this.#flush()
    const enough = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref())
    await Promise.race([this.#sending, enough])
    this.configure(undefined)
    clearTimeout(this.#timer)
  }
}
