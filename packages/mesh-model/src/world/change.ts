import { groupOf, refOf, type Resource, type ResourceRef } from '@weft/core'

/** What happened to a resource. */
export type Change = { readonly type: 'set'; readonly resource: Resource } | { readonly type: 'removed'; readonly ref: ResourceRef }

/** The kinds that the compiler reads, as they are selected in a store. All versions of a group are one thing. */
export const MESH_KINDS = [
  { group: '', kind: 'Namespace' },
  { group: '', kind: 'Secret' },
  { group: '', kind: 'Service' },
  { group: '', kind: 'ServiceAccount' },
  { group: 'weft.dev', kind: 'Function' },
  { group: 'weft.dev', kind: 'Revision' },
  { group: 'networking.istio.io', kind: 'VirtualService' },
  { group: 'networking.istio.io', kind: 'DestinationRule' },
  { group: 'networking.istio.io', kind: 'Gateway' },
  { group: 'gateway.networking.k8s.io', kind: 'GatewayClass' },
  { group: 'gateway.networking.k8s.io', kind: 'Gateway' },
  { group: 'networking.k8s.io', kind: 'Ingress' },
  { group: 'kubeless.io', kind: 'HTTPTrigger' },
  { group: 'openfaas.com', kind: 'FunctionIngress' },
  { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' },
  { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute' },
  { group: 'gateway.networking.k8s.io', kind: 'ReferenceGrant' },
  { group: 'networking.istio.io', kind: 'ServiceEntry' },
  { group: 'networking.istio.io', kind: 'WorkloadEntry' },
  { group: 'security.istio.io', kind: 'AuthorizationPolicy' },
  { group: 'security.istio.io', kind: 'RequestAuthentication' },
  { group: 'security.istio.io', kind: 'PeerAuthentication' },
] as const satisfies readonly { readonly group: string; readonly kind: string }[]

/** Which kind a change is about. */
export function kindOf(change: Change): string {
  return change.type === 'set' ? `${groupOf(change.resource.apiVersion)}/${change.resource.kind}` : `${change.ref.group}/${change.ref.kind}`
}

/** Which resource a change is about. */
export function refOfChange(change: Change): ResourceRef {
  return change.type === 'set' ? refOf(change.resource) : change.ref
}
