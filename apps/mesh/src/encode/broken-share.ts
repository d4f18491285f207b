import type { MeshRoute, RouteTarget } from '@weft/mesh-model'
import { directError } from './local-reply.ts'
import { fraction } from './route-actions.ts'
import type { Routed } from './routes.ts'
import type { Json } from './types.ts'

/** What is wrong with a route's targets. */
interface BrokenShare {
  /** Nothing is left beside it. */
  readonly whole: boolean
  readonly millionths: number
  readonly reason: string
}

/** The share of a route that is answered 500, since what it refers to is wrong. */
export function brokenShare({ targets }: MeshRoute): BrokenShare | undefined {
  const sum = (list: readonly RouteTarget[]) => list.reduce((total, { weight }) => total + weight, 0)
  const broken = targets.filter(({ weight, missingStatus }) => weight > 0 && missingStatus !== undefined)
  if (broken.length === 0) return undefined
  const share = sum(broken) / sum(targets)
  return { whole: share === 1, millionths: Math.round(share * MILLION), reason: [...new Set(broken.map(({ missing = '' }) => missing))].join('; ') }
}

const MILLION = 1_000_000

/** A route before the others that takes that share of their calls. */
export function refusedShare(host: Routed, route: MeshRoute, { whole, millionths, reason }: BrokenShare, match: Json): Json {
  const part = whole ? {} : { runtime_fraction: { default_value: fraction(millionths) } }
  return { name: route.name, match: { ...match, ...part }, ...directError('BACKEND_INVALID', { host: host.name, reason }) }
}
