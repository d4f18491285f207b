import type { WorkloadPolicy } from '@weft/mesh-model'
import { discovered, discovery } from './discovered.ts'
import { any } from './json.ts'
import { EDGE_FILTERS } from './names.ts'
import { policyParts, rbacPerRoute } from './rbac.ts'
import type { EnvoyResource, Json } from './types.ts'

const RBAC = 'envoy.extensions.filters.http.rbac.v3.RBAC'
const { audit: AUDIT, deny: DENY, allow: ALLOW } = EDGE_FILTERS
const EVERYBODY: WorkloadPolicy = { deny: [], allow: undefined }

/** The filters by which a listener for clients enforces policies that select the ingress; their rules are resources of their own. */
export function edgePolicyFilters(): readonly Json[] {
  return [AUDIT, DENY, ALLOW].map((name) => discovered(name, RBAC))
}

/** The rules of {@link edgePolicyFilters}; there always, so that nothing is served before they are known. Paths are those that clients ask for. */
export function encodeEdgePolicy(policy: WorkloadPolicy = EVERYBODY): readonly EnvoyResource[] {
  const { audit, deny, allow } = policyParts(policy, { port: 'listener' })
  const prefix = (name: string): Json => ({ rules_stat_prefix: `edge.${name}.` })
  return [
    discovery(AUDIT, any(RBAC, { ...audit, ...prefix('audit') })),
    discovery(DENY, any(RBAC, { ...deny, ...prefix('deny') })),
    discovery(ALLOW, any(RBAC, { ...allow, ...prefix('allow') })),
  ]
}

/** For routes that are not a user's to close: those of the control API. */
export function edgeUnrestricted(): Json {
  return { [AUDIT]: rbacPerRoute(undefined), [DENY]: rbacPerRoute(undefined), [ALLOW]: rbacPerRoute(undefined) }
}
