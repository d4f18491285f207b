import type { ApiGatewaySpec, GatewayListener } from '../gateway-api/gateway.ts'
import { child, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'

/** What the schema of a Gateway of the Gateway API cannot say. */
export function checkApiGateway({ listeners }: ApiGatewaySpec): readonly Violation[] {
  const path = 'spec.listeners'
  return [
    ...duplicates(
      listeners.map(({ name }) => name),
      path,
    ),
    ...duplicates(
      listeners.map(({ port, protocol, hostname = '*' }) => `${protocol} ${port} ${hostname}`),
      path,
    ),
    ...listeners.flatMap((listener, index) => checkListener(listener, child(path, index))),
  ]
}

function checkListener({ protocol, tls, allowedRoutes }: GatewayListener, path: string): readonly Violation[] {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {}
  const certificates = tls?.certificateRefs ?? []
  return [
    ...(protocol === 'HTTP' && tls !== undefined ? [{ field: `${path}.tls`, reason: 'does not belong to a listener of protocol HTTP' }] : []),
    ...(protocol === 'HTTPS' && certificates.length === 0
      ? [{ field: `${path}.tls.certificateRefs`, reason: 'is missing; a listener of protocol HTTPS needs a certificate' }]
      : []),
    ...(from === 'Selector' && selector === undefined
      ? [{ field: `${path}.allowedRoutes.namespaces.selector`, reason: 'is missing; from: Selector needs it' }]
      : []),
  ]
}
