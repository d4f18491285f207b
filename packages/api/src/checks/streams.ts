import type { Resource } from '@weft/core'
import { shown, type Violation } from '../violation.ts'

/** Annotation of a Function by which each of its calls is taken for a stream: a policy change ends those that it forbids. */
export const STREAMS_ANNOTATION = 'weft.dev/streams'
const EVERY_CALL = 'every-call'

/** Whether each call of a function is taken for a stream, not only those that ask for one. */
export function watchesEveryCall(annotations: Readonly<Record<string, unknown>>): boolean {
  return annotations[STREAMS_ANNOTATION] === EVERY_CALL
}

/** What of a Function's annotation cannot be read. */
export function checkStreams({ metadata }: Resource): readonly Violation[] {
  const value: unknown = metadata.annotations?.[STREAMS_ANNOTATION]
  if (value === undefined || value === EVERY_CALL) return []
  return [{ field: `metadata.annotations.${STREAMS_ANNOTATION}`, reason: `${shown(value)} is not ${EVERY_CALL}` }]
}
