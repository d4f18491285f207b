import type { MeshTcpRoute } from '../snapshot.ts'
import { targetsOf, type Endpoints, type Reading } from './endpoints.ts'
import { wholeShares } from './weights.ts'

/** Where connections go without a VirtualService. */
export function ownTcpRoutes(reading: Reading, endpoints: Endpoints): readonly MeshTcpRoute[] {
  if (endpoints.tcpPorts.length === 0) return []
  return [{ name: 'default', matches: [], targets: wholeShares(targetsOf(reading, endpoints, undefined, 100)), origin: endpoints.owner.model.ref }]
}
