import { externalKeysOf, findExternal } from '@weft/mesh-model'
import type { ExternalEntry, ExternalTarget, FoundExternal, MeshExternal, MeshRoute, MeshSnapshot, MeshWorkload, RouteTarget } from '@weft/mesh-model'
import { outsideTargetsOf, type Caller } from './legs.ts'
import { encodeBytesCluster, encodeOutsideCluster, type OutsideCluster } from './outside-clusters.ts'
import { bytesCluster, outsideCluster } from './outside-names.ts'
import { sourcesOf } from './outside-tls.ts'
import { outsideWay, type OutsideWay } from './outside-way.ts'
import type { Routed } from './routes.ts'
import type { EncodeInput, NodeLayout } from './types.ts'
import type { Bundle } from './units.ts'

/** What a group of resources is made with (see the encoder). */
export interface Making {
  readonly input: Pick<EncodeInput, 'snapshot' | 'files'>
  readonly layout: NodeLayout
  /** Notes what was looked at. */
  lookAt(name: string): void
  /** Wants resources, made only when one of their parts changed. */
  put(key: string, parts: readonly unknown[], make: () => Bundle): void
  /** The way of a caller to a target of connections in the mesh; its cluster is wanted. `undefined`: it is not there, or takes none. */
  connect(caller: Caller, target: Pick<RouteTarget, 'workload'>): { readonly cluster: string; readonly workload: MeshWorkload } | undefined
}

/** A name and a port as a caller wrote them. */
export interface Place {
  readonly host: string
  readonly port: number
}

const HTTP_PORT = 80

/** Reads an authority: `NAME`, `NAME:PORT`, `[ADDRESS]:PORT`. */
export function parsePlace(authority: string): Place {
  const [, host = authority, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(authority.toLowerCase()) ?? []
  return { host: host.replace(/\.$/, ''), port: port === undefined ? HTTP_PORT : Number(port) }
}

/** What is registered under a name, and under what holds it; its absence is looked at too. */
function known(making: Making, namespace: string, hosts: readonly string[]): readonly MeshExternal[] {
  const { externals } = making.input.snapshot
  return [...new Set(hosts.flatMap((host) => externalKeysOf(host, namespace)))].flatMap((key) => {
    making.lookAt(`external/${key}`)
    return externals.get(key) ?? []
  })
}

/** Clusters for the places outside that routes lead to. @returns what they were made of */
export function needOutside(making: Making, caller: Caller, routes: readonly MeshRoute[], port: number): readonly unknown[] {
  const targets = outsideTargetsOf(routes)
  const states: string[] = []
  const parts = targets.flatMap(({ host, namespace = caller.namespace }) => known(making, namespace, [host]))
  for (const target of targets) {
    const way = outsideWay(making.input.snapshot, making.layout, caller, target, port)
    if (way !== undefined) states.push(needCluster(making, way))
  }
  return [...parts, states.join()]
}

/** @returns why it cannot be reached, if so */
function needCluster(making: Making, way: OutsideWay): string {
  noteSources(making, way)
  const made = encodeOutsideCluster(way, making.layout, making.input)
  needMade(making, `cluster ${outsideCluster(way)}`, way, made)
  return 'missing' in made ? made.missing : ''
}

/** Secrets and files of which a change makes the cluster anew, or makes it possible. */
function noteSources({ lookAt }: Making, { settings: { tls } }: OutsideWay): void {
  for (const source of sourcesOf(tls)) {
    if (source.kind === 'secret') lookAt(`credential/${source.key}`)
    else if (source.kind === 'file') lookAt(`file/${source.path}`)
  }
}

function needMade({ put }: Making, key: string, way: OutsideWay, made: OutsideCluster): void {
  if ('missing' in made) return
  for (const secret of made.tls.resources) put(`secret/${secret.name}`, [JSON.stringify(secret.json)], () => ({ resources: [secret], secrets: [] }))
  put(key, [way.entry, way.rule, made.tls.resources.length], () => ({ resources: [made.resource], secrets: made.tls.secrets }))
}

/** Wants the cluster that takes bytes to a place outside. */
// oxlint-disable-next-line max-params -- who, and where to
export function needBytes(
  making: Making,
  caller: Caller,
  target: ExternalTarget,
  port: number,
): { readonly cluster: string; readonly way: OutsideWay } | { readonly reason: string } {
  const { layout, input } = making
  const parts = known(making, target.namespace ?? caller.namespace, [target.host])
  const way = outsideWay(input.snapshot, layout, caller, target, port)
  if (way === undefined) return { reason: parts.length === 0 ? `${target.host} is not registered` : 'the platform itself listens there' }
  noteSources(making, way)
  const made = encodeBytesCluster(way, layout, input)
  if ('missing' in made) return { reason: made.missing }
  needMade(making, `cluster ${bytesCluster(way)}`, way, made)
  return { cluster: bytesCluster(way), way }
}

/** What a caller means by a place outside. */
export function findOutside(making: Making, caller: MeshWorkload, { host, port }: Place): FoundExternal & { readonly parts: readonly unknown[] } {
  const parts = known(making, caller.namespace, [host])
  return { ...findExternal(making.input.snapshot.externals, caller.namespace, host, port), parts }
}

/** Whether calls to a port outside are HTTP; anything else is passed on as it is. */
export function carriesHttp({ entry, routes }: FoundExternal): boolean {
  return entry === undefined ? routes !== undefined && routes.routes.length > 0 : entry.port.protocol === 'http' || entry.port.protocol === 'http2'
}

/** A host outside with the routes that hold for it: those of its VirtualService, else straight on. */
export function routedOutside({ entry, routes }: FoundExternal, { host, port }: Place): Routed {
  const straight = (found: ExternalEntry): MeshRoute => {
    const external: ExternalTarget = { host, port }
    return { name: 'outside', matches: [], targets: [{ weight: 100, workload: undefined, external }], origin: found.resource }
  }
  const said = routes?.routes ?? []
  return { name: host, routes: said.length > 0 || entry === undefined ? said : [straight(entry.entry)] }
}

/** Names, and ports of them, under which a caller sees something outside, for callers whose routes are sent as a whole: single addresses and names, not blocks. */
export function placesOf(snapshot: Pick<MeshSnapshot, 'externals'>): readonly Place[] {
  return [...snapshot.externals.values()].flatMap(({ key, entries, routes }) => {
    const host = /^[^/]+\/(?:32|128)$/.test(key) ? key.slice(0, key.lastIndexOf('/')) : (entries[0]?.host ?? key)
    if (key.includes('/') && key.includes('.') && !key.endsWith('/32')) return []
    const ports = new Set(entries.flatMap((entry) => entry.ports.map(({ number }) => number)))
    if (entries.length === 0 && routes.length > 0) ports.add(HTTP_PORT)
    return [...ports].map((port) => ({ host: host.includes(':') ? `[${host}]` : host, port }))
  })
}

/** The ways to write a place. */
export function authoritiesOfPlace({ host, port }: Place): readonly string[] {
  return port === HTTP_PORT ? [host, `${host}:${port}`] : [`${host}:${port}`]
}
