import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { canonicalNamespace, parseFunctionRef, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { LogLine, LogQuery, Provider } from '@weft/provider'
import { shownNamespace } from '../functions/convert.ts'
import type { Functions } from '../functions/service.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { streamLines, type OpenStreams } from '../http/stream.ts'

const LogsQuery = Type.Object({
  name: Type.Optional(Type.String({ description: 'name of the function (needed)' })),
  namespace: Type.Optional(Type.String()),
  instance: Type.Optional(Type.String({ maxLength: 253, description: 'id of one replica' })),
  tail: Type.Optional(Type.String({ description: 'the last so many lines; 0 or less: all that is kept' })),
  follow: Type.Optional(Type.String({ description: 'true or 1: go on as lines come' })),
  since: Type.Optional(Type.String({ description: 'RFC 3339' })),
})
type LogsQuery = Static<typeof LogsQuery>

/** The route of OpenFaaS for logs. */
export const LOG_ROUTES = {
  logs: {
    method: 'GET',
    url: '/system/logs',
    summary: 'Log lines of a function, one JSON object per line',
    description: 'All lines that are kept unless tail or since says less.',
    tag: 'logs',
    query: LogsQuery,
    responses: {
      200: { description: '{name, namespace, instance, timestamp, text} per line, flushed as they come', contentType: 'application/x-ndjson' },
      404: { description: 'there is no such function' },
      422: { description: 'a parameter cannot be read' },
    },
  },
} as const satisfies Record<string, RouteSpec>

const BOOLEANS: Readonly<Record<string, boolean>> = {
  '': false,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
}
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/** Reads the parameters as the clients of OpenFaaS write them. @throws WeftError `INVALID_QUERY` (422), `INVALID_NAME` */
export function logQuery(query: LogsQuery): Omit<LogQuery, 'signal'> {
  if (query.name === undefined || query.name === '') throw new WeftError('INVALID_QUERY', { field: 'name', reason: 'it is needed' })
  const ref = parseFunctionRef(query.name, canonicalNamespace(query.namespace))
  const follow = Object.hasOwn(BOOLEANS, query.follow ?? '') ? BOOLEANS[query.follow ?? ''] : undefined
  if (follow === undefined) throw new WeftError('INVALID_QUERY', { field: 'follow', reason: 'it is neither true nor false' })
  const tail = query.tail === undefined || query.tail === '' ? 0 : Number(query.tail)
  if (!Number.isSafeInteger(tail)) throw new WeftError('INVALID_QUERY', { field: 'tail', reason: 'it is not a whole number' })
  const since = query.since === undefined || query.since === '' ? undefined : Date.parse(query.since)
  if (since !== undefined && (Number.isNaN(since) || !RFC3339.test(query.since ?? ''))) {
    throw new WeftError('INVALID_QUERY', { field: 'since', reason: 'it is not a time such as 2026-01-31T12:00:00Z' })
  }
  return {
    namespace: ref.namespace,
    function: ref.name,
    follow,
    ...(query.instance === undefined || query.instance === '' ? {} : { replica: query.instance }),
    ...(tail > 0 ? { tail } : {}),
    ...(since === undefined ? {} : { since }),
  }
}

/** Collaborators of the route. */
export interface LogRoutesOptions {
  readonly functions: Functions
  readonly provider: Provider
  readonly streams: OpenStreams
  readonly log: Log
}

/** Attaches the handler. */
export function registerLogRoutes(app: FastifyInstance, options: LogRoutesOptions): void {
  app.route<{ Querystring: LogsQuery }>({
    ...routeOptions(LOG_ROUTES.logs),
    handler: async ({ query }, reply) => {
      const wanted = logQuery(query)
      await options.functions.describe({ namespace: wanted.namespace, name: wanted.function })
      const namespace = shownNamespace(wanted.namespace, query.namespace)
      await streamLines(reply, {
        contentType: 'application/x-ndjson',
        streams: options.streams,
        log: options.log,
        lines: (signal) => messages(options.provider.logs({ ...wanted, signal }), namespace),
      })
      return reply
    },
  })
}

async function* messages(lines: AsyncIterable<LogLine>, namespace: string): AsyncGenerator<string> {
  for await (const line of lines) {
    const timestamp = new Date(line.timestamp).toISOString()
    yield JSON.stringify({ name: line.function, namespace, instance: line.replica, timestamp, text: line.text })
  }
}
