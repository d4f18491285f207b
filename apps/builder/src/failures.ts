import { WeftError } from '@weft/core'

/** Refuses a source. @param help what the user can do */
export function sourceRefused(reason: string, help = 'correct the source and send it again', cause?: unknown): WeftError {
  return new WeftError('SOURCE_REFUSED', { reason, help }, { cause })
}

/** A build that could not be finished because of the source. */
export function buildFailed(step: string, reason: string, help = 'correct the source and build again', cause?: unknown): WeftError {
  return new WeftError('BUILD_FAILED', { step, reason, help }, { cause })
}
