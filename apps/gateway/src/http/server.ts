import { fastify, type FastifyInstance } from 'fastify'
import { parseDocument } from 'yaml'
import { messageOf, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { BasicAuth } from '../auth/basic.ts'
import { AUTHENTICATE } from '../auth/basic.ts'
import { assertHarmless, parseJsonBody } from './json.ts'
import { sendError } from './reply-error.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without credentials. */
    open?: boolean
  }
}

/** What a server needs. */
export interface ServerOptions {
  readonly auth: BasicAuth
  readonly log: Log
  readonly bodyBytes: number
}

/** A Fastify server with our error table, validation, body parsers and authentication, and no routes yet. */
export function createServer({ auth, log, bodyBytes }: ServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytes,
    exposeHeadRoutes: false,
    trustProxy: false,
    return503OnClosing: true,
    forceCloseConnections: false,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false, strict: false } },
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply, log)
    },
  })
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    return sendError(new WeftError('NO_ROUTE', { method: request.method, path }), request, reply, log)
  })
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open === true) return
    try {
      await auth.check(request.raw)
    } catch (error) {
      await sendError(error, request, reply.header('www-authenticate', AUTHENTICATE), log)
    }
  })
  addParsers(app)
  return app
}

/** JSON whatever the content type says, as old clients send none; YAML where it is named. */
function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(/^application\/([\w.-]+\+)?yaml\b/, { parseAs: 'string' }, (_request, body, done) =>
    attempt(() => parseYamlBody(String(body)), done),
  )
  app.addContentTypeParser(/^application\/vnd\.kubernetes\.protobuf\b/, (_request, _payload, done) => {
    const allowed = 'application/json, application/yaml (with kubectl: `kubectl apply -f FILE`, which sends JSON)'
    done(new WeftError('UNSUPPORTED_MEDIA_TYPE', { type: 'application/vnd.kubernetes.protobuf', allowed }))
  })
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => attempt(() => parseOptional(String(body)), done))
}

function attempt(parse: () => unknown, done: (error: Error | null, value?: unknown) => void): void {
  try {
    done(null, parse())
  } catch (error) {
    done(error instanceof Error ? error : new Error(messageOf(error)))
  }
}

/** A body of no bytes is no body; what needs one says so by its schema. */
function parseOptional(text: string): unknown {
  return text === '' ? null : parseJsonBody(text)
}

/**
 * Reads one YAML document; aliases are not followed beyond a hundred and the core schema has no tags that make objects.
 * @throws WeftError `MALFORMED_BODY`
 */
export function parseYamlBody(text: string): unknown {
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true })
  const [problem] = document.errors
  if (problem !== undefined) throw new WeftError('MALFORMED_BODY', { reason: `it is not valid YAML (${problem.code})` })
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new WeftError('MALFORMED_BODY', { reason: 'its YAML aliases expand to too much' })
  }
  assertHarmless(value)
  return value
}
