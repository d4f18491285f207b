import type { FastifyInstance } from 'fastify'
import { routeOptions } from '../http/route.ts'
import { OPENAPI_ROUTES, openApiDocument } from './document.ts'

/** Serves the document; it is made once. */
export function registerOpenApiRoutes(app: FastifyInstance, release: string): void {
  const text = JSON.stringify(openApiDocument(release))
  app.route({ ...routeOptions(OPENAPI_ROUTES.openApi), handler: (_request, reply) => reply.type('application/json').send(text) })
}
