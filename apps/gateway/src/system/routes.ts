import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { WeftError } from '@weft/core'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import type { GatewayVersion } from '../options.ts'

const VersionSchema = Type.Object({ sha: Type.String(), release: Type.String() })
const InfoSchema = Type.Object({
  provider: Type.Object({ provider: Type.String(), orchestration: Type.String(), version: VersionSchema }),
  version: VersionSchema,
  arch: Type.String(),
})
const AlertBody = Type.Object({
  receiver: Type.Optional(Type.String()),
  status: Type.Optional(Type.String()),
  alerts: Type.Array(Type.Object({ status: Type.String(), labels: Type.Record(Type.String(), Type.String()) }), { maxItems: 10_000 }),
})

/** The routes about the platform itself. */
export const SYSTEM_ROUTES = {
  info: {
    method: 'GET',
    url: '/system/info',
    summary: 'Version and provider',
    tag: 'platform',
    responses: { 200: { description: 'GatewayInfo of OpenFaaS', schema: InfoSchema } },
  },
  telemetry: {
    method: 'GET',
    url: '/system/telemetry',
    summary: 'What is reported to the makers: nothing',
    tag: 'platform',
    responses: { 200: { description: 'always disabled', schema: Type.Object({ enabled: Type.Boolean() }) } },
  },
  alert: {
    method: 'POST',
    url: '/system/alert',
    summary: 'Takes the webhook of Alertmanager',
    description: 'Accepted for the sake of existing set-ups and without effect: the scaler goes by the load reports of the mesh.',
    tag: 'platform',
    body: AlertBody,
    responses: { 202: { description: 'taken' } },
  },
  healthz: {
    method: 'GET',
    url: '/healthz',
    summary: 'Whether the control API serves',
    tag: 'platform',
    auth: false,
    responses: { 200: { description: 'OK', contentType: 'text/plain' }, 503: { description: 'draining', contentType: 'text/plain' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Collaborators of the routes. */
export interface SystemRoutesOptions {
  readonly version: GatewayVersion
  readonly isDraining: () => boolean
}

/** Attaches the handlers. */
export function registerSystemRoutes(app: FastifyInstance, { version, isDraining }: SystemRoutesOptions): void {
  const own = { sha: version.sha, release: version.release }
  const arch = process.arch === 'x64' ? 'x86_64' : process.arch
  app.route({
    ...routeOptions(SYSTEM_ROUTES.info),
    handler: () => Promise.resolve({ provider: { provider: 'weft', orchestration: 'weft', version: own }, version: own, arch }),
  })
  app.route({ ...routeOptions(SYSTEM_ROUTES.telemetry), handler: () => Promise.resolve({ enabled: false }) })
  app.route({ ...routeOptions(SYSTEM_ROUTES.alert), handler: (_request, reply) => reply.code(202).send() })
  app.head('/healthz', { config: { open: true } }, (_request, reply) => reply.code(isDraining() ? 503 : 200).send())
  app.route({
    ...routeOptions(SYSTEM_ROUTES.healthz),
    handler: (_request, reply) =>
      reply
        .code(isDraining() ? 503 : 200)
        .type('text/plain')
        .send(isDraining() ? 'draining' : 'OK'),
  })
  registerUnavailable(app)
}

/** Asynchronous calls are known by name, so that their absence is told and not guessed. */
function registerUnavailable(app: FastifyInstance): void {
  for (const url of ['/async-function/*', '/async-function']) {
    app.all(url, { config: { open: true } }, () => {
      throw new WeftError('NOT_AVAILABLE', { what: 'asynchronous invocation', help: 'call the function synchronously at /function/NAME' })
    })
  }
}
