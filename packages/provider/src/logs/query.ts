import type { LogLine, LogQuery } from '../port.ts'

/** Lines that wait for a slow reader at most; more are dropped and counted. */
const FOLLOW_BUFFER = 10_000

/** What a query reads from. */
export interface LogSource {
  open(follower?: (line: LogLine) => void): Promise<AsyncIterable<LogLine>>
  unfollow(follower: (line: LogLine) => void): void
}

/** Whether a line is asked for. */
function wanted(query: LogQuery, line: LogLine): boolean {
  return (query.replica === undefined || line.replica === query.replica) && (query.since === undefined || line.timestamp >= query.since)
}

async function* stored(lines: AsyncIterable<LogLine>, query: LogQuery): AsyncGenerator<LogLine> {
  const tail = query.tail !== undefined && query.tail >= 1 ? Math.floor(query.tail) : undefined
  let kept: LogLine[] = []
  for await (const line of lines) {
    if (!wanted(query, line)) continue
    if (tail === undefined) yield line
    else {
      kept.push(line)
      if (kept.length >= tail * 2) kept = kept.slice(-tail)
    }
  }
  if (tail !== undefined) yield* kept.slice(-tail)
}

class Following {
  #lines: LogLine[] = []
  #dropped = 0
  #wake: (() => void) | undefined
  readonly #query: LogQuery

  constructor(query: LogQuery) {
    this.#query = query
  }

  readonly push = (line: LogLine): void => {
    if (!wanted(this.#query, line)) return
    if (this.#lines.length < FOLLOW_BUFFER) this.#lines.push(line)
    else this.#dropped += 1
    this.#wake?.()
  }

  async *read(signal: AbortSignal): AsyncGenerator<LogLine> {
    const wake = () => this.#wake?.()
    signal.addEventListener('abort', wake)
    try {
      for (;;) {
        yield* this.#take()
        if (signal.aborted) return
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          if (this.#lines.length > 0 || signal.aborted) resolve()
        })
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  *#take(): Generator<LogLine> {
    const lines = this.#lines
    const dropped = this.#dropped
    this.#lines = []
    this.#dropped = 0
    yield* lines
    const last = lines.at(-1)
    if (dropped > 0 && last !== undefined) yield { ...last, stream: 'system', text: `${dropped} lines were dropped, because they are read too slowly` }
  }
}

/** Answers a query: what is stored, then, with `follow`, what comes until a signal ends it. */
export async function* queryLog(source: LogSource, query: LogQuery, closed: AbortSignal): AsyncGenerator<LogLine> {
  const end = query.signal === undefined ? closed : AbortSignal.any([closed, query.signal])
  if (!query.follow) {
    yield* stored(await source.open(), query)
    return
  }
  const following = new Following(query)
  const lines = await source.open(following.push)
  try {
    yield* stored(lines, query)
    yield* following.read(end)
  } finally {
    source.unfollow(following.push)
  }
}
