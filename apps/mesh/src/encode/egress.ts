import { PRIVATE_RANGES } from '@weft/core'
import { dnsCache } from './clusters.ts'
import { any, extension } from './json.ts'
import type { Json, NodeLayout } from './types.ts'

/** Name of the filter that refuses outside addresses. */
const EGRESS_FILTER = 'weft.egress'

/** Name of the filter that resolves names. */
export const RESOLVE_FILTER = 'envoy.filters.http.dynamic_forward_proxy'

/** Resolves the host of a call to the egress cluster and keeps the address for the filter after it. Other calls pass. */
export function resolveFilter(layout: NodeLayout): Json {
  return extension(RESOLVE_FILTER, 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', {
    dns_cache_config: dnsCache(layout),
    save_upstream_address: true,
  })
}

/**
 * Refuses addresses that are not the internet's, whatever the name was that stands for them: the resolved address counts. Calls of which this hop resolved no
 * name pass.
 */
export function egressFilter(layout: NodeLayout): Json {
  const addresses = [...PRIVATE_RANGES, ...layout.ownAddresses].map(upstreamAddress)
  const policies = { 'private-address': { permissions: addresses, principals: [{ any: true }] } }
  return {
    name: EGRESS_FILTER,
    typed_config: any('envoy.extensions.filters.http.rbac.v3.RBAC', { rules_stat_prefix: 'egress.', rules: { action: 'DENY', policies } }),
  }
}

function upstreamAddress(range: string): Json {
  const [address_prefix, length] = range.split('/')
  const matcher = any('envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher', {
    upstream_ip: { address_prefix, prefix_len: { value: Number(length) } },
  })
  return { matcher: { name: 'envoy.rbac.matchers.upstream_ip_port', typed_config: matcher } }
}
