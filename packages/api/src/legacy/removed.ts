const SPLIT = 'write the split as a VirtualService and a DestinationRule of networking.istio.io/v1'
const ACCESS = 'write who may call whom as an AuthorizationPolicy of security.istio.io/v1'

/** Kinds that Istio had and removed (the Mixer and its adapters with Istio 1.8), and what says the same today. */
const REMOVED: Readonly<Record<string, string>> = {
  RouteRule: SPLIT,
  DestinationPolicy: SPLIT,
  EgressRule: 'write outside hosts as a ServiceEntry of networking.istio.io/v1',
  denier: ACCESS,
  checknothing: ACCESS,
  listchecker: ACCESS,
  listentry: ACCESS,
  authorization: ACCESS,
  rbac: ACCESS,
  rule: ACCESS,
  handler: ACCESS,
  instance: ACCESS,
  adapter: ACCESS,
  template: ACCESS,
  attributemanifest: ACCESS,
  ServiceRole: ACCESS,
  ServiceRoleBinding: ACCESS,
  RbacConfig: ACCESS,
  ClusterRbacConfig: ACCESS,
  Policy: 'write it as a PeerAuthentication of security.istio.io/v1',
  MeshPolicy: 'write it as a PeerAuthentication of security.istio.io/v1',
  quota: 'rate limits by quota were removed from Istio',
  memquota: 'rate limits by quota were removed from Istio',
  redisquota: 'rate limits by quota were removed from Istio',
  QuotaSpec: 'rate limits by quota were removed from Istio',
  QuotaSpecBinding: 'rate limits by quota were removed from Istio',
  metric: 'metrics are there without it',
  prometheus: 'metrics are there without it',
  logentry: 'access logs are there without it',
  stdio: 'access logs are there without it',
}
const GROUPS: ReadonlySet<string> = new Set(['config.istio.io', 'rbac.istio.io', 'authentication.istio.io'])

/** What to use today instead of a kind that Istio has removed; `undefined` for anything else. */
export function replacementOfRemoved(group: string, kind: string): string | undefined {
  if (!GROUPS.has(group)) return undefined
  return Object.hasOwn(REMOVED, kind) ? REMOVED[kind] : 'the groups config.istio.io, rbac.istio.io and authentication.istio.io were removed from Istio'
}
