import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { isWeftError, parseDurationMs, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { LiveTap, MeshPlane, TapFilter, TapRequest } from '@weft/mesh-model'
import { wholeNumber } from '../http/query.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { streamLines, type OpenStreams } from '../http/stream.ts'
import { callerOf, notThere, refOf } from './asked.ts'

const DEFAULT_RPS = 100
const RPS = { minimum: 1, maximum: 1000 }
const LIMIT = { minimum: 1, maximum: 1_000_000 }
const DEFAULT_DURATION = '10m'
const MOST_DURATION_MS = 3_600_000
const STATUS = { minimum: 100, maximum: 599 }

const Params = Type.Object({ name: Type.String({ description: 'NAME or NAME.NAMESPACE of a function, a Service or a revision' }) })
const Query = Type.Object({
  namespace: Type.Optional(Type.String()),
  direction: Type.Optional(Type.Enum(['inbound', 'outbound'], { description: 'calls that come to it, or calls that it makes; default both' })),
  method: Type.Optional(Type.String({ pattern: "^[A-Za-z!#$%&'*+.^_`|~-]+$", maxLength: 32 })),
  path: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'the whole path; PREFIX* or *SUFFIX' })),
  status: Type.Optional(Type.String({ pattern: '^(0|[1-5]([0-9][0-9]|xx))$', description: '404, or a class such as 5xx; 0: no answer' })),
  minStatus: Type.Optional(Type.String({ maxLength: 16, description: 'this status (100 to 599) and above' })),
  from: Type.Optional(
    Type.String({ maxLength: 512, description: 'function, Service or revision that calls, or an identity such as cluster.local/ns/NS/sa/NAME' }),
  ),
  fromNamespace: Type.Optional(Type.String({ maxLength: 63, description: 'namespace of the caller' })),
  maxRps: Type.Optional(Type.String({ maxLength: 16, description: `calls per second that are shown, 1 to ${RPS.maximum}; default ${DEFAULT_RPS}` })),
  limit: Type.Optional(Type.String({ maxLength: 16, description: `ends after so many calls, 1 to ${LIMIT.maximum}` })),
  duration: Type.Optional(Type.String({ maxLength: 32, description: `ends after this time, at most 1h; default ${DEFAULT_DURATION}` })),
})
type Query = Static<typeof Query>

/** Calls as they happen; for `weft mesh tap`. */
export const TAP_ROUTES = {
  tap: {
    method: 'GET',
    url: '/apis/mesh.weft.dev/v1alpha1/tap/:name',
    summary: 'Live calls of a function, Service or revision as their proxy sees them end, one JSON object per line',
    description:
      'A line is a call, {"kind":"dropped","count"} for calls that were not shown, {"kind":"idle"} every ten seconds without one, or {"kind":"end","reason"}. No query of a path, no header with credentials.',
    tag: 'mesh',
    params: Params,
    query: Query,
    responses: {
      200: { description: 'TapEvent per line, as they come', contentType: 'application/x-ndjson' },
      404: { description: 'the mesh knows no such host' },
      429: { description: 'others look at calls already, and no more may' },
    },
  },
} as const satisfies Record<string, RouteSpec>

/** Collaborators of the route. */
export interface TapRoutesOptions {
  readonly mesh: Pick<MeshPlane, 'tap'>
  readonly streams: OpenStreams
  readonly log: Log
}

/** Attaches the handler. */
export function registerTapRoutes(app: FastifyInstance, { mesh, streams, log }: TapRoutesOptions): void {
  app.route<{ Params: Static<typeof Params>; Querystring: Query }>({
    ...routeOptions(TAP_ROUTES.tap),
    handler: async ({ params, query }, reply) => {
      const wanted = tapRequest(params.name, query)
      const tap = (await mesh.tap(wanted)) ?? notThere(wanted.name)
      await streamLines(reply, {
        contentType: 'application/x-ndjson',
        streams,
        log,
        lines: (signal) => linesOf(tap, signal),
        onError: (error) => JSON.stringify({ kind: 'end', reason: isWeftError(error) ? error.message : 'closed' }),
      })
      return reply
    },
  })
}

/** What a query asks for. @throws WeftError `INVALID_NAME`, `INVALID_VALUE` */
export function tapRequest(name: string, query: Query): TapRequest {
  const { duration = DEFAULT_DURATION } = query
  const maxRps = wholeNumber(query.maxRps, 'maxRps', RPS) ?? DEFAULT_RPS
  const limit = wholeNumber(query.limit, 'limit', LIMIT)
  const durationMs = parseDurationMs(duration, 'duration')
  if (durationMs <= 0 || durationMs > MOST_DURATION_MS) throw new WeftError('INVALID_VALUE', { field: 'duration', reason: 'must be above 0 and at most 1h' })
  return { name: refOf(name, query.namespace), filter: filterOf(query), maxRps, durationMs, ...(limit === undefined ? {} : { limit }) }
}

function filterOf({ namespace, direction, method, path, status, minStatus: least, from, fromNamespace }: Query): TapFilter {
  const minStatus = wholeNumber(least, 'minStatus', STATUS)
  if (status !== undefined && minStatus !== undefined)
    throw new WeftError('INVALID_VALUE', { field: 'minStatus', reason: 'give status or minStatus, not both' })
  return {
    ...(direction === undefined ? {} : { direction }),
    ...(method === undefined ? {} : { method: method.toUpperCase() }),
    ...(path === undefined ? {} : { path: pathOf(path) }),
    ...(status === undefined ? {} : { status: statusOf(status) }),
    ...(minStatus === undefined ? {} : { status: { from: minStatus, to: STATUS.maximum } }),
    ...(from === undefined ? {} : { from: callerOf(from, namespace) }),
    ...(fromNamespace === undefined ? {} : { fromNamespace }),
  }
}

/** As paths of policies are written. @throws WeftError `INVALID_VALUE` */
function pathOf(text: string): NonNullable<TapFilter['path']> {
  const value = text.replace(/^\*|\*$/, '')
  if (value.includes('*')) throw new WeftError('INVALID_VALUE', { field: 'path', reason: 'one * at its beginning or end at most' })
  return { kind: text.endsWith('*') ? 'prefix' : text.startsWith('*') ? 'suffix' : 'exact', value }
}

function statusOf(text: string): { readonly from: number; readonly to: number } {
  if (!text.endsWith('xx')) return { from: Number(text), to: Number(text) }
  const from = Number(text[0]) * 100
  return { from, to: from + 99 }
}

async function* linesOf(tap: LiveTap, signal: AbortSignal): AsyncGenerator<string> {
  for await (const event of tap.events(signal)) yield JSON.stringify(event)
}
