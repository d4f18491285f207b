import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { WeftError } from '@weft/core'
import type { MeshChanges, MeshPlane } from '@weft/mesh-model'
import { wholeNumber } from '../http/query.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1/snapshots'
const version = (description: string) => Type.Optional(Type.String({ maxLength: 16, description }))
const VERSIONS = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
const Range = Type.Object({ from: version('version before; default: the one before `to`'), to: version('version after; default: the newest') })

/** What changed in the mesh; for `weft mesh diff`. */
export const SNAPSHOT_ROUTES = {
  snapshots: {
    method: 'GET',
    url: BASE,
    summary: 'The newest fifty snapshots of the mesh: version, time, and the resources whose change made them',
    tag: 'mesh',
    responses: { 200: { description: 'SnapshotEntry, oldest first' } },
  },
  changes: {
    method: 'GET',
    url: `${BASE}/diff`,
    summary: 'What changed between two snapshots, and which resources caused it',
    tag: 'mesh',
    query: Range,
    responses: { 200: { description: 'MeshChanges' }, 404: { description: 'a version is not remembered, or they are not in order' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handlers. */
export function registerSnapshotRoutes(app: FastifyInstance, mesh: Pick<MeshPlane, 'snapshots' | 'changes'>): void {
  app.route({ ...routeOptions(SNAPSHOT_ROUTES.snapshots), handler: () => mesh.snapshots() })
  app.route<{ Querystring: Static<typeof Range> }>({
    ...routeOptions(SNAPSHOT_ROUTES.changes),
    handler: async ({ query }): Promise<MeshChanges> => {
      const [from, to] = [wholeNumber(query.from, 'from', VERSIONS), wholeNumber(query.to, 'to', VERSIONS)]
      const changes = await mesh.changes(from, to)
      if (changes !== undefined) return changes
      throw new WeftError('SNAPSHOT_NOT_KEPT', { range: `${from ?? 'the one before'} to ${to ?? 'the newest'}` })
    },
  })
}
