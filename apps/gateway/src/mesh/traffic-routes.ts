import type { FastifyInstance } from 'fastify'
import type { TrafficStatistics } from '@weft/mesh-model'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import type { TrafficTotals } from '../metrics/traffic.ts'

/** A reading of the calls within the mesh. */
export interface TrafficReading {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Totals since the platform started; they never go back. */
  readonly traffic: readonly TrafficStatistics[]
}

/** What was called by whom; for `weft mesh graph`. */
export const TRAFFIC_ROUTES = {
  traffic: {
    method: 'GET',
    url: '/apis/mesh.weft.dev/v1alpha1/traffic',
    summary: 'Calls within the mesh since the platform started, by caller, callee and outcome; two readings make a rate',
    tag: 'mesh',
    responses: { 200: { description: 'TrafficReading' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handler. */
export function registerTrafficRoutes(app: FastifyInstance, traffic: TrafficTotals, now: () => number): void {
  app.route({ ...routeOptions(TRAFFIC_ROUTES.traffic), handler: async (): Promise<TrafficReading> => ({ traffic: await traffic.read(), at: now() }) })
}
