/** Longest line that is kept whole; a longer one is cut into pieces. */
export const LINE_LIMIT_BYTES = 65_536

const NEWLINE = 10
const RETURN = 13

/** Cuts a stream of bytes into lines of text. Bytes that are not UTF-8 become U+FFFD; a character is never torn by a chunk's end. */
export class LineSplitter {
  readonly #line: (text: string) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(line: (text: string) => void) {
    this.#line = line
  }

  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE)) {
      this.#emit(data.subarray(0, end))
      data = data.subarray(end + 1)
    }
    while (data.length > LINE_LIMIT_BYTES) {
      const cut = wholeCharacters(data, LINE_LIMIT_BYTES)
      this.#emit(data.subarray(0, cut))
      data = data.subarray(cut)
    }
    this.#rest = Buffer.from(data)
  }

  /** Gives out what has no newline after it. */
  end(): void {
    if (this.#rest.length > 0) this.#emit(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  #emit(line: Buffer): void {
    let data = line.at(-1) === RETURN ? line.subarray(0, -1) : line
    while (data.length > LINE_LIMIT_BYTES) {
      const cut = wholeCharacters(data, LINE_LIMIT_BYTES)
      this.#line(data.toString('utf8', 0, cut))
      data = data.subarray(cut)
    }
    this.#line(data.toString('utf8'))
  }
}

/** The largest length up to `limit` that does not end inside a UTF-8 character (continuation bytes are 10xxxxxx). */
function wholeCharacters(data: Buffer, limit: number): number {
  for (let cut = limit; cut > limit - 4; cut--) if (((data[cut] ?? 0) & 0xc0) !== 0x80) return cut
  return limit
}
