/** Lines that one side pushes and the other iterates, in order. */
export class LineQueue implements AsyncIterable<string> {
  readonly #lines: string[] = []
  #wake: (() => void) | undefined
  #ended = false

  push(line: string): void {
    this.#lines.push(line)
    this.#wake?.()
  }

  /** No more lines come; the iteration ends after those that are there. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) yield line
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
