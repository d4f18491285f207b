import { ERRORS } from '@weft/core'
import type { ErrorCode } from '@weft/core'
import { stringFields } from './access-log.ts'
import { addHeader } from './headers.ts'
import { duration, wrap } from './json.ts'
import { STREAM_REQUESTS } from './streams.ts'
import type { Json } from './types.ts'

/** Fields that Envoy fills in when it answers by itself. */
const OPERATORS: Readonly<Record<string, string>> = { path: '%PATH(NQ)%', details: '%RESPONSE_CODE_DETAILS%' }

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/** The project's error body as a JSON format: Envoy escapes what it fills in. */
function errorFormat(code: ErrorCode): Json {
  const { message, help } = ERRORS[code]
  const error = { structValue: { fields: stringFields({ code, message: fill(message, OPERATORS), help: fill(help, OPERATORS) }) } }
  return { json_format: { fields: { error } }, content_type: 'application/json' }
}

function flags(...names: readonly string[]): Json {
  return { response_flag_filter: { flags: names } }
}

function status(code: number): Json {
  return { status_code_filter: { comparison: { op: 'EQ', value: { default_value: code, runtime_key: 'weft.local_reply' } } } }
}

function mapper(filter: Json, code: ErrorCode, extra: readonly Json[] = []): Json {
  return { filter, status_code: wrap(ERRORS[code].status), body_format_override: errorFormat(code), headers_to_add: extra }
}

/** A stream that nobody watches is refused with 500 by its filter; other answers of that status are a route's own. */
const STREAM_FAILED: Json = {
  and_filter: { filters: [status(500), { or_filter: { filters: STREAM_REQUESTS.map((header) => ({ header_filter: { header } })) } }] },
}

/** When to try again, unless somebody who knows better has said so already. */
export function retryAfter(seconds: number): Json {
  return addHeader('retry-after', String(seconds), 'ADD_IF_ABSENT')
}

const RETRY_AFTER = [retryAfter(1)]

/** What Envoy answers by itself, in the project's one error format. The first line that applies is taken. */
export const LOCAL_REPLIES: Json = {
  mappers: [
    { filter: flags('FI'), body_format_override: { text_format_source: { inline_string: '%LOCAL_REPLY_BODY%' } } },
    mapper(flags('NR'), 'ROUTE_NOT_FOUND'),
    mapper(flags('UO'), 'OVERLOADED', RETRY_AFTER),
    mapper(flags('UT', 'DT', 'SI'), 'CALL_TIMEOUT'),
    mapper(flags('UH', 'NC'), 'NO_REPLICA', RETRY_AFTER),
    mapper(flags('UF', 'UC', 'URX', 'LR', 'UR'), 'CALL_FAILED', RETRY_AFTER),
    mapper(status(401), 'TOKEN_REFUSED'),
    mapper(status(403), 'CALL_FORBIDDEN'),
    mapper(status(400), 'BAD_REQUEST'),
    mapper(status(408), 'REQUEST_TIMEOUT'),
    mapper(status(413), 'REQUEST_TOO_LARGE'),
    mapper(status(429), 'RATE_LIMITED', RETRY_AFTER),
    mapper(STREAM_FAILED, 'CALL_FAILED', RETRY_AFTER),
    mapper(status(431), 'HEADERS_TOO_LARGE'),
  ],
}

/** A fixed answer in the project's error format; `values` fill the message's placeholders. */
export function directError(code: ErrorCode, values: Readonly<Record<string, string>>): Json {
  const entry = ERRORS[code]
  const body = JSON.stringify({ error: { code, message: fill(entry.message, values), help: fill(entry.help, values) } })
  return {
    direct_response: { status: entry.status, body: { inline_string: body } },
    response_headers_to_add: [addHeader('content-type', 'application/json', 'OVERWRITE_IF_EXISTS_OR_ADD')],
  }
}

/** Time after which a call on which nothing moves is given up. */
export function callIdleTimeout(workloadMs: number, activationMs: number, graceMs: number): Json {
  return duration(workloadMs + activationMs + graceMs)
}
