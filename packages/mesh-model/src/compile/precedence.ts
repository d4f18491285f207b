import { byAge } from '../read/base.ts'
import type { GatewayRouteModel, RouteEntry } from '../read/gateway-api/models.ts'

/** An entry in the company of those of other routes. */
export interface Placed {
  readonly route: GatewayRouteModel
  readonly entry: RouteEntry
}

/**
 * Which of two entries is asked first: the more specific match; then the older route, then the first by `namespace/name`; within a route, the order in which they
 * are written (a stable sort keeps it) (Gateway API, HTTPRouteRule.matches).
 */
export function inPrecedence(a: Placed, b: Placed): number {
  const length = Math.max(a.entry.rank.length, b.entry.rank.length)
  for (let at = 0; at < length; at++) {
    const difference = (b.entry.rank[at] ?? 0) - (a.entry.rank[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.route === b.route ? 0 : byAge(a.route, b.route)
}
