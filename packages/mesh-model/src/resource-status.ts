import type { ResourceRef } from '@weft/core'
import type { ResourceFinding } from './snapshot.ts'

/** Name under which our status of Gateway API resources stands, and the `controllerName` of GatewayClasses that are ours. */
export const GATEWAY_CONTROLLER = 'weft.dev/gateway-controller'

/** A condition, without the time at which it came to hold. */
export interface StatusCondition {
  readonly type: string
  readonly status: 'True' | 'False'
  /** CamelCase. */
  readonly reason: string
  readonly message: string
}

/** A parent of a route as the route has it. */
export interface ParentReference {
  readonly group: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly sectionName?: string
  readonly port?: number
}

/** What became of a route at one of its parents. */
export interface ParentStatus {
  readonly parent: ParentReference
  readonly conditions: readonly StatusCondition[]
}

/** What became of a listener of a Gateway. */
export interface ListenerStatus {
  readonly name: string
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[]
  readonly attachedRoutes: number
  readonly conditions: readonly StatusCondition[]
}

/** What the status of a resource is to say: of a route of the Gateway API its parents, of its Gateways and GatewayClasses the rest, of other kinds the findings. */
export interface ResourceStatus {
  readonly resource: ResourceRef
  /** Generation of the resource that this is about. */
  readonly generation: number | undefined
  /** In the order in which the route has its parents; those that are somebody else's are not here. */
  readonly parents?: readonly ParentStatus[]
  readonly conditions?: readonly StatusCondition[]
  readonly listeners?: readonly ListenerStatus[]
  readonly addresses?: readonly { readonly type: 'IPAddress'; readonly value: string }[]
  /** Of a kind that {@link hasFindingStatus}; empty: all of it is in force. */
  readonly findings?: readonly ResourceFinding[]
}

/** The condition that says whether all of a resource is in force: Istio's. */
export const RECONCILED = 'Reconciled'

const GROUPS: ReadonlySet<string> = new Set(['networking.istio.io', 'security.istio.io', 'networking.k8s.io', 'kubeless.io', 'openfaas.com'])

/**
 * Whether the status of a resource carries what the compiler found out about it: that of Istio's kinds, of what stands for a Gateway with its routes, and of
 * Services. The status of Functions, Revisions and Canaries belongs to their controllers.
 */
export function hasFindingStatus({ group, kind }: Pick<ResourceRef, 'group' | 'kind'>): boolean {
  return GROUPS.has(group) || (group === '' && kind === 'Service')
}
