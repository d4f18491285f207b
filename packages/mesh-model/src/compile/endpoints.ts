import type { FunctionModel, RevisionModel, Selector, ServiceModel } from '../read/models.ts'
import type { HostKey, ResourceFinding, RouteTarget } from '../snapshot.ts'
import type { Dependency } from '../world/dependencies.ts'
import { selects } from '../world/selectors.ts'
import type { World } from '../world/world.ts'
import { servicePorts, tcpPortsOf } from './ports.ts'

/** Ports that every function answers on. */
const FUNCTION_PORTS = [80, 8080]

/** Reads the world and notes what was read. */
export interface Reading {
  readonly world: World
  readonly dependencies: Set<Dependency>
}

/** What stands behind a host. */
export interface Endpoints {
  readonly key: HostKey
  readonly ports: readonly number[]
  /** Those of them that carry raw TCP. */
  readonly tcpPorts: readonly number[]
  /** About its ports. */
  readonly findings: readonly ResourceFinding[]
  /** What may be selected from, in the order of their keys. */
  readonly revisions: readonly RevisionModel[]
  readonly owner: { readonly kind: 'Function'; readonly model: FunctionModel } | { readonly kind: 'Service'; readonly model: ServiceModel }
}

/**
 * What stands behind a name: the Service of that name when it selects something (or no function has the name), else the function.
 */
export function endpointsOf(reading: Reading, key: HostKey): Endpoints | undefined {
  const { world, dependencies } = reading
  dependencies.add(`service ${key}`)
  dependencies.add(`function ${key}`)
  const service = world.services.get(key)
  const fn = world.functions.get(key)
  if (service !== undefined) {
    const revisions = selectedBy(reading, service)
    if (revisions.length > 0 || fn === undefined) return { key, ...servicePorts(service, revisions), revisions, owner: { kind: 'Service', model: service } }
  }
  return fn === undefined ? undefined : behind(reading, fn)
}

/** What stands behind a function, whoever has its name. */
export function functionEndpoints(reading: Reading, key: HostKey): Endpoints | undefined {
  reading.dependencies.add(`function ${key}`)
  const fn = reading.world.functions.get(key)
  return fn === undefined ? undefined : behind(reading, fn)
}

/** The function whose split the calls of a host follow: its own, or the only one that its Service selects. */
export function functionBehind({ world, dependencies }: Reading, { owner, revisions }: Endpoints): FunctionModel | undefined {
  if (owner.kind === 'Function') return owner.model
  const keys = new Set(revisions.map((revision) => revision.function))
  const [key] = keys
  if (keys.size !== 1 || key === undefined) return undefined
  dependencies.add(`function ${key}`)
  return world.functions.get(key)
}

function behind({ world, dependencies }: Reading, fn: FunctionModel): Endpoints {
  const { key } = fn
  dependencies.add(`revisions ${key}`)
  const revisions = world.revisions.ofFunction(key)
  const tcpPorts = fn.protocol === 'tcp' ? tcpPortsOf(fn) : []
  const ports = tcpPorts.length === 0 ? functionPorts(fn, revisions) : tcpPorts
  return { key, ports, tcpPorts, findings: [], revisions, owner: { kind: 'Function', model: fn } }
}

function selectedBy({ world, dependencies }: Reading, service: ServiceModel): readonly RevisionModel[] {
  const label = world.revisions.rarest(service.namespace, service.selector)
  if (label === undefined) return []
  dependencies.add(`label ${label}`)
  return world.revisions.selected(service.namespace, service.selector)
}

function functionPorts(fn: FunctionModel, revisions: readonly RevisionModel[]): readonly number[] {
  const routed = new Set(fn.traffic.map((share) => share.revision))
  const own = [fn.port, ...revisions.filter((revision) => routed.has(revision.revision)).map((revision) => revision.port)]
  return [...new Set([...FUNCTION_PORTS, ...own.filter((port) => port !== undefined)])].toSorted((a, b) => a - b)
}

/** Which of a function's revisions is tried first when none of them has traffic: what was proven ready, then what may become so. */
const BY_SUBSET: readonly RevisionModel['phase'][] = ['active', 'retired', 'pending', 'failed']
const BY_SERVICE: readonly RevisionModel['phase'][] = ['active', 'retired']

/**
 * Where calls of a host (or of a subset of it) go, as shares of `weight`. Each function behind a Service has the same share, divided as its own traffic is.
 * Where nothing that is selected has traffic, the newest revision of each function is meant: by a Service only what was ever proven ready, by the labels
 * of a subset whatever there is, since its author named it.
 */
export function targetsOf(reading: Reading, endpoints: Endpoints, subset: Selector | undefined, weight: number): readonly RouteTarget[] {
  const { owner } = endpoints
  if (owner.kind === 'Function' && subset === undefined) return functionTargets(owner.model, endpoints.revisions, weight)
  const selected = subset === undefined ? endpoints.revisions : endpoints.revisions.filter((revision) => selects(subset, revision.labels))
  const groups = Map.groupBy(selected, (revision) => revision.function)
  const live = [...groups].flatMap(([key, revisions]) => {
    const shares = liveShares(reading, key, revisions)
    return shares.length === 0 ? [] : [shares]
  })
  if (live.length > 0) return live.flatMap((shares) => divided(shares, weight / live.length))
  const fallback = newestOf([...groups.values()], subset === undefined ? BY_SERVICE : BY_SUBSET)
  if (fallback.length > 0) return fallback.map((revision) => ({ weight: weight / fallback.length, workload: revision.key }))
  const missing = selected.length === 0 ? 'selects no workload' : 'has no revision that is ready yet'
  return [{ weight, workload: undefined, missing: `${endpoints.key} ${missing}` }]
}

interface Share {
  readonly workload: string
  readonly weight: number
}

function divided(shares: readonly Share[], weight: number): readonly RouteTarget[] {
  const sum = shares.reduce((total, share) => total + share.weight, 0)
  return shares.map((share) => ({ weight: (weight * share.weight) / sum, workload: share.workload }))
}

function liveShares({ world, dependencies }: Reading, functionKey: string, revisions: readonly RevisionModel[]): readonly Share[] {
  dependencies.add(`function ${functionKey}`)
  const traffic = world.functions.get(functionKey)?.traffic ?? []
  return traffic.flatMap(({ revision, weight }) => {
    const found = weight === 0 ? undefined : revisions.find((candidate) => candidate.revision === revision)
    return found === undefined ? [] : [{ workload: found.key, weight }]
  })
}

function newestOf(groups: readonly (readonly RevisionModel[])[], phases: readonly RevisionModel['phase'][]): readonly RevisionModel[] {
  for (const phase of phases) {
    const newest = groups.flatMap((revisions) =>
      revisions
        .filter((revision) => revision.phase === phase)
        .toSorted((a, b) => b.number - a.number)
        .slice(0, 1),
    )
    if (newest.length > 0) return newest
  }
  return []
}

/** A function's own split, whole: a share for a revision that is not there answers 503. */
function functionTargets(fn: FunctionModel, revisions: readonly RevisionModel[], weight: number): readonly RouteTarget[] {
  const sum = fn.traffic.reduce((total, share) => total + share.weight, 0)
  if (sum === 0) return [{ weight, workload: undefined, missing: `no revision of the function ${fn.key} is ready yet` }]
  return fn.traffic.map((share) => ({ weight: (weight * share.weight) / sum, ...revisionTarget(fn, revisions, share.revision) }))
}

/** The target for a revision by its short name. */
export function revisionTarget(fn: FunctionModel, revisions: readonly RevisionModel[], name: string): Pick<RouteTarget, 'workload' | 'missing'> {
  const found = revisions.find((revision) => revision.revision === name)
  return found === undefined ? { workload: undefined, missing: `the function ${fn.key} has no revision ${name}` } : { workload: found.key }
}
