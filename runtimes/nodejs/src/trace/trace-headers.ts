import { goesOn, withSpan } from './context.ts'
import type { CallSpan } from './spans.ts'

/** Headers as an incoming request has them. */
export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * The headers that a call hands on to those that are made for it: W3C Trace Context and Baggage, B3 in both forms, Envoy's request id, and through what it came
 * (RFC 8586), by which calls in a circle are found. When the handler set one of a family itself,
 * nothing of that family is added: a mixed pair would be wrong.
 */
const FAMILIES: readonly (readonly string[])[] = [
  ['traceparent', 'tracestate'],
  ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags'],
  ['baggage'],
  ['x-request-id'],
  ['cdn-loop'],
]

/**
 * Trace headers of the incoming call to be added to an outgoing one.
 * @param has whether the outgoing request has a header already (asked with lower-case names)
 * @param span the call's own span, when it is traced: it is the parent of what is called then
 */
export function headersToAdd(incoming: IncomingHeaders, has: (name: string) => boolean, span?: CallSpan): [string, string][] {
  const added: [string, string][] = []
  for (const family of FAMILIES) {
    const present = family.filter((name) => incoming[name] !== undefined && goesOn(incoming, name))
    if (present.length === 0 || family.some(has)) continue
    for (const name of present) added.push([name, outgoing(name, String(incoming[name]), span)])
    if (span !== undefined && present.includes('x-b3-spanid') && !present.includes('x-b3-parentspanid')) added.push(['x-b3-parentspanid', span.parentId])
  }
  return added
}

const outgoing = (name: string, value: string, span: CallSpan | undefined): string => (span === undefined ? value : withSpan(name, value, span))
