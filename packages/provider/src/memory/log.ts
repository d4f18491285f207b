import { queryLog } from '../logs/query.ts'
import type { LogLine, LogQuery } from '../port.ts'

/** Lines kept over all functions. */
const KEPT = 10_000

/** Logs in memory: the last lines of all functions. */
export class MemoryLog {
  readonly #lines: LogLine[] = []
  readonly #followers = new Set<(line: LogLine) => void>()
  readonly #closed = new AbortController()

  append(line: LogLine): void {
    this.#lines.push(line)
    if (this.#lines.length > KEPT) this.#lines.shift()
    for (const follower of this.#followers) follower(line)
  }

  query(query: LogQuery): AsyncIterable<LogLine> {
    const ofFunction = (line: LogLine) => line.workload.namespace === query.namespace && line.function === query.function
    const wrapped = new Map<(line: LogLine) => void, (line: LogLine) => void>()
    const open = async (follower?: (line: LogLine) => void): Promise<AsyncIterable<LogLine>> => {
      if (follower !== undefined) {
        const filtered = (line: LogLine) => {
          if (ofFunction(line)) follower(line)
        }
        wrapped.set(follower, filtered)
        this.#followers.add(filtered)
      }
      return replay(this.#lines.filter(ofFunction))
    }
    const unfollow = (follower: (line: LogLine) => void) => {
      const filtered = wrapped.get(follower)
      if (filtered !== undefined) this.#followers.delete(filtered)
    }
    return queryLog({ open, unfollow }, query, this.#closed.signal)
  }

  close(): void {
    this.#closed.abort()
  }
}

async function* replay(lines: readonly LogLine[]): AsyncGenerator<LogLine> {
  yield* lines
}
