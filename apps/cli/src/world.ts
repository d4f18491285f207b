import type { World } from './command.ts'

/** A terminal and a launcher may each tell of the same Ctrl-C. */
const SAME_SIGNAL_MS = 250

/** The world of this process: the first SIGINT or SIGTERM aborts its signal, the second ends the process at once. */
export function processWorld(): World {
  const ending = new AbortController()
  let first = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted && performance.now() - first > SAME_SIGNAL_MS) process.exit(130)
      if (!ending.signal.aborted) first = performance.now()
      ending.abort()
    })
  }
  // a reader that went away (`weft logs | head`) is no error
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
  })
  return { env: process.env, cwd: process.cwd(), stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, signal: ending.signal }
}
