import type { NamespacedName, Resource } from '@weft/core'

/** What a VirtualService decides of the calls to a function: where they go, or only how. */
export type Ownership = 'split' | 'routes'

interface VirtualServiceSpec {
  readonly hosts?: readonly string[]
  readonly http?: readonly { readonly route?: readonly { readonly destination?: { readonly subset?: string; readonly host?: string } }[] }[]
}

/** What a VirtualService decides of the calls to a function; `undefined`: nothing. */
export function ownershipOf(virtualService: Resource, fn: NamespacedName): Ownership | undefined {
  const { hosts = [], http = [] } = (virtualService.spec as VirtualServiceSpec | undefined) ?? {}
  const own = virtualService.metadata.namespace ?? 'default'
  if (http.length === 0 || !hosts.some((host) => isHostOf(host, own, fn))) return undefined
  return http.some(({ route = [] }) => route.length > 1 || route.some(({ destination }) => destination?.subset !== undefined)) ? 'split' : 'routes'
}

/** A short host is of the VirtualService's own namespace, as in Istio. */
function isHostOf(host: string, ownNamespace: string, { name, namespace }: NamespacedName): boolean {
  const [first, second, ...rest] = host.split('.')
  if (first !== name) return false
  if (second === undefined) return ownNamespace === namespace
  return second === namespace && (rest.length === 0 || rest.join('.') === 'svc' || rest.join('.') === 'svc.cluster.local')
}
