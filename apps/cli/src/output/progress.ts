import type { World } from '../command.ts'

/** Tells of what goes on: on a terminal the steps follow each other in one line, elsewhere each has a line of its own. */
export interface Progress {
  /** A line that stays. */
  line(text: string): void
  /** A step within it, which the next one replaces on a terminal. */
  step(text: string): void
  /** Wipes the last step away. */
  end(): void
}

const DEFAULT_COLUMNS = 80
const WIPE = '\r\u001B[K'

/** Progress on standard error, so that standard output holds results only. */
export function progressOn({ stderr, stdout }: Pick<World, 'stderr' | 'stdout'>): Progress {
  const terminal = stderr.isTTY === true
  const width = (stdout.columns ?? DEFAULT_COLUMNS) - 1
  let stands = false
  const end = () => {
    if (stands) stderr.write(WIPE)
    stands = false
  }
  return {
    end,
    line(text) {
      end()
      stderr.write(`${text}\n`)
    },
    step(text) {
      if (!terminal) return void stderr.write(`${text}\n`)
      stderr.write(`${WIPE}${text.slice(0, width)}`)
      stands = true
    },
  }
}
