import { isWeftError, messageOf, type WeftError } from '@weft/core'

/** What is wrong with a file that the user named, by the code of the operating system. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read or written by you',
  EISDIR: 'is a directory',
  ENOTDIR: 'is below something that is no directory',
  EEXIST: 'exists already',
}

/** Exit code after Ctrl-C. */
export const INTERRUPTED = 130

/** Whether an error is only what Ctrl-C did: a call or a build that ended half way. A failure of the platform is told in any case. */
export function wasInterrupted(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && !(isWeftError(error) && error.fault === 'system')
}

/** Exit codes: 0 done, 1 the platform or the machine, 2 the user's input; {@link INTERRUPTED}. */
export function exitCodeOf(error: unknown): number {
  if (fileProblem(error) !== undefined) return 2
  return isWeftError(error) && error.fault === 'user' ? 2 : 1
}

/** What a person reads: what happened and why, then what to do. `debug` adds where a fault of Weft itself came from. */
export function describeFailure(error: unknown, debug = false): string {
  if (isWeftError(error)) return `Error: ${error.code === 'INVALID_MANIFEST' ? problemsText(error) : error.message}\n  ${error.help}\n`
  const problem = fileProblem(error)
  if (problem !== undefined) return `Error: ${problem}\n  check the path and its permissions\n`
  const help = debug && error instanceof Error ? (error.stack ?? '') : 'this should not happen; WEFT_DEBUG=1 shows where it did'
  return `Error: ${messageOf(error)}\n  ${help}\n`
}

/** One line for each problem of a manifest. */
function problemsText({ fields, message }: WeftError): string {
  const problems = String(fields['problems']).split('; ')
  return problems.length === 1 ? message : `${String(fields['file'])} cannot be applied:\n${problems.map((problem) => `  ${problem}`).join('\n')}`
}

function fileProblem(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('path' in error)) return undefined
  const words = FILE_PROBLEMS[String(error.code)]
  return words === undefined ? undefined : `${String(error.path)} ${words}`
}
