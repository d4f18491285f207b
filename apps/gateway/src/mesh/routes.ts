import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { MeshPlane } from '@weft/mesh-model'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import type { InvocationTotals } from '../metrics/invocations.ts'
import { notThere, refOf } from './asked.ts'

/** How long the answer about a rotation waits for the proxies. */
const ROTATION_DEADLINE_MS = 30_000
const BASE = '/apis/mesh.weft.dev/v1alpha1'
const ConfigParams = Type.Object({ name: Type.String({ description: 'NAME or NAME.NAMESPACE of a function or Service' }) })
const ConfigQuery = Type.Object({ namespace: Type.Optional(Type.String()) })

/** What the mesh tells of itself; for `weft mesh`. */
export const MESH_ROUTES = {
  status: {
    method: 'GET',
    url: `${BASE}/status`,
    summary: 'Proxies, what they acknowledged and refused, and findings about resources',
    tag: 'mesh',
    responses: { 200: { description: 'MeshStatus' } },
  },
  config: {
    method: 'GET',
    url: `${BASE}/config/:name`,
    summary: 'What the proxies hold for a function or Service, without keys',
    tag: 'mesh',
    params: ConfigParams,
    query: ConfigQuery,
    responses: { 200: { description: 'one entry per workload' }, 404: { description: 'the mesh knows no such host' } },
  },
  certs: {
    method: 'GET',
    url: `${BASE}/certs`,
    summary: 'Roots, intermediates and leaves: identity, serial, validity, who signed, warnings',
    tag: 'mesh',
    responses: { 200: { description: 'certificates' } },
  },
  invocations: {
    method: 'GET',
    url: `${BASE}/invocations`,
    summary: 'Calls, status codes and durations of every function since the platform started',
    tag: 'mesh',
    responses: { 200: { description: 'one entry per function' } },
  },
  rotate: {
    method: 'POST',
    url: `${BASE}/rotate`,
    summary: 'Issue new certificates for all identities now',
    tag: 'mesh',
    responses: { 202: { description: 'issued' } },
  },
  rotateRoot: {
    method: 'POST',
    url: `${BASE}/rotate-root`,
    summary: 'Replace the root, by a new one or by the files of the certificate authority as they are now; no call is lost',
    tag: 'mesh',
    responses: { 200: { description: 'RootRotation: how far it got within 30 s; it goes on by itself' }, 409: { description: 'the files are those in force' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handlers. */
export function registerMeshRoutes(app: FastifyInstance, mesh: MeshPlane, invocations: InvocationTotals): void {
  app.route({ ...routeOptions(MESH_ROUTES.status), handler: () => mesh.status() })
  app.route({ ...routeOptions(MESH_ROUTES.certs), handler: () => mesh.certificates() })
  app.route({ ...routeOptions(MESH_ROUTES.invocations), handler: async () => [...(await invocations.read()).values()] })
  app.route<{ Params: Static<typeof ConfigParams>; Querystring: Static<typeof ConfigQuery> }>({
    ...routeOptions(MESH_ROUTES.config),
    handler: async ({ params, query }) => {
      const ref = refOf(params.name, query.namespace)
      const workloads = await mesh.configuration(ref)
      if (workloads.length === 0) notThere(ref)
      return workloads
    },
  })
  app.route({ ...routeOptions(MESH_ROUTES.rotateRoot), handler: () => mesh.rotateRoot(ROTATION_DEADLINE_MS) })
  app.route({
    ...routeOptions(MESH_ROUTES.rotate),
    handler: async (_request, reply) => {
      await mesh.rotate()
      return reply.code(202).send()
    },
  })
}
