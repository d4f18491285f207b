import { canonicalNamespace, parseDurationMs } from '@weft/core'
import { isEgressHost } from '../egress.ts'
import { equal } from '../equal.ts'
import { at, each, gatewayNamed, text, textMap, texts, type Item, type Report } from './item.ts'
import { WORKLOAD_PORT } from '../read/workload-port.ts'
import { isForIngress } from './tokens.ts'
import { hostFits, matches, type AnalysedWorld } from './world.ts'

/** Checks VirtualServices and DestinationRules. */
export function checkRouting(world: AnalysedWorld, report: Report): void {
  for (const item of world.all('VirtualService')) checkVirtualService(item, world, report)
  for (const item of world.all('DestinationRule')) checkDestinationRule(item, world, report)
  checkSharedHosts(world, report)
  checkSharedSubsets(world, report)
}

const routesOf = (item: Item) => each(at(item.spec, 'http'), 'spec.http')
const gatewaysOf = (item: Item) => texts(at(item.spec, 'gateways'), 'spec.gateways')
const isForMesh = (item: Item) => gatewaysOf(item).length === 0 || gatewaysOf(item).some(([name]) => name === 'mesh')

function checkVirtualService(item: Item, world: AnalysedWorld, report: Report): void {
  for (const [route, path] of routesOf(item)) {
    checkDestinations(item, route, path, { world, report })
    checkWeights(item, route, `${path}.route`, report)
    checkTimes(item, route, path, { world, report })
    checkDeprecated(item, route, path, report)
    for (const [match, place] of each(at(route, 'match'), `${path}.match`)) checkMatch(item, match, place, { world, report })
  }
  checkOrder(item, report)
  checkGateways(item, world, report)
  checkForeign(item, world, report)
  checkUndivided(item, world, report)
}

/** Where its calls go, by the key of the host. */
function targetsOf(item: Item, world: AnalysedWorld) {
  const shares = routesOf(item).flatMap(([route, path]) => each(at(route, 'route'), `${path}.route`))
  return shares.flatMap(([share, path]) => {
    const destination = at(share, 'destination')
    const host = world.hostOf(text(at(destination, 'host')) ?? '', item.namespace)
    return host === undefined ? [] : [{ host, subset: text(at(destination, 'subset')), path: `${path}.destination` }]
  })
}

/** Rules of a host hold in the mesh; a route of a Gateway that goes to the whole host goes past them. */
function checkUndivided(item: Item, world: AnalysedWorld, report: Report): void {
  if (gatewaysOf(item).every(([name]) => name === 'mesh')) return
  const others = world.all('VirtualService').filter((other) => other !== item && isForMesh(other))
  for (const { host, subset, path } of targetsOf(item, world)) {
    if (subset !== undefined) continue
    const divides = (other: Item) =>
      texts(at(other.spec, 'hosts'), '').some(([name]) => world.hostOf(name, other.namespace) === host) &&
      targetsOf(other, world).some((target) => target.host === host && target.subset !== undefined)
    const rules = others.find(divides)
    if (rules !== undefined)
      report('IST0140', item, path, `VirtualService ${rules.namespace}/${rules.name} divides the calls of this host, but not those that come here`)
  }
}

interface Tools {
  readonly world: AnalysedWorld
  readonly report: Report
}

function checkDestinations(item: Item, route: unknown, path: string, { world, report }: Tools): void {
  const shares = each(at(route, 'route'), `${path}.route`).map(([share, place]) => [at(share, 'destination'), `${place}.destination`] as const)
  const mirrors = each(at(route, 'mirrors'), `${path}.mirrors`).map(([mirror, place]) => [at(mirror, 'destination'), `${place}.destination`] as const)
  const single = at(route, 'mirror') === undefined ? [] : [[at(route, 'mirror'), `${path}.mirror`] as const]
  for (const [destination, place] of [...shares, ...mirrors, ...single]) checkDestination(item, destination, place, { world, report })
  shares.forEach(([destination, place], index) => {
    if (shares.slice(0, index).some(([before]) => equal(before, destination)))
      report('WEFT0102', item, place, `${targetText(destination)} stands twice in this route`)
  })
  for (const [mirror, place] of [...mirrors, ...single]) {
    if (shares.length > 0 && shares.every(([destination]) => equal(destination, mirror)))
      report('WEFT0104', item, place, `calls go to ${targetText(mirror)} anyway`)
  }
  const delegate = at(route, 'delegate')
  const name = text(at(delegate, 'name'))
  if (name !== undefined && world.find('VirtualService', canonicalNamespace(text(at(delegate, 'namespace')) ?? item.namespace), name) === undefined)
    report('IST0101', item, `${path}.delegate.name`, `there is no VirtualService ${name}`)
}

function checkWeights(item: Item, route: unknown, path: string, report: Report): void {
  const weights = each(at(route, 'route'), path).map(([share]) => Number(at(share, 'weight') ?? 0))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (weights.length > 1 && sum !== 100) report('WEFT0114', item, path, `${weights.join(', ')} add up to ${sum}`)
}

/** Fields that Istio has another one for. */
const DEPRECATED: readonly (readonly [path: readonly string[], instead: string])[] = [
  [['fault', 'delay', 'percent'], 'percentage'],
  [['fault', 'abort', 'percent'], 'percentage'],
  [['mirrorPercent'], 'mirrorPercentage'],
  [['mirror_percent'], 'mirrorPercentage'],
  [['corsPolicy', 'allowOrigin'], 'allowOrigins'],
]

function checkDeprecated(item: Item, route: unknown, path: string, report: Report): void {
  for (const [field, instead] of DEPRECATED) {
    if (at(route, ...field) !== undefined) report('IST0002', item, `${path}.${field.join('.')}`, `write ${instead}`)
  }
}

function targetText(destination: unknown): string {
  const subset = text(at(destination, 'subset'))
  return `${text(at(destination, 'host')) ?? '?'}${subset === undefined ? '' : ` subset ${subset}`}`
}

function checkDestination(item: Item, destination: unknown, path: string, { world, report }: Tools): void {
  const host = text(at(destination, 'host'))
  if (host === undefined) return
  if (!world.hasHost(host, item.namespace)) return report('IST0101', item, `${path}.host`, missingText(host, item, world))
  const key = world.hostOf(host, item.namespace)
  const subset = text(at(destination, 'subset'))
  if (subset !== undefined && key !== undefined && !subsetsOf(key, world).includes(subset))
    report('IST0101', item, `${path}.subset`, `no DestinationRule of ${host} has a subset ${subset}`)
  const port = at(destination, 'port', 'number')
  if (typeof port === 'number' && key !== undefined && !portsOf(key, world).includes(port))
    report('WEFT0103', item, `${path}.port.number`, `${host} has no port ${port}`)
  const [namespace = '', name = ''] = (key ?? '').split('/')
  const ports = each(at(world.find('Service', namespace, name)?.spec, 'ports'), '')
  if (port === undefined && ports.length > 1) report('IST0112', item, path, `the Service ${host} has ${ports.length} ports`)
}

function missingText(host: string, item: Item, world: AnalysedWorld): string {
  const key = world.hostOf(host, item.namespace)
  return key !== undefined && isEgressHost(key) ? 'no Gateway selects the egress gateway' : `there is no function or Service ${host}`
}

function subsetsOf(host: string, world: AnalysedWorld): readonly string[] {
  const rules = world.all('DestinationRule').filter((rule) => world.hostOf(text(at(rule.spec, 'host')) ?? '', rule.namespace) === host)
  return rules.flatMap((rule) => each(at(rule.spec, 'subsets'), '').flatMap(([subset]) => text(at(subset, 'name')) ?? []))
}

function portsOf(host: string, world: AnalysedWorld): readonly number[] {
  if (isEgressHost(host)) return world.egressPorts
  const [namespace = '', name = ''] = host.split('/')
  const numbers = (value: unknown) => (typeof value === 'number' ? [value] : [])
  const service = world.find('Service', namespace, name)
  const fn = world.find('Function', namespace, name)
  const own = each(at(service?.spec, 'ports'), '').flatMap(([port]) => numbers(at(port, 'port')))
  return [...own, ...(fn === undefined ? [] : [80, 8080, ...numbers(at(fn.spec, 'template', 'port'))])]
}

function ms(value: unknown): number | undefined {
  try {
    return typeof value === 'string' ? parseDurationMs(value, 'duration') : undefined
  } catch {
    return undefined
  }
}

function checkTimes(item: Item, route: unknown, path: string, { world, report }: Tools): void {
  const timeout = ms(at(route, 'timeout'))
  const retries = at(route, 'retries')
  const perTry = ms(at(retries, 'perTryTimeout'))
  if (timeout !== undefined && timeout > 0 && perTry !== undefined && perTry > timeout)
    report('WEFT0105', item, `${path}.retries.perTryTimeout`, `one try may take ${perTry} ms and the whole call ${timeout} ms`)
  if (at(retries, 'attempts') === 0 && at(retries, 'retryOn') !== undefined) report('WEFT0113', item, `${path}.retries.attempts`, 'attempts is 0')
  for (const [share] of each(at(route, 'route'), '')) {
    const key = world.hostOf(text(at(share, 'destination', 'host')) ?? '', item.namespace)
    const [namespace = '', name = ''] = (key ?? '').split('/')
    const longest = ms(at(world.find('Function', namespace, name)?.spec, 'template', 'timeout'))
    if (timeout !== undefined && longest !== undefined && timeout > longest)
      report('WEFT0106', item, `${path}.timeout`, `the route waits ${timeout} ms and the function ${name} may take ${longest} ms`)
  }
}

function checkMatch(item: Item, match: unknown, path: string, { world, report }: Tools): void {
  for (const kind of ['exact', 'prefix'] as const) {
    const uri = text(at(match, 'uri', kind))
    if (uri !== undefined && ((!uri.startsWith('/') && !(kind === 'prefix' && uri === '')) || /[?#]/.test(uri)))
      report('WEFT0107', item, `${path}.uri.${kind}`, `no path ${kind === 'exact' ? 'is' : 'begins with'} ${JSON.stringify(uri)}`)
  }
  const method = text(at(match, 'method', 'exact'))
  if (method !== undefined && /[a-z]/.test(method)) report('WEFT0108', item, `${path}.method.exact`, `the method ${JSON.stringify(method)} never comes`)
  const labels = textMap(at(match, 'sourceLabels'))
  if (Object.keys(labels).length > 0 && !world.workloads.some((one) => matches(one, labels)))
    report('WEFT0109', item, `${path}.sourceLabels`, 'no workload has these labels')
  const namespace = text(at(match, 'sourceNamespace'))
  if (namespace !== undefined && !world.hasNamespace(namespace)) report('WEFT0202', item, `${path}.sourceNamespace`, `there is no namespace ${namespace}`)
  for (const map of ['headers', 'withoutHeaders'] as const) {
    const claims = Object.keys(at(match, map) ?? {}).filter((name) => name.startsWith('@request.auth.claims'))
    if (claims.length > 0 && !world.all('RequestAuthentication').some(isForIngress))
      report('IST0149', item, `${path}.${map}`, `${claims.join(', ')}: no RequestAuthentication selects the ingress`)
  }
}

/** Istio: a route without matches, or with one that is empty, takes everything. */
function checkOrder(item: Item, report: Report): void {
  const earlier: { readonly match: unknown; readonly path: string }[] = []
  let takesAll: string | undefined
  for (const [route, path] of routesOf(item)) {
    const conditions = each(at(route, 'match'), `${path}.match`)
    const bare = conditions.map(([match, place]) => [withoutName(match), place] as const)
    const repeated = bare.filter(([match]) => earlier.some((before) => equal(before.match, match)))
    if (takesAll !== undefined) report('IST0130', item, path, `${takesAll} takes every call before it`)
    else if (bare.length > 0 && repeated.length === bare.length) report('IST0130', item, path, 'routes before it have all of its matches')
    else for (const [, place] of repeated) report('IST0131', item, place, 'a route before it has the same match')
    earlier.push(...bare.map(([match, place]) => ({ match, path: place })))
    if (conditions.length === 0 || bare.some(([match]) => Object.keys(match ?? {}).length === 0)) takesAll ??= path
  }
}

function withoutName(match: unknown): unknown {
  if (typeof match !== 'object' || match === null) return match
  return Object.fromEntries(Object.entries(match).filter(([key]) => key !== 'name'))
}

function checkGateways(item: Item, world: AnalysedWorld, report: Report): void {
  for (const [name, path] of gatewaysOf(item)) {
    if (name === 'mesh') continue
    const [namespace, short] = gatewayNamed(name, item.namespace)
    const gateway = world.find('Gateway', namespace, short, 'networking.istio.io')
    if (gateway === undefined) {
      report('IST0101', item, path, `there is no Gateway ${name}`)
      continue
    }
    const served = each(at(gateway.spec, 'servers'), '').flatMap(([server]) => texts(at(server, 'hosts'), '').map(([host]) => host))
    for (const [host, place] of texts(at(item.spec, 'hosts'), 'spec.hosts')) {
      if (!served.some((one) => hostFits(one, host) || hostFits(host, one))) report('IST0132', item, place, `${host} is no host of the Gateway ${name}`)
    }
  }
}

function checkForeign(item: Item, world: AnalysedWorld, report: Report): void {
  if (!isForMesh(item)) return
  for (const [host, path] of texts(at(item.spec, 'hosts'), 'spec.hosts')) {
    const namespace = world.hostOf(host, item.namespace)?.split('/')[0]
    if (namespace !== undefined && namespace !== item.namespace && world.hasHost(host, item.namespace))
      report('WEFT0110', item, path, `${host} is a host of the namespace ${namespace}`)
  }
}

function checkSharedHosts(world: AnalysedWorld, report: Report): void {
  const owners = new Map<string, Item>()
  for (const item of world.all('VirtualService').filter(isForMesh)) {
    for (const [host, path] of texts(at(item.spec, 'hosts'), 'spec.hosts')) {
      const key = world.hostOf(host, item.namespace) ?? host
      const owner = owners.get(`${item.namespace} ${key}`)
      if (owner !== undefined && owner !== item) report('IST0109', item, path, `the VirtualService ${owner.name} has the host ${host} too`)
      else owners.set(`${item.namespace} ${key}`, item)
      checkSplit(item, key, path, { world, report })
    }
  }
}

function checkSplit(item: Item, host: string, path: string, { world, report }: Tools): void {
  const [namespace = '', name = ''] = host.split('/')
  const fn = world.find('Function', namespace, name)
  const pinned = each(at(fn?.spec, 'traffic'), '').length > 0 || each(at(fn?.spec, 'matches'), '').length > 0
  const splits = routesOf(item).some(([route]) => each(at(route, 'route'), '').some(([share]) => at(share, 'destination', 'subset') !== undefined))
  if (pinned && splits) report('WEFT0111', item, path, `the Function ${name} has a split of its own`)
}

// -- DestinationRules -----------------------------------------------------------------------------------------------------

function checkDestinationRule(item: Item, world: AnalysedWorld, report: Report): void {
  const host = text(at(item.spec, 'host')) ?? ''
  const key = world.hostOf(host, item.namespace)
  const subsets = each(at(item.spec, 'subsets'), 'spec.subsets')
  if (key !== undefined && !world.hasHost(host, item.namespace) && subsets.length > 0)
    report('WEFT0112', item, 'spec.host', `there is no function or Service ${host}`)
  else if (subsets.length === 0 && !host.includes('*') && !world.hasHost(host, item.namespace))
    report('IST0174', item, 'spec.host', `there is no function, Service or ServiceEntry ${host}`)
  const workloads = key === undefined ? [] : world.behind(key)
  for (const [subset, path] of subsets) {
    const labels = textMap(at(subset, 'labels'))
    if (workloads.length > 0 && !workloads.some((one) => matches(one, labels)))
      report('IST0173', item, path, `the subset ${text(at(subset, 'name')) ?? ''} selects no version of ${host}`)
    checkTls(item, at(subset, 'trafficPolicy'), `${path}.trafficPolicy`, { world, report })
  }
  checkTls(item, at(item.spec, 'trafficPolicy'), 'spec.trafficPolicy', { world, report })
}

function checkTls(item: Item, policy: unknown, path: string, { world, report }: Tools): void {
  if (believesAnyone(at(policy, 'tls'))) report('IST0128', item, `${path}.tls`, 'insecureSkipVerify takes any certificate')
  for (const [level, place] of each(at(policy, 'portLevelSettings'), `${path}.portLevelSettings`)) {
    if (believesAnyone(at(level, 'tls'))) report('IST0129', item, `${place}.tls`, 'insecureSkipVerify takes any certificate')
  }
  const mode = text(at(policy, 'tls', 'mode'))
  const host = world.hostOf(text(at(item.spec, 'host')) ?? '', item.namespace)
  if (mode === undefined || host === undefined) return
  for (const workload of world.behind(host)) {
    const expected = modeFor(workload, world)
    const clash = (mode === 'DISABLE' && expected === 'STRICT') || (mode !== 'DISABLE' && expected === 'DISABLE')
    if (clash)
      return report(
        'IST0113',
        item,
        `${path}.tls.mode`,
        `it says ${mode}, and the PeerAuthentication for ${workload.namespace}/${workload.function} says ${expected}`,
      )
  }
}

/** Without roots of its own a rule trusts the system's. */
function believesAnyone(tls: unknown): boolean {
  const mode = text(at(tls, 'mode'))
  return (mode === 'SIMPLE' || mode === 'MUTUAL') && at(tls, 'insecureSkipVerify') === true
}

/** The mutual TLS mode of a workload: of its own PeerAuthentication, the namespace's, the mesh's. */
export function modeFor(workload: AnalysedWorld['workloads'][number], world: AnalysedWorld): string {
  const all = world.all('PeerAuthentication').filter((item) => world.covered(item).includes(workload))
  const level = (item: Item) => (Object.keys(textMap(at(item.spec, 'selector', 'matchLabels'))).length > 0 ? 0 : item.namespace === workload.namespace ? 1 : 2)
  const modes = all
    .toSorted((a, b) => level(a) - level(b))
    .flatMap((item) => [portMode(item), text(at(item.spec, 'mtls', 'mode'))].flatMap((mode) => mode ?? []))
  return modes.find((mode) => mode !== 'UNSET') ?? 'STRICT'
}

/** Every workload has the one port. */
function portMode(item: Item): string | undefined {
  return text(at(item.spec, 'portLevelMtls', String(WORKLOAD_PORT), 'mode'))
}

function checkSharedSubsets(world: AnalysedWorld, report: Report): void {
  const owners = new Map<string, Item>()
  for (const item of world.all('DestinationRule')) {
    const host = text(at(item.spec, 'host')) ?? ''
    for (const [subset, path] of each(at(item.spec, 'subsets'), 'spec.subsets')) {
      const key = `${item.namespace} ${world.hostOf(host, item.namespace) ?? host} ${text(at(subset, 'name')) ?? ''}`
      const owner = owners.get(key)
      if (owner !== undefined && owner !== item) report('WEFT0101', item, path, `the DestinationRule ${owner.name} has this subset too`)
      else owners.set(key, item)
    }
  }
}
