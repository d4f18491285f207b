const BURST_SECONDS = 5

/** How much of a replica's output is kept: a token bucket for lines and one for bytes. Pure: the caller says what time it is. */
export class LogLimiter {
  readonly #linesPerSecond: number
  readonly #bytesPerSecond: number
  #lines: number
  #bytes: number
  #at: number
  #dropped = 0

  constructor(linesPerSecond: number, bytesPerSecond: number, now: number) {
    this.#linesPerSecond = linesPerSecond
    this.#bytesPerSecond = bytesPerSecond
    this.#lines = linesPerSecond * BURST_SECONDS
    this.#bytes = bytesPerSecond * BURST_SECONDS
    this.#at = now
  }

  /** Whether one more line of so many bytes is kept; otherwise it counts as dropped. */
  take(bytes: number, now: number): boolean {
    const seconds = Math.max(0, now - this.#at) / 1000
    this.#at = now
    this.#lines = Math.min(this.#linesPerSecond * BURST_SECONDS, this.#lines + seconds * this.#linesPerSecond)
    this.#bytes = Math.min(this.#bytesPerSecond * BURST_SECONDS, this.#bytes + seconds * this.#bytesPerSecond)
    if (this.#lines < 1 || this.#bytes < bytes) {
      this.#dropped += 1
      return false
    }
    this.#lines -= 1
    this.#bytes -= bytes
    return true
  }

  get dropping(): boolean {
    return this.#dropped > 0
  }

  /** How many lines were dropped since the last time this was asked. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }
}
