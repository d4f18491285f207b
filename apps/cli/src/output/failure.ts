import { isWeftError, messageOf } from '@weft/core'

/** Exit codes: 0 done, 1 the platform or the machine, 2 the user's input, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  if (isInterrupt(error)) return 130
  return isWeftError(error) && error.fault === 'user' ? 2 : 1
}

/** What a person reads: what happened and why, then what to do. */
export function describeFailure(error: unknown): string {
  if (isInterrupt(error)) return ''
  if (isWeftError(error)) return `Error: ${error.message}\n  ${error.help}\n`
  return `Error: ${messageOf(error)}\n`
}

function isInterrupt(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
