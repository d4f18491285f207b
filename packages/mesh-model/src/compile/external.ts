import { byAge } from '../read/base.ts'
import { failure, warning } from '../read/finding.ts'
import type { DestinationRuleModel, OutsideSettings, ServiceEntryModel } from '../read/models.ts'
import type { ExternalEndpoint, ExternalEntry, ExternalRoutes, ExternalRule, MeshExternal, PortedSettings } from '../external.ts'
import { inBlock, readAddressBlock } from '../policy/address.ts'
import type { ResourceFinding, WorkloadKey } from '../snapshot.ts'
import type { WorkloadTraffic } from '../workload-traffic.ts'
import type { Dependency } from '../world/dependencies.ts'
import { selects } from '../world/selectors.ts'
import type { World } from '../world/world.ts'
import { connectionRoutes, referToRoutes, routesOf, type Work } from './routes.ts'
import { inMesh } from './host.ts'
import { inMesh as inMeshConnections } from './tcp.ts'
import { isMeshName } from './names.ts'

/** Where the platform itself listens: never reached from a function, whatever a ServiceEntry says. */
export interface PlatformPlaces {
  /** CIDR blocks of this machine's addresses. */
  readonly addresses: readonly string[]
  readonly ports: readonly number[]
}

/** What became of one name outside. */
export interface CompiledExternal {
  readonly external: MeshExternal | undefined
  readonly refersTo: ReadonlySet<WorkloadKey>
  readonly findings: readonly ResourceFinding[]
  readonly dependencies: ReadonlySet<Dependency>
}

/** Compiles one name outside. Reads only what it notes in `dependencies`. */
export function compileExternal(world: World, key: string, platform: PlatformPlaces): CompiledExternal {
  const work: Work = { world, dependencies: new Set(), refersTo: new Set(), findings: [], statuses: [] }
  work.dependencies.add(`service-entries ${key}`)
  const models = [...world.serviceEntries.get(key)].toSorted(byAge)
  const hidden = models.length > 0 && isMeshHost(work, key)
  if (hidden) for (const { ref } of models) work.findings.push(warning(ref, 'HostConflict', `the name is one of the mesh (${key}): calls to it stay there`))
  const entries = hidden ? [] : models.map((model) => entryOf(work, model, key, platform))
  const alias = !isMeshName(key)
  const routes = hidden || (entries.length === 0 && !alias) ? [] : virtualRoutes(work, key)
  const rules = hidden || (entries.length === 0 && !alias) ? [] : rulesOf(work, key)
  for (const one of routes) referToRoutes(work, [...one.routes, ...(one.connections ?? [])])
  const nothing = entries.length + routes.length + rules.length === 0
  return {
    external: nothing ? undefined : { key, entries, routes, rules },
    refersTo: work.refersTo,
    findings: work.findings,
    dependencies: work.dependencies,
  }
}

function isMeshHost({ world, dependencies }: Work, key: string): boolean {
  dependencies.add(`service ${key}`)
  dependencies.add(`function ${key}`)
  return world.services.has(key) || world.functions.has(key)
}

function entryOf(work: Work, model: ServiceEntryModel, key: string, platform: PlatformPlaces): ExternalEntry {
  const host = model.names.find((name) => name.key === key)?.host ?? key
  const all = model.selector === undefined ? model.entry.endpoints : selected(work, model.namespace, model.selector)
  const endpoints = all.filter((endpoint) => !isPlatforms(endpoint, model, platform))
  for (const { address } of all.filter((endpoint) => !endpoints.includes(endpoint))) {
    work.findings.push(failure(model.ref, 'PlatformAddress', `the endpoint ${address} is where the platform itself listens; it is left out`))
  }
  return { ...model.entry, host, endpoints }
}

function selected({ world, dependencies }: Work, namespace: string, selector: NonNullable<ServiceEntryModel['selector']>): readonly ExternalEndpoint[] {
  dependencies.add(`workload-entries ${namespace}`)
  return [...world.workloadEntries.get(namespace)]
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap(({ endpoint }) => (selects(selector, endpoint.labels) ? [endpoint] : []))
}

function isPlatforms(endpoint: ExternalEndpoint, { entry }: ServiceEntryModel, platform: PlatformPlaces): boolean {
  return entry.ports.some(({ name, targetPort }) => isPlatformPlace(platform, endpoint.address, endpoint.ports[name] ?? targetPort))
}

/** Whether the platform itself listens there. */
export function isPlatformPlace({ addresses, ports }: PlatformPlaces, address: string, port: number): boolean {
  return ports.includes(port) && addresses.some((text) => holds(text, address))
}

function holds(text: string, address: string): boolean {
  const block = readAddressBlock(text)
  return block !== undefined && inBlock(block, address)
}

function virtualRoutes(work: Work, key: string): readonly ExternalRoutes[] {
  work.dependencies.add(`virtual-services ${key}`)
  const winners = new Map<string, string>()
  return [...work.world.virtualServices.get(key)].toSorted(byAge).flatMap((model) => {
    const { routes, ref, namespace, visibleIn } = model
    if (routes === undefined || routes.length + (model.connections?.length ?? 0) === 0) return []
    const winner = winners.get(namespace)
    if (winner !== undefined) work.findings.push(warning(ref, 'HostConflict', `the VirtualService ${winner} is older and has the routes of a host of this one`))
    else if (visibleIn === undefined) winners.set(namespace, model.key)
    if (winner !== undefined) return []
    const connections = connectionRoutes(work, model, inMeshConnections)
    return [{ resource: ref, namespace, visibleIn, routes: routesOf(work, { ...model, routes }, inMesh), ...(connections.length === 0 ? {} : { connections }) }]
  })
}

function rulesOf(work: Work, key: string): readonly ExternalRule[] {
  work.dependencies.add(`destination-rules ${key}`)
  return [...work.world.destinationRules.get(key)].toSorted(byAge).map(ruleOf)
}

function ruleOf({ ref, namespace, visibleIn, traffic, outside, subsets }: DestinationRuleModel): ExternalRule {
  return {
    resource: ref,
    namespace,
    visibleIn,
    ...settingsOf(traffic, outside),
    subsets: subsets.map((subset) => ({ name: subset.name, labels: subset.labels, ...settingsOf(subset.traffic, subset.outside ?? {}) })),
  }
}

function settingsOf(traffic: WorkloadTraffic | undefined, outside: OutsideSettings): PortedSettings {
  return { ...(traffic === undefined ? {} : { traffic }), ...outside }
}
