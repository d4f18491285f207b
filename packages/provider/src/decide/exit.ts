/** Why the platform itself killed a replica. */
export interface KillCause {
  /** CamelCase, as in `Replica.reason`. */
  readonly reason: string
  readonly message: string
}

/** What is known when a replica's process has ended. */
export interface ExitFacts {
  readonly code: number | null
  readonly signal: string | null
  /** Set when the platform killed it. */
  readonly killed?: KillCause
  /** What the runtime said before it gave up: a handler that does not load. */
  readonly failed?: { readonly message: string; readonly stack?: string }
  /** Processes of the replica that the kernel killed for want of memory. */
  readonly oomKills: number
  readonly memoryLimitBytes?: number
  readonly lastStderr: readonly string[]
}

/** The end of a replica in words. */
export interface ExitReason {
  readonly reason: string
  readonly message: string
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
}
const HEAP_EXHAUSTED = /heap out of memory|Reached heap limit|Array buffer allocation failed|std::bad_alloc/
const STACK_LINES = 4

/**
 * The signal that ended the process, also where a sandbox or shell between us and it says 128 + n.
 * `undefined` when it exited by itself.
 */
export function signalOf(code: number | null, signal: string | null): string | undefined {
  if (signal !== null) return signal
  return code !== null && code > 128 ? SIGNALS[code - 128] : undefined
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'no limit of its own' : `limit ${Math.round(bytes / 1_048_576)} MiB`
}

function ending(facts: ExitFacts): string {
  const signal = signalOf(facts.code, facts.signal)
  return signal === undefined ? `exit code ${facts.code ?? 'unknown'}` : `ended by ${signal}`
}

function lastWords(lines: readonly string[]): string {
  const last = lines.findLast((line) => line.trim() !== '')
  return last === undefined ? '' : `; last line of stderr: ${last.slice(0, 500)}`
}

/** Why a process that nobody asked to go has ended. The most telling fact wins: what we did, what the kernel did, what it said, how it ended. */
export function explainExit(facts: ExitFacts): ExitReason {
  if (facts.killed !== undefined) return facts.killed
  if (facts.oomKills > 0 && signalOf(facts.code, facts.signal) === 'SIGKILL') {
    return { reason: 'OOMKilled', message: `out of memory (${mebibytes(facts.memoryLimitBytes)}), killed by the kernel` }
  }
  if (signalOf(facts.code, facts.signal) === 'SIGABRT' && facts.lastStderr.some((line) => HEAP_EXHAUSTED.test(line))) {
    return { reason: 'OOMKilled', message: `out of memory (${mebibytes(facts.memoryLimitBytes)}), its heap was exhausted` }
  }
  if (facts.failed !== undefined) {
    const stack = (facts.failed.stack ?? '').split('\n').slice(0, STACK_LINES).join('\n')
    const text = stack.includes(facts.failed.message) ? stack : [facts.failed.message, stack].filter((part) => part !== '').join('\n')
    return { reason: 'ExitedNonZero', message: `the handler could not be loaded: ${text}` }
  }
  if (facts.code === 0) return { reason: 'Exited', message: `the process ended by itself, exit code 0${lastWords(facts.lastStderr)}` }
  return { reason: 'ExitedNonZero', message: `${ending(facts)}${lastWords(facts.lastStderr)}` }
}
