import { addHeader } from './headers.ts'
import { directError } from './local-reply.ts'
import type { Json } from './types.ts'

/** Of RFC 8586. Each callee's side adds one mark; functions hand it on to what they call, as they do with the headers of a trace. */
const LOOP_HEADER = 'cdn-loop'
const MARK = 'weft'
/** Hops of functions that call each other; more are taken for a circle. */
export const MOST_HOPS = 32

/** Marks a call as one that came through the mesh once more. */
export const COUNT_HOP: Json = addHeader(LOOP_HEADER, `%REQ(${LOOP_HEADER})%,${MARK}`, 'OVERWRITE_IF_EXISTS_OR_ADD')

/** A call that came through the mesh too often. */
export const LOOPED: Json = { name: LOOP_HEADER, string_match: { contains: Array.from({ length: MOST_HOPS }, () => MARK).join(',') } }

/** Answers such a call: without it, functions that call each other in a circle would do so until their time-outs, with ever more calls under way. */
export const LOOP_ROUTE: Json = {
  name: 'loop',
  match: { prefix: '/', headers: [LOOPED] },
  ...directError('LOOP_DETECTED', { hops: String(MOST_HOPS) }),
}
