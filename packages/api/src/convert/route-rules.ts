import { fieldsOf, listOf, NETWORKING_V1, present, textOf, type Fields, type OldResource, type Outcome } from './conversion.ts'

/** What the old rules say about one host, and what is made of it. */
interface Host {
  readonly name: string
  readonly namespace: string
  readonly rules: OldResource[]
  readonly policies: OldResource[]
  /** Labels of the subsets by their names. */
  readonly subsets: Map<string, Fields>
}

/** RouteRules of a host become one VirtualService, in the order of their precedence; their labels, and DestinationPolicies, one DestinationRule. */
export function convertRouteRules(resources: readonly OldResource[], outcome: Outcome): void {
  for (const host of hostsOf(resources, outcome).values()) {
    const routes = host.rules.toSorted(byPrecedence).map((rule) => routeOf(rule, host, outcome))
    const traffic = host.policies.flatMap((policy) => trafficPolicyOf(policy, host, outcome) ?? [])
    const { name, namespace } = host
    if (host.subsets.size > 0 || traffic.length > 0) outcome.add(NETWORKING_V1, 'DestinationRule', { name, namespace }, destinationRule(host, traffic))
    if (routes.length > 0) outcome.add(NETWORKING_V1, 'VirtualService', { name, namespace }, { hosts: [name], http: routes })
  }
}

function hostsOf(resources: readonly OldResource[], outcome: Outcome): ReadonlyMap<string, Host> {
  const hosts = new Map<string, Host>()
  for (const resource of resources) {
    const { kind, spec } = resource
    const destination = fieldsOf(spec['destination'])
    const name = textOf(destination['name']) ?? textOf(destination['service'])?.split('.')[0]
    if (name === undefined) {
      outcome.fail(resource, 'it names no destination')
      continue
    }
    const namespace = textOf(destination['namespace']) ?? resource.namespace
    const host = hosts.get(`${namespace}/${name}`) ?? { name, namespace, rules: [], policies: [], subsets: new Map<string, Fields>() }
    hosts.set(`${namespace}/${name}`, host)
    const list = kind === 'RouteRule' ? host.rules : host.policies
    list.push(resource)
  }
  return hosts
}

function byPrecedence(a: OldResource, b: OldResource): number {
  return Number(b.spec['precedence'] ?? 0) - Number(a.spec['precedence'] ?? 0)
}

function destinationRule(host: Host, traffic: readonly { readonly labels: Fields | undefined; readonly policy: Fields }[]): Fields {
  const ofHost = traffic.find(({ labels }) => labels === undefined)
  const subsets = [...host.subsets].map(([name, labels]) => {
    const own = traffic.find((one) => one.labels !== undefined && subsetName(one.labels) === name)
    return { name, labels, ...(own === undefined ? {} : { trafficPolicy: own.policy }) }
  })
  return { host: host.name, ...(ofHost === undefined ? {} : { trafficPolicy: ofHost.policy }), ...(subsets.length === 0 ? {} : { subsets }) }
}

function routeOf(rule: OldResource, host: Host, outcome: Outcome): Fields {
  const { spec } = rule
  for (const field of Object.keys(spec)) if (!READ.has(field)) outcome.fail(rule, `${field} has no equivalent; the route is written without it`)
  const match = matchOf(fieldsOf(spec['match']), rule, outcome)
  const redirect = present(pick(fieldsOf(spec['redirect']), ['uri', 'authority']))
  const headers = present({ add: spec['appendHeaders'] })
  return {
    ...(match === undefined ? {} : { match: [match] }),
    ...(redirect === undefined ? { route: sharesOf(spec, host) } : { redirect }),
    ...present({
      rewrite: present(pick(fieldsOf(spec['rewrite']), ['uri', 'authority'])),
      timeout: textOf(fieldsOf(fieldsOf(spec['httpReqTimeout'])['simpleTimeout'])['timeout']),
      retries: retriesOf(fieldsOf(fieldsOf(spec['httpReqRetries'])['simpleRetry'])),
      fault: faultOf(fieldsOf(spec['httpFault'])),
      mirror: mirrorOf(spec['mirror'], host),
      corsPolicy: corsOf(spec['corsPolicy']),
      headers: headers === undefined ? undefined : { request: headers },
    }),
  }
}

const READ: ReadonlySet<string> = new Set(
  'destination precedence match route redirect rewrite httpReqTimeout httpReqRetries httpFault mirror corsPolicy appendHeaders websocketUpgrade'.split(' '),
)

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, fields[name]]))
}

/** Shares of the rule's own destination, or of another that a share names. */
function sharesOf(spec: Fields, host: Host): readonly Fields[] {
  const routes = listOf(spec['route']).map(fieldsOf)
  if (routes.length === 0) return [{ destination: { host: host.name } }]
  return routes.map((route) => ({ destination: destinationOf(route, host), ...(route['weight'] === undefined ? {} : { weight: route['weight'] }) }))
}

function destinationOf(route: Fields, host: Host): Fields {
  const other = textOf(fieldsOf(route['destination'])['name'])
  const labels = present(fieldsOf(route['labels']))
  if (labels === undefined) return { host: other ?? host.name }
  const subset = subsetName(labels)
  if (other === undefined || other === host.name) host.subsets.set(subset, labels)
  return { host: other ?? host.name, subset }
}

/** A mirror's labels stand beside the name of its destination. */
function mirrorOf(mirror: unknown, host: Host): Fields | undefined {
  const fields = fieldsOf(mirror)
  return Object.keys(fields).length === 0 ? undefined : destinationOf({ destination: fields, labels: fields['labels'] }, host)
}

/** `v1` for `version: v1`, else all values: subsets are named by DNS labels. */
function subsetName(labels: Fields): string {
  const values = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => String(value))
  return values
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
}

function matchOf(match: Fields, rule: OldResource, outcome: Outcome): Fields | undefined {
  const headers = Object.entries(fieldsOf(fieldsOf(match['request'])['headers']))
  const pseudo = new Set(['uri', 'scheme', 'method', 'authority'])
  const source = fieldsOf(match['source'])
  if (source['name'] !== undefined) outcome.fail(rule, 'match.source.name has no equivalent; write sourceLabels or sourceNamespace')
  for (const field of ['tcp', 'udp']) if (match[field] !== undefined) outcome.fail(rule, `match.${field} has no equivalent here`)
  return present({
    ...Object.fromEntries(headers.filter(([name]) => pseudo.has(name))),
    headers: present(Object.fromEntries(headers.filter(([name]) => !pseudo.has(name)))),
    sourceLabels: present(fieldsOf(source['labels'])),
    sourceNamespace: textOf(source['namespace']),
  })
}

function retriesOf(retry: Fields): Fields | undefined {
  return present(pick(retry, ['attempts', 'perTryTimeout']))
}

function faultOf(fault: Fields): Fields | undefined {
  const part = (name: string, field: string): Fields | undefined => {
    const { percent, ...rest } = fieldsOf(fault[name])
    const value = rest[field]
    return value === undefined ? undefined : { [field]: value, ...(percent === undefined ? {} : { percentage: { value: percent } }) }
  }
  return present({ delay: part('delay', 'fixedDelay'), abort: part('abort', 'httpStatus') })
}

function corsOf(policy: unknown): Fields | undefined {
  const { allowOrigin, ...rest } = fieldsOf(policy)
  const origins = listOf(allowOrigin).map((origin) => (origin === '*' ? { regex: '.*' } : { exact: origin }))
  return present({ ...(origins.length === 0 ? {} : { allowOrigins: origins }), ...rest })
}

// -- DestinationPolicy --------------------------------------------------------------------------------------------------

const BALANCERS: Readonly<Record<string, string>> = { ROUND_ROBIN: 'ROUND_ROBIN', LEAST_CONN: 'LEAST_REQUEST', RANDOM: 'RANDOM' }

function trafficPolicyOf(policy: OldResource, host: Host, outcome: Outcome): { readonly labels: Fields | undefined; readonly policy: Fields } | undefined {
  const { spec } = policy
  if (spec['source'] !== undefined) {
    outcome.fail(policy, 'source has no equivalent: a trafficPolicy holds for all callers')
    return undefined
  }
  const labels = present(fieldsOf(fieldsOf(spec['destination'])['labels']))
  if (labels !== undefined) host.subsets.set(subsetName(labels), labels)
  const balancer = BALANCERS[textOf(fieldsOf(spec['loadBalancing'])['name']) ?? '']
  const breaker = fieldsOf(fieldsOf(spec['circuitBreaker'])['simpleCb'])
  const made = present({
    loadBalancer: balancer === undefined ? undefined : { simple: balancer },
    connectionPool: present({
      tcp: present({ maxConnections: breaker['maxConnections'] }),
      http: present({
        http1MaxPendingRequests: breaker['httpMaxPendingRequests'],
        http2MaxRequests: breaker['httpMaxRequests'],
        maxRequestsPerConnection: breaker['httpMaxRequestsPerConnection'],
        maxRetries: breaker['httpMaxRetries'],
      }),
    }),
    outlierDetection: present({
      consecutive5xxErrors: breaker['httpConsecutiveErrors'],
      interval: breaker['httpDetectionInterval'],
      baseEjectionTime: breaker['sleepWindow'],
      maxEjectionPercent: breaker['httpMaxEjectionPercent'],
    }),
  })
  if (made === undefined) outcome.fail(policy, 'there is nothing in it that can be converted')
  return made && { labels, policy: made }
}
