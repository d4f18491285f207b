import type { MeshSnapshot } from '@weft/mesh-model'
import { addHeader } from './headers.ts'
import { duration } from './json.ts'
import { directError } from './local-reply.ts'
import { headerMatcher } from './matching.ts'
import { EGRESS_CLUSTER, MESH_HEADERS } from './names.ts'
import { BLOCKED_ROUTE } from './traffic-log.ts'
import type { Json } from './types.ts'

/** A CONNECT that ends here and goes on as bytes. */
export function connectRoute(name: string, match: Json, cluster: string): Json {
  return {
    name,
    match: { connect_matcher: {}, ...match },
    route: { cluster, timeout: duration(0), upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
  }
}

/** The answer to the question before a first call; it names the cluster that takes CONNECT. */
export function known(cluster: string): Json {
  return {
    name: 'known',
    match: { prefix: '/', headers: [headerMatcher(MESH_HEADERS.first, { kind: 'present' })] },
    direct_response: { status: 200 },
    response_headers_to_add: [addHeader(MESH_HEADERS.cluster, cluster, 'OVERWRITE_IF_EXISTS_OR_ADD')],
  }
}

const HTTPS_WITHOUT_CONNECT: Json = {
  name: 'https-without-connect',
  match: { prefix: '/', headers: [{ name: ':scheme', string_match: { exact: 'https' } }] },
  ...directError('USE_CONNECT', {}),
}

/** Routes to a name that is not registered: it is resolved and called, or refused where only registered ones may be called. */
export function passthroughRoutes(policy: MeshSnapshot['outbound']['policy'], authority: string): readonly Json[] {
  if (policy === 'REGISTRY_ONLY') return blocked(authority)
  return [
    connectRoute('connect-egress', {}, EGRESS_CLUSTER),
    known(EGRESS_CLUSTER),
    HTTPS_WITHOUT_CONNECT,
    { name: 'egress', match: { prefix: '/' }, route: { cluster: EGRESS_CLUSTER, timeout: duration(0) } },
  ]
}

function blocked(authority: string): readonly Json[] {
  const refusal = directError('HOST_NOT_REGISTERED', { host: authority })
  return [
    { name: 'block-connect', match: { connect_matcher: {} }, ...BLOCKED_ROUTE, ...refusal },
    { name: 'block', match: { prefix: '/' }, ...BLOCKED_ROUTE, ...refusal },
  ]
}

/** The virtual host of a name that is not registered. */
export function encodePassthrough(name: string, authority: string, policy: MeshSnapshot['outbound']['policy']): Json {
  return { name, domains: [authority], routes: passthroughRoutes(policy, authority) }
}

/**
 * The virtual host of a port outside that is passed on as it is: by CONNECT alone. `cluster`: where to; absent: `reason` says why it goes nowhere.
 */
export function encodeBytesHost(name: string, domains: readonly string[], to: { readonly cluster: string } | { readonly reason: string }): Json {
  if ('reason' in to) {
    const missing = directError('TARGET_MISSING', { host: domains[0] ?? name, reason: to.reason })
    const routes = [
      { name: 'missing-connect', match: { connect_matcher: {} }, ...missing },
      { name: 'missing', match: { prefix: '/' }, ...missing },
    ]
    return { name, domains, routes }
  }
  return {
    name,
    domains,
    routes: [
      connectRoute('connect-outside', {}, to.cluster),
      known(to.cluster),
      { name: 'use-connect', match: { prefix: '/' }, ...directError('USE_CONNECT', {}) },
    ],
  }
}
