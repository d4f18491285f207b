import { canonicalNamespace } from '@weft/core'
import type { TcpRoute, TlsMatch, TlsRoute, VirtualServiceSpec } from '@weft/api'
import type { TcpMatch } from '../snapshot.ts'
import type { ConnectionRouteModel, Destination, Model } from './models.ts'

/** How a destination and the name of a gateway are read. */
export interface ConnectionReaders {
  readonly destination: (share: TcpRoute['route'][number], only: boolean) => Destination
  readonly gateway: (text: string) => string
}

/** Routes of connections: those of TLS first, which name what they are about. */
export function readConnections({ tls = [], tcp = [] }: VirtualServiceSpec, base: Model, readers: ConnectionReaders): readonly ConnectionRouteModel[] {
  return [
    ...tls.map((route, index) => connectionRoute(route, `${base.name}-tls-${index}`, readers)),
    ...tcp.map((route, index) => connectionRoute(route, `${base.name}-tcp-${index}`, readers)),
  ]
}

function connectionRoute(route: TcpRoute | TlsRoute, name: string, { destination, gateway }: ConnectionReaders): ConnectionRouteModel {
  return {
    name,
    matches: (route.match ?? []).map((match) => readMatch(match, gateway)),
    destinations: route.route.map((share) => destination(share, route.route.length === 1)),
  }
}

function readMatch(match: Partial<TlsMatch>, gateway: (text: string) => string): TcpMatch {
  return {
    ...(match.port === undefined ? {} : { port: match.port }),
    ...(match.sniHosts === undefined ? {} : { serverNames: match.sniHosts.map((name) => name.toLowerCase()) }),
    ...(match.sourceLabels === undefined ? {} : { sourceLabels: match.sourceLabels }),
    ...(match.sourceNamespace === undefined ? {} : { sourceNamespace: canonicalNamespace(match.sourceNamespace) }),
    ...(match.gateways === undefined ? {} : { gateways: match.gateways.map(gateway) }),
  }
}
