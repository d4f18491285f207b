import { MESH } from '../read/routing.ts'
import type { FrontModel } from '../read/models.ts'
import type { MeshTcpRoute, TcpMatch } from '../snapshot.ts'
import { targetsOf, type Endpoints } from './endpoints.ts'
import { connectionRoutes, type Work } from './routes.ts'
import { wholeShares } from './weights.ts'

/** VirtualServices whose routes a host has: of its own namespace, and those of its callers'. */
export interface Owners {
  readonly own: FrontModel | undefined
  readonly consumers: readonly FrontModel[]
}

/**
 * Where connections to a host go: first, for callers of other namespaces, as a VirtualService there says; then by that of the host's own namespace, else where
 * its calls would go. Of a VirtualService without routes of connections there is nothing to follow.
 */
export function tcpRoutes(work: Work, endpoints: Endpoints, { own, consumers }: Owners): readonly MeshTcpRoute[] {
  const said = own?.connections === undefined ? ownTcpRoutes(work, endpoints) : connectionRoutes(work, own, inMesh)
  return [...consumers.flatMap((consumer) => consumerRoutes(work, consumer)), ...said]
}

function ownTcpRoutes(work: Work, endpoints: Endpoints): readonly MeshTcpRoute[] {
  return [{ name: 'default', matches: [], targets: wholeShares(targetsOf(work, endpoints, undefined, 100)), origin: endpoints.owner.model.ref }]
}

/** Whether a condition can hold for connections in the mesh. */
export function inMesh({ gateways }: TcpMatch): boolean {
  return gateways?.includes(MESH) ?? true
}

/** For callers of the VirtualService's namespace alone; what none of its routes takes is refused there, not sent where the host's own routes say. */
function consumerRoutes(work: Work, front: FrontModel): readonly MeshTcpRoute[] {
  if (front.connections === undefined) return []
  const { namespace } = front
  const routes = connectionRoutes(work, front, inMesh).flatMap((route) => {
    const matches = (route.matches.length === 0 ? [{}] : route.matches)
      .filter((match: TcpMatch) => (match.sourceNamespace ?? namespace) === namespace)
      .map((match) => ({ ...match, sourceNamespace: namespace }))
    return matches.length === 0 ? [] : [{ ...route, matches }]
  })
  const missing = `no route of the VirtualService ${front.key} matches`
  return [
    ...routes,
    { name: 'no-route', matches: [{ sourceNamespace: namespace }], targets: [{ weight: 100, workload: undefined, missing }], origin: front.ref },
  ]
}
