import type { ParentReference } from '../../resource-status.ts'
import type { HeaderOperations, HostKey, MeshRoute } from '../../snapshot.ts'
import type { FrontModel, Model } from '../models.ts'

/** What a route is attached to. */
export interface ParentModel {
  readonly reference: ParentReference
  /** Its place among the route's parents. */
  readonly index: number
  /** `host`: a Service or a function's own host. `function`: a Function. */
  readonly target: { readonly kind: 'host' | 'function' | 'gateway'; readonly key: HostKey }
}

/** A share of an entry's calls (or, with its weight in millionths, of their copies) before it is resolved. */
export interface BackendModel {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly port: number | undefined
  readonly weight: number
  readonly requestHeaders?: HeaderOperations
  readonly responseHeaders?: HeaderOperations
}

/** One match of a rule, with what the rule does. */
export interface RouteEntry {
  /** Compared from left to right; the greater goes first. */
  readonly rank: readonly number[]
  /** What does not have to be resolved; at most one match. */
  readonly route: Omit<MeshRoute, 'targets' | 'mirrors' | 'origin'>
  readonly backends: readonly BackendModel[]
  readonly mirrors: readonly BackendModel[]
}

/** An HTTPRoute or GRPCRoute. As a front it has entries in the place of routes. */
export interface GatewayRouteModel extends FrontModel {
  readonly generation: number | undefined
  readonly protocol: 'http' | 'grpc'
  readonly parents: readonly ParentModel[]
  /** In the order in which they are written. */
  readonly entries: readonly RouteEntry[]
  /** Why it is not understood; it has no entries then. */
  readonly problem: string | undefined
}

/** A ReferenceGrant. */
export interface ReferenceGrantModel extends Model {
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[]
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name: string | undefined }[]
}
