import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { MeshPlane } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { wholeNumber } from '../http/query.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'

const DEFAULT_SECONDS = 10
const SECONDS = { minimum: 1, maximum: 300 }
/** Every list says which version of the store it is of; this one is short. */
const SHORT_LIST = { group: '', kind: 'Namespace' }

const Query = Type.Object({
  resourceVersion: Type.Optional(
    Type.String({ maxLength: 30, pattern: '^\\d+$', description: 'what is to be in force; default: everything that is stored now' }),
  ),
  timeoutSeconds: Type.Optional(Type.String({ maxLength: 3, description: 'how long to wait, 1 to 300; default: 10' })),
})

/** When what was written is in force; for `weft apply` and `weft mesh wait`. */
export const SETTLED_ROUTES = {
  settled: {
    method: 'GET',
    url: '/apis/mesh.weft.dev/v1alpha1/settled',
    summary: 'Waits until what is stored is in force at every proxy',
    tag: 'mesh',
    query: Query,
    responses: { 200: { description: 'Delivery: whether it is, and which proxies were not waited for any longer, and why' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handler. */
export function registerSettledRoutes(app: FastifyInstance, { store, mesh }: { readonly store: Store; readonly mesh: Pick<MeshPlane, 'settled'> }): void {
  app.route<{ Querystring: Static<typeof Query> }>({
    ...routeOptions(SETTLED_ROUTES.settled),
    handler: async ({ query }) => {
      const seconds = wholeNumber(query.timeoutSeconds, 'timeoutSeconds', SECONDS) ?? DEFAULT_SECONDS
      return mesh.settled(query.resourceVersion ?? (await store.list(SHORT_LIST)).resourceVersion, seconds * 1000)
    },
  })
}
