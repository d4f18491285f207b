import { PRIVATE_RANGES } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { dnsCache } from './clusters.ts'
import { any, extension } from './json.ts'
import { rbacPerRoute } from './rbac.ts'
import type { Json, NodeLayout } from './types.ts'

/** Name of the filter that refuses outside addresses; routes to the egress cluster bring its rules. */
export const EGRESS_FILTER = 'weft.egress'

/** Resolves the host of a call to the egress cluster and keeps the address for the filter after it. Other calls pass. */
export function resolveFilter(layout: NodeLayout): Json {
  return extension('envoy.filters.http.dynamic_forward_proxy', 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', {
    dns_cache_config: dnsCache(layout),
    save_upstream_address: true,
  })
}

/** Passes everything but what a route's own {@link egressRules} refuse. */
export function egressFilter(): Json {
  return { name: EGRESS_FILTER, typed_config: any('envoy.extensions.filters.http.rbac.v3.RBAC', { rules_stat_prefix: 'egress.' }) }
}

/** Refuses addresses that are not the internet's, and everything when only the mesh may be called. The resolved address counts, not the name. */
export function egressRules(policy: MeshSnapshot['outbound']['policy'], layout: NodeLayout): Json {
  const principals = [{ any: true }]
  const addresses = [...PRIVATE_RANGES, ...layout.ownAddresses].map(upstreamAddress)
  const policies = {
    'private-address': { permissions: addresses, principals },
    ...(policy === 'REGISTRY_ONLY' ? { 'registry-only': { permissions: [{ any: true }], principals } } : {}),
  }
  return { [EGRESS_FILTER]: rbacPerRoute({ action: 'DENY', policies }) }
}

function upstreamAddress(range: string): Json {
  const [address_prefix, length] = range.split('/')
  const matcher = any('envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher', {
    upstream_ip: { address_prefix, prefix_len: { value: Number(length) } },
  })
  return { matcher: { name: 'envoy.rbac.matchers.upstream_ip_port', typed_config: matcher } }
}
