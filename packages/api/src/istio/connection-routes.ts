import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, port } from '../pieces.ts'
import { HttpDestination } from './http-actions.ts'
import { RouteWeight } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/virtual-service/ (API v1).

const CALLER = {
  port: Type.Optional(port('port that was connected to')),
  sourceLabels: Type.Optional(Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 63 }), { description: 'labels of the caller' })),
  sourceNamespace: Type.Optional(Type.String({ maxLength: 63, description: 'namespace of the caller' })),
  gateways: Type.Optional(
    nonEmpty(Type.String({ minLength: 1, maxLength: 317 }), { maxItems: 64, description: 'where the connection came in: "mesh" or the name of a Gateway' }),
  ),
}

/** A condition on a connection of raw TCP (Istio `L4MatchAttributes`). Hosts of the mesh have no addresses of their own. */
export const ConnectionMatch = Type.Object(CALLER, { ...closedExcept('destinationSubnets', 'sourceSubnet'), description: 'a condition on a connection' })

/** A condition on a connection of TLS that nobody ends on the way (Istio `TLSMatchAttributes`). */
export const TlsMatch = Type.Object(
  { sniHosts: nonEmpty(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 64, description: 'server names, among the hosts' }), ...CALLER },
  { ...closedExcept('destinationSubnets', 'sourceSubnet'), description: 'a condition on a connection of TLS' },
)
/** {@link TlsMatch} as a type. */
export type TlsMatch = Static<typeof TlsMatch>

const Share = Type.Object(
  {
    destination: HttpDestination,
    weight: Type.Optional(RouteWeight),
  },
  closed,
)
const shares = nonEmpty(Share, { maxItems: 64, description: 'the shares' })

/** Where connections of raw TCP go (Istio `TCPRoute`). */
export const TcpRoute = Type.Object(
  { match: Type.Optional(Type.Array(ConnectionMatch, { maxItems: 64, description: 'any of these; absent: every connection' })), route: shares },
  closed,
)
/** {@link TcpRoute} as a type. */
export type TcpRoute = Static<typeof TcpRoute>

/** Where connections of TLS go (Istio `TLSRoute`). */
export const TlsRoute = Type.Object({ match: nonEmpty(TlsMatch, { maxItems: 64, description: 'any of these' }), route: shares }, closed)
/** {@link TlsRoute} as a type. */
export type TlsRoute = Static<typeof TlsRoute>
