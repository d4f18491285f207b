import { canonicalNamespace, DEFAULT_TRUST_DOMAIN, SYSTEM_NAMESPACE } from '@weft/core'
import { equal } from '../equal.ts'
import { WORKLOAD_PORT } from '../read/workload-port.ts'
import { at, each, text, texts, type Item, type Report } from './item.ts'
import { modeFor } from './routing.ts'
import { isForEgress, isForIngress } from './tokens.ts'
import { selectorOf, type AnalysedWorkload, type AnalysedWorld } from './world.ts'

/** Checks AuthorizationPolicies and PeerAuthentications, and what all policies have. */
export function checkPolicies(world: AnalysedWorld, report: Report): void {
  for (const kind of ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'] as const) {
    for (const item of world.all(kind)) checkSelector(item, world, report)
  }
  for (const item of world.all('AuthorizationPolicy')) checkAuthorization(item, world, report)
  checkPeers(world, report)
  checkOpenRules(world, report)
  checkCoverage(world, report)
}

function checkSelector(item: Item, world: AnalysedWorld, report: Report): void {
  const hasSelector = Object.keys(selectorOf(item)).length > 0
  const meshWide = item.namespace === SYSTEM_NAMESPACE
  if (isForEgress(item)) return
  if (hasSelector && meshWide && item.ref.kind === 'PeerAuthentication') return report('WEFT0210', item, 'spec.selector', `it is in ${SYSTEM_NAMESPACE}`)
  if (hasSelector && world.covered(item).length === 0 && !isForIngress(item))
    report('IST0127', item, 'spec.selector.matchLabels', 'no workload has these labels')
}

const rulesOf = (item: Item) => each(at(item.spec, 'rules'), 'spec.rules')
const actionOf = (item: Item) => text(at(item.spec, 'action')) ?? 'ALLOW'
const sourcesOf = (rule: unknown, path: string) =>
  each(at(rule, 'from'), `${path}.from`).map(([from, place]) => [at(from, 'source'), `${place}.source`] as const)
const operationsOf = (rule: unknown, path: string) =>
  each(at(rule, 'to'), `${path}.to`).map(([to, place]) => [at(to, 'operation'), `${place}.operation`] as const)

interface Tools {
  readonly world: AnalysedWorld
  readonly report: Report
  readonly covered: readonly AnalysedWorkload[]
}

function checkAuthorization(item: Item, world: AnalysedWorld, report: Report): void {
  const tools = { world, report, covered: world.covered(item) }
  const rules = rulesOf(item)
  if (actionOf(item) !== 'ALLOW' && rules.length === 0) report('IST0167', item, 'spec.rules', `a ${actionOf(item)} policy without rules does nothing`)
  rules.forEach(([rule, path], index) => {
    if (rules.slice(0, index).some(([before]) => equal(before, rule))) report('WEFT0213', item, path, 'a rule before it says the same')
    for (const [source, place] of sourcesOf(rule, path)) checkSource(item, source, place, tools)
    for (const [operation, place] of operationsOf(rule, path)) checkOperation(item, operation, place, tools)
    for (const [condition, place] of each(at(rule, 'when'), `${path}.when`)) checkCondition(item, condition, place, tools)
  })
}

function checkSource(item: Item, source: unknown, path: string, tools: Tools): void {
  const { world, report, covered } = tools
  for (const name of ['principals', 'notPrincipals'] as const) {
    for (const [principal, place] of texts(at(source, name), `${path}.${name}`)) checkPrincipal(item, principal, place, tools)
  }
  for (const name of ['namespaces', 'notNamespaces'] as const) {
    for (const [namespace, place] of texts(at(source, name), `${path}.${name}`)) {
      if (!namespace.includes('*') && !world.hasNamespace(namespace)) report('WEFT0202', item, place, `there is no namespace ${namespace}`)
    }
  }
  const asks = ['principals', 'namespaces', 'serviceAccounts'].find((name) => at(source, name) !== undefined)
  const plain = covered.find((workload) => modeFor(workload, world) === 'DISABLE')
  if (asks !== undefined && plain !== undefined) report('WEFT0204', item, `${path}.${asks}`, `${plain.namespace}/${plain.function} takes plain text only`)
  const jwt = ['requestPrincipals', 'notRequestPrincipals'].find((name) => at(source, name) !== undefined)
  if (jwt !== undefined) checkVerified(item, `${path}.${jwt}`, tools)
}

function checkVerified(item: Item, path: string, { world, report, covered }: Tools): void {
  if (isForIngress(item) && !world.all('RequestAuthentication').some(isForIngress))
    report('WEFT0207', item, path, 'no RequestAuthentication selects the ingress')
  const verified = world.all('RequestAuthentication').flatMap((one) => world.covered(one))
  const missing = covered.find((workload) => !verified.includes(workload))
  if (missing !== undefined) report('WEFT0207', item, path, `no RequestAuthentication selects ${missing.namespace}/${missing.function}`)
}

function checkPrincipal(item: Item, principal: string, path: string, { world, report }: Tools): void {
  const [, domain, namespace, account] = /^([^/*]+)\/ns\/([^/*]+)\/sa\/([^/*]+)$/.exec(principal) ?? []
  if (domain === undefined || namespace === undefined || account === undefined) return
  if (domain !== world.trustDomain && domain !== DEFAULT_TRUST_DOMAIN)
    return report('WEFT0212', item, path, `the trust domain of the mesh is ${world.trustDomain}`)
  const real = canonicalNamespace(namespace)
  const known = real === SYSTEM_NAMESPACE || world.find('Function', real, account) !== undefined || world.find('ServiceAccount', real, account) !== undefined
  if (!known) report('WEFT0201', item, path, `there is no function or ServiceAccount ${account} in ${real}`)
}

/** The ports that workloads have, whatever port of their hosts was called. */
const portsOf = (workloads: readonly AnalysedWorkload[]): ReadonlySet<string> =>
  new Set([WORKLOAD_PORT, ...workloads.flatMap(({ tcpPort, gatewayPorts = [] }) => [...(tcpPort === undefined ? [] : [tcpPort]), ...gatewayPorts])].map(String))

function checkOperation(item: Item, operation: unknown, path: string, { world, report, covered }: Tools): void {
  for (const [port, place] of texts(at(operation, 'ports'), `${path}.ports`)) {
    if (!portsOf(covered).has(port)) report('WEFT0206', item, place, `port ${port} never comes`)
  }
  for (const name of ['paths', 'notPaths'] as const) {
    for (const [value, place] of texts(at(operation, name), `${path}.${name}`)) {
      if (/\/\/|\/\.{1,2}(?:\/|$)|%2f|%5c/i.test(value)) report('WEFT0208', item, place, `${value} never comes`)
    }
  }
  for (const [host, place] of texts(at(operation, 'hosts'), `${path}.hosts`)) {
    const bare = host.replace(/:\d+$/, '')
    if (bare.includes('*') || covered.length === 0 || covered.some(({ gatewayPorts }) => gatewayPorts !== undefined)) continue
    const key = world.hostOf(bare, item.namespace)
    if (key !== undefined && !covered.some((workload) => world.behind(key).includes(workload)))
      report('WEFT0203', item, place, `${host} is no host of what the policy selects`)
  }
}

function checkCondition(item: Item, condition: unknown, path: string, tools: Tools): void {
  const key = text(at(condition, 'key')) ?? ''
  if (key.startsWith('request.auth.')) checkVerified(item, `${path}.key`, tools)
  if (key !== 'source.principal') return
  for (const name of ['values', 'notValues'] as const)
    for (const [value, place] of texts(at(condition, name), `${path}.${name}`)) checkPrincipal(item, value, place, tools)
}

function checkPeers(world: AnalysedWorld, report: Report): void {
  const owners = new Map<string, Item>()
  for (const item of world.all('PeerAuthentication')) {
    const key = `${item.namespace} ${JSON.stringify(Object.entries(selectorOf(item)).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
    const owner = owners.get(key)
    if (owner === undefined) owners.set(key, item)
    else report('WEFT0209', item, '', `the PeerAuthentication ${owner.name} selects the same`)
    const unknown = Object.keys(at(item.spec, 'portLevelMtls') ?? {}).find((port) => !portsOf(world.covered(item)).has(port))
    if (unknown !== undefined) report('WEFT0222', item, `spec.portLevelMtls.${unknown}`, `no workload has the port ${unknown}`)
  }
}

/** An ALLOW rule that asks for nothing makes every other for the same workloads pointless. */
function checkOpenRules(world: AnalysedWorld, report: Report): void {
  const allowing = world.all('AuthorizationPolicy').filter((item) => actionOf(item) === 'ALLOW')
  for (const item of allowing) {
    const open = rulesOf(item).find(([rule]) => ['from', 'to', 'when'].every((name) => at(rule, name) === undefined))
    if (open === undefined) continue
    const covered = world.covered(item)
    const others = allowing.filter(
      (other) => rulesOf(other).length > (other === item ? 1 : 0) && world.covered(other).some((workload) => covered.includes(workload)),
    )
    if (others.length > 0) report('WEFT0205', item, open[1], `it makes the rules of ${others.map((other) => other.name).join(', ')} pointless`)
  }
}

function checkCoverage(world: AnalysedWorld, report: Report): void {
  const policies = world.all('AuthorizationPolicy')
  const covered = new Set(policies.flatMap((item) => world.covered(item)).map(({ namespace, function: name }) => `${namespace}/${name}`))
  const guarded = new Set([...covered].map((key) => key.split('/')[0]))
  for (const fn of world.all('Function')) {
    if (guarded.has(fn.namespace) && !covered.has(`${fn.namespace}/${fn.name}`)) report('WEFT0211', fn, '', 'no AuthorizationPolicy selects it')
  }
}
