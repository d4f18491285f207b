import type { IncomingHeaders } from './trace-headers.ts'

/** A W3C trace context, as far as it is needed here. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** Id of the span that the call belongs to, 16 digits. */
  readonly spanId: string
  readonly sampled: boolean
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MAX_STATE = 512
const MAX_MEMBERS = 32
/** A member of `tracestate` (W3C Trace Context §3.3.1.3): a key, or a tenant at a system, and what it says. */
const MEMBER = /^(?:[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{1,256}$/

/** Reads `traceparent`; `undefined` for anything that W3C Trace Context tells to ignore. Node.js joins several headers of the name by a comma, which is none. */
export function readTraceparent(text: string | string[] | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = (typeof text === 'string' ? FORM.exec(text) : null) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Whether a header of the incoming call may go on: a malformed `traceparent` ends its trace, with its state. */
export function goesOn(incoming: IncomingHeaders, name: string): boolean {
  if (name !== 'traceparent' && name !== 'tracestate') return true
  if (readTraceparent(incoming['traceparent']) === undefined) return false
  return name === 'traceparent' || isState(String(incoming['tracestate']))
}

/** Several headers of the name come joined by a comma; members may be empty, and have blanks around them. */
function isState(text: string): boolean {
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const said = members.filter((member) => member !== '')
  return text.length <= MAX_STATE && said.length > 0 && members.length <= MAX_MEMBERS && said.every((member) => MEMBER.test(member))
}

/** The headers of a call that is made on behalf of the span `own` of this process, where the incoming call had `incoming`: W3C, and B3 of the same trace. */
export function withSpan(name: string, value: string, own: TraceContext & { readonly parentId: string }): string {
  switch (name) {
    case 'traceparent':
      return `00-${own.traceId}-${own.spanId}-01`
    case 'b3':
      return own.traceId.endsWith(value.split('-', 1)[0] ?? '-') ? `${own.traceId}-${own.spanId}-1-${own.parentId}` : value
    case 'x-b3-traceid':
      return own.traceId.endsWith(value) ? own.traceId : value
    case 'x-b3-spanid':
      return own.spanId
    case 'x-b3-parentspanid':
      return own.parentId
    default:
      return value
  }
}
