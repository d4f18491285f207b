import { GATEWAY_API } from '@weft/api'
import type { ApiGatewayModel, GatewayClassModel, ListenerModel } from '../read/gateway-api/gateways.ts'
import { GATEWAY_CONTROLLER, type ListenerStatus, type ResourceStatus, type StatusCondition } from '../resource-status.ts'
import type { ListenerKey, MeshListener } from '../snapshot.ts'
import { certificateProblem, secretKey } from '../world/api-gateways.ts'
import type { World } from '../world/world.ts'
import { credentialOf } from './gateway.ts'
import { listenerId } from './gateway-parents.ts'

/** What the status of a Gateway is made of. */
export interface GatewaySurroundings {
  readonly world: World
  readonly listeners: ReadonlyMap<ListenerKey, MeshListener>
  /** How many routes are attached to a listener, by {@link listenerId}. */
  readonly attached: (listener: string) => number
  /** Where the platform listens. */
  readonly address: string | undefined
}

const yes = (type: string, message: string, reason = type): StatusCondition => ({ type, status: 'True', reason, message })
const no = (type: string, reason: string, message: string): StatusCondition => ({ type, status: 'False', reason, message })

/** The status of a Gateway that is ours. */
export function gatewayStatus(gateway: ApiGatewayModel, around: GatewaySurroundings): ResourceStatus {
  const listeners = gateway.listeners.map((listener) => listenerStatus(gateway, listener, around))
  const holds = (type: string) => listeners.filter(({ conditions }) => conditions.some((one) => one.type === type && one.status === 'True')).length
  const [accepted, programmed] = [holds('Accepted'), holds('Programmed')]
  const some = `${programmed} of ${listeners.length} listeners are in force`
  const valid = accepted === listeners.length && holds('ResolvedRefs') === listeners.length
  return {
    resource: gateway.ref,
    generation: gateway.generation,
    conditions: [
      accepted === 0 ? no('Accepted', 'ListenersNotValid', some) : yes('Accepted', some, valid ? 'Accepted' : 'ListenersNotValid'),
      programmed === 0 ? no('Programmed', 'Invalid', some) : yes('Programmed', some),
    ],
    listeners,
    addresses: around.address === undefined ? [] : [{ type: 'IPAddress', value: around.address }],
  }
}

function listenerStatus(gateway: ApiGatewayModel, listener: ListenerModel, around: GatewaySurroundings): ListenerStatus {
  const conflict = conflictOf(gateway, listener, around)
  const resolved = resolvedOf(around.world, gateway, listener)
  const usable = conflict === undefined && (resolved.status === 'True' || resolved.reason === 'InvalidRouteKinds')
  return {
    name: listener.name,
    supportedKinds: listener.kinds.map((kind) => ({ group: GATEWAY_API, kind })),
    attachedRoutes: around.attached(listenerId(gateway.key, listener.name)),
    conditions: [
      conflict === undefined ? yes('Accepted', 'it is understood') : no('Accepted', 'PortUnavailable', conflict.message),
      conflict === undefined ? no('Conflicted', 'NoConflicts', 'no other listener wants the same') : yes('Conflicted', conflict.message, conflict.reason),
      resolved,
      usable ? yes('Programmed', 'it is in force') : no('Programmed', 'Invalid', conflict?.message ?? resolved.message),
    ],
  }
}

interface Conflict {
  readonly reason: 'ProtocolConflict' | 'HostnameConflict'
  readonly message: string
}

/** An older gateway has the port for something else, or the name. */
function conflictOf(gateway: ApiGatewayModel, listener: ListenerModel, { world, listeners }: GatewaySurroundings): Conflict | undefined {
  const meant = world.apiGateways.meantBy(gateway.key)
  const server = meant?.servers.find(({ name }) => name === listener.name)
  const key = meant === undefined || server === undefined ? undefined : world.gateways.listenerOf({ gateway: meant, server })
  const chains = key === undefined ? [] : (listeners.get(key)?.chains ?? [])
  const secure = chains.some(({ protocol }) => protocol === 'https' || protocol === 'tls')
  if (chains.length === 0 || secure !== (listener.protocol === 'https'))
    return { reason: 'ProtocolConflict', message: `port ${listener.port} carries something else already` }
  const taken = secure && !chains.some((chain) => chain.gateway === meant?.key && chain.server === listener.name)
  return taken ? { reason: 'HostnameConflict', message: `another listener on port ${listener.port} has ${listener.hostname} already` } : undefined
}

function resolvedOf(world: World, gateway: ApiGatewayModel, { certificate, unknownKinds }: ListenerModel): StatusCondition {
  if (certificate !== undefined) {
    const problem = certificateProblem(world, gateway, certificate)
    if (problem !== undefined) return no('ResolvedRefs', problem.reason, problem.message)
    const key = secretKey(certificate)
    if (credentialOf(world, key)?.certificate === undefined)
      return no('ResolvedRefs', 'InvalidCertificateRef', `there is no Secret ${key} with tls.crt and tls.key`)
  }
  if (unknownKinds.length > 0) return no('ResolvedRefs', 'InvalidRouteKinds', `${unknownKinds.join(', ')}: no such routes are read`)
  return yes('ResolvedRefs', 'everything that it refers to is there')
}

/** The status of a GatewayClass; `undefined` when it is somebody else's. */
export function classStatus({ ref, generation, controllerName }: GatewayClassModel): ResourceStatus | undefined {
  if (controllerName !== GATEWAY_CONTROLLER) return undefined
  return { resource: ref, generation, conditions: [yes('Accepted', 'Gateways of this class are the platform\u2019s')] }
}
