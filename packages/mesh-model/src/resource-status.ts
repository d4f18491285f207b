import type { ResourceRef } from '@weft/core'

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

/** What the status of a resource is to say: of a route its parents, of a Gateway or GatewayClass the rest. */
export interface ResourceStatus {
  readonly resource: ResourceRef
  /** Generation of the resource that this is about. */
  readonly generation: number | undefined
  /** In the order in which the route has its parents; those that are somebody else's are not here. */
  readonly parents?: readonly ParentStatus[]
  readonly conditions?: readonly StatusCondition[]
  readonly listeners?: readonly ListenerStatus[]
  readonly addresses?: readonly { readonly type: 'IPAddress'; readonly value: string }[]
}
