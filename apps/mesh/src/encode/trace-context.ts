import { addHeader } from './headers.ts'
import { MESH_HEADERS } from './names.ts'
import type { Json } from './types.ts'

const { traceFirst: FIRST, traceSecond: SECOND, traceFlags: FLAGS, traceKept: KEPT } = MESH_HEADERS

// Words of CEL. Envoy bounds its expressions to 100 steps of RE2 each, so that a form and its letters are asked for apart.
const header = (name: string) => `request.headers['${name}']`
const sent = (name: string) => `'${name}' in request.headers`
const lowerHex = (name: string) => `${header(name)}.matches('^[0-9a-f-]+$')`
const fourFields = (name: string) => `${header(name)}.matches('^[0-z]{2}-[0-z]{32}-[0-z]{16}-[0-z]{2}$')`
const notZero = (name: string) => `!${header(name)}.contains('-00000000000000000000000000000000-') && !${header(name)}.contains('-0000000000000000-')`
const valid = (name: string) => `${sent(name)} && ${lowerHex(name)} && ${fourFields(name)} && ${notZero(name)}`

const remove = (...names: readonly string[]): readonly Json[] => names.map((name) => ({ remove: name }))
const set = (name: string, value: string): Json => ({ append: addHeader(name, value, 'OVERWRITE_IF_EXISTS_OR_ADD') })
const addIfAbsent = (name: string, value: string): Json => ({ append: addHeader(name, value, 'ADD_IF_ABSENT') })
/** The value where the condition holds; else the header is not set. */
const where = (condition: string, value: string) => `%CEL(${condition} ? ${value} : '')%`

/** W3C: 55 characters; more only in versions that are not known yet, after a hyphen. Several headers count as one with a comma, which fits neither. */
const LENGTH = `(${header('traceparent')}.size() == 55 || (!${header('traceparent')}.startsWith('00') && ${header('traceparent')}.matches('^[!-~]{55}-')))`
const W3C_VALID = `${sent('traceparent')} && ${LENGTH} && !${header('traceparent')}.startsWith('ff') && ${valid(FIRST)}`
/** Members of a tracestate that are none (W3C Trace Context §3.3.1.3): any of these makes the whole list none. Each within what Envoy lets an expression of RE2 cost. */
const BAD_STATE = [
  // No key and value.
  '(?:^|,)[^,=]*[^,= \\t][^,=]*(?:,|$)',
  // A second equals sign, or no value.
  '=[^,]*=|=[ \\t]*(?:,|$)',
  // A key that is empty, or begins with another sign than a small letter or a digit.
  '(?:^|,)[ \\t]*(?:[^a-z0-9 \\t,=][^,=]*)?=',
  // One with other signs in it.
  '(?:^|,)[ \\t]*[a-z0-9][^,=]*[^-a-z0-9_*/@,=][^,=]*=',
  // One of several tenants, or of a system whose name does not begin with a letter.
  '(?:^|,)[^,=]*@(?:[^a-z,=][^,=]*|[^,=]*@[^,=]*)?=',
  // A system of more than 14 signs.
  '(?:^|,)[^,=]*@[!-+--<>-~]{15}',
]
/** RE2 over the first and the last member, with its key. Only one key of a list of 512 can be too long; one in the middle is let through. */
const KEYS = ['^[, \\t]*([^,=]*)=.*$', '^(?:.*,)?[ \\t]*([^,=]*)=[^,=]*,?[, \\t]*$']
const keyOf = (regex: string) => `re.capture(${header('tracestate')}, '${regex}')`
const SHORT_KEYS = KEYS.flatMap((regex) => [
  `${keyOf(regex)}.size() <= 256`,
  `(!${keyOf(regex)}.contains('@') || re.capture(${keyOf(regex)}, '^([^@]*)@.*$').size() <= 241)`,
])
/** After the first 16 members: 16 more are the most that there may be. */
const SIXTEEN = '(?:[ -+--~]*,){16}'
const TOO_MANY = `${header('tracestate')}.matches('^${SIXTEEN}') && re.capture(${header('tracestate')}, '^${SIXTEEN}(.*)$').matches('^${SIXTEEN}')`
/** W3C asks to keep 512 characters at least; what is longer goes, as does what is no list of members, and the trace stays. */
const STATE_KEPT = [
  sent('tracestate'),
  sent(SECOND),
  `${header('tracestate')}.size() <= 512`,
  `${header('tracestate')}.matches('^[ -~\\t]*$')`,
  ...BAD_STATE.map((regex) => `!${header('tracestate')}.matches('${regex}')`),
  `!(${TOO_MANY})`,
  ...SHORT_KEYS,
].join(' && ')

/** The first four digits of trace ids below which the call of a trace without a decision is sampled: the same decision everywhere. */
function threshold(samplingPercent: number): string {
  const digits = Math.floor((samplingPercent / 100) * 0x1_0000)
  return digits >= 0x1_0000 ? 'g' : digits.toString(16).padStart(4, '0')
}

const decide = (yes: string, no: string, idHeader: string, limit: string) =>
  `%CEL(${yes} ? '01' : ${no} ? '00' : ${header(idHeader)} < '${limit}' ? '01' : '00')%`

function fromSingleB3(limit: string): readonly Json[] {
  const b3 = header('b3')
  const form = `^[0-z]{16,32}-[0-z]{16}-`
  const short = `${sent('b3')} && ${b3}.matches('^[0-z]{16}-')`
  return [
    ...remove(FIRST, SECOND),
    set(FLAGS, where(sent('b3'), `(${b3}.matches('${form}[1d](-|$)') ? '01' : ${b3}.matches('${form}0(-|$)') ? '00' : ${b3} < '${limit}' ? '01' : '00')`)),
    set(FIRST, `00-%REQ(b3):49%-%REQ(${FLAGS})%`),
    set(SECOND, `00-0000000000000000%REQ(b3):33%-%REQ(${FLAGS})%`),
    set(FIRST, where(`${short} && ${valid(SECOND)}`, header(SECOND))),
    addIfAbsent('traceparent', where(`${sent('b3')} && ${valid(FIRST)}`, header(FIRST))),
  ]
}

function fromSeveralB3(limit: string): readonly Json[] {
  const id = 'x-b3-traceid'
  const both = `${sent(id)} && ${sent('x-b3-spanid')}`
  const is = (name: string, ...values: readonly string[]) => `(${sent(name)} && ${header(name)} in [${values.map((value) => `'${value}'`).join(', ')}])`
  const yes = `${is('x-b3-flags', '1')} || ${is('x-b3-sampled', '1', 'true')}`
  const no = is('x-b3-sampled', '0', 'false')
  return [
    ...remove(FIRST, SECOND),
    set(FLAGS, decide(`!(${sent(id)}) || ${yes}`, no, id, limit)),
    set(FIRST, `00-%REQ(${id}):33%-%REQ(x-b3-spanid):17%-%REQ(${FLAGS})%`),
    set(SECOND, `00-0000000000000000%REQ(${id}):17%-%REQ(x-b3-spanid):17%-%REQ(${FLAGS})%`),
    addIfAbsent('traceparent', where(`${both} && ${valid(FIRST)}`, header(FIRST))),
    addIfAbsent('traceparent', where(`${both} && ${valid(SECOND)}`, header(SECOND))),
  ]
}

/**
 * What a proxy that begins spans does first: the trace that a call continues is put into one valid `traceparent`, or there is none and a new trace begins. Envoy alone
 * would begin no trace at all after a malformed one. W3C Trace Context wins over B3 (a single header or several; ids of 64 bits are padded). A B3 context without a
 * decision is sampled by its id. The B3 headers themselves and the baggage stay.
 */
export function traceContext(samplingPercent: number): readonly Json[] {
  const limit = threshold(samplingPercent)
  return [
    set(FIRST, '%REQ(traceparent):55%'),
    set(SECOND, where(W3C_VALID, header(FIRST))),
    set(KEPT, where(STATE_KEPT, header('tracestate'))),
    ...remove('traceparent', 'tracestate'),
    set('traceparent', `%REQ(${SECOND})%`),
    set('tracestate', `%REQ(${KEPT})%`),
    ...fromSingleB3(limit),
    ...fromSeveralB3(limit),
    ...remove(FIRST, SECOND, FLAGS, KEPT),
  ]
}
