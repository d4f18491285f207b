import { groupOf, type NamespacedName, type Resource } from '@weft/core'
import { field } from './read/base.ts'

/** Kinds that may decide where calls to a function go, as they are selected in a store. */
export const SPLIT_OWNER_KINDS = [
  { group: 'networking.istio.io', kind: 'VirtualService' },
  { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' },
  { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute' },
] as const

/**
 * Whether a resource, a VirtualService or a route of the Gateway API for the mesh, decides where calls to a function go. One that only says how they go leaves it to
 * the function and its canary.
 */
export function ownsSplit(resource: Resource, fn: NamespacedName): boolean {
  if (resource.kind === 'VirtualService') return virtualServiceSplits(resource, fn)
  return groupOf(resource.apiVersion) === 'gateway.networking.k8s.io' && routeSplits(resource, fn)
}

interface VirtualServiceSpec {
  readonly hosts?: readonly string[]
  readonly http?: readonly { readonly route?: readonly { readonly destination?: { readonly subset?: string; readonly host?: string } }[] }[]
}

function virtualServiceSplits(virtualService: Resource, fn: NamespacedName): boolean {
  const { hosts = [], http = [] } = (virtualService.spec as VirtualServiceSpec | undefined) ?? {}
  const own = virtualService.metadata.namespace ?? 'default'
  if (!hosts.some((host) => isHostOf(host, own, fn))) return false
  return http.some(({ route = [] }) => route.length > 1 || route.some(({ destination }) => destination?.subset !== undefined))
}

/** A short host is of the VirtualService's own namespace, as in Istio. */
function isHostOf(host: string, ownNamespace: string, { name, namespace }: NamespacedName): boolean {
  const [first, second, ...rest] = host.split('.')
  if (first !== name) return false
  if (second === undefined) return ownNamespace === namespace
  return second === namespace && (rest.length === 0 || rest.join('.') === 'svc' || rest.join('.') === 'svc.cluster.local')
}

interface Reference {
  readonly group?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
}

/** A route whose parent is the function's host: one that names other backends decides where its calls go. Of another namespace, it holds for the callers there alone. */
function routeSplits({ spec, metadata }: Resource, fn: NamespacedName): boolean {
  const own = metadata.namespace ?? 'default'
  const isFunction = ({ namespace = own, name }: Reference) => name === fn.name && namespace === fn.namespace
  const isParent = (parent: Reference) => (parent.kind === 'Service' || parent.kind === 'Function') && isFunction(parent)
  if (own !== fn.namespace || !referencesOf(spec, 'parentRefs').some(isParent)) return false
  const rules = referencesOf(spec, 'rules').map((rule) => referencesOf(rule, 'backendRefs'))
  return rules.some((backends) => backends.length > 1 || backends.some((backend) => !isFunction(backend)))
}

/** A list of objects, whatever stands there. */
function referencesOf(value: unknown, name: string): readonly Reference[] {
  const list = field(value, name)
  return Array.isArray(list) ? list.filter((one): one is Reference => typeof one === 'object' && one !== null) : []
}
