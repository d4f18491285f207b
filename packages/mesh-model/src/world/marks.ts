import type { ResourceRef } from '@weft/core'
import type { HostKey, SnapshotMap, WorkloadKey } from '../snapshot.ts'
import { refOfChange, type Change } from './change.ts'
import type { GatewayMarks } from './gateways.ts'
import type { Selector } from '../read/models.ts'

/** What changes touch, while it is found out. */
export interface Marks {
  readonly hosts: Set<HostKey>
  readonly workloads: Set<WorkloadKey>
  readonly externals: Set<string>
  readonly findings: Set<string>
  readonly told: Set<string>
  /** What changed policies select; looked up when all changes are in. */
  readonly selections: { readonly namespace: string; readonly selector: Selector }[]
  namespaces: boolean
  readonly gateways: GatewayMarks
  edges: boolean
  /** Whether Gateways of the Gateway API may mean something else now. */
  apiGateways: boolean
}

/** Which changes of a batch did something, and to what. */
export interface Causes {
  /** Those that changed anything of the world. */
  readonly all: readonly ResourceRef[]
  /** By {@link thingOf}: those that touched it themselves. Things that others brought along are not there. */
  readonly of: ReadonlyMap<string, readonly ResourceRef[]>
}

/** Changes of a batch, up to which it is remembered what each did. */
export const MOST_NARROWED = 200

/** One entry of a snapshot. */
export function thingOf(map: SnapshotMap, key: string): string {
  return `${map} ${key}`
}

/** Nothing. */
export function noMarks(): Marks {
  const gateways = {
    gateways: new Set<string>(),
    listeners: new Set<string>(),
    gatewayHosts: new Set<string>(),
    fronts: new Set<string>(),
    credentials: new Set<string>(),
  }
  return {
    hosts: new Set(),
    workloads: new Set(),
    externals: new Set(),
    findings: new Set(),
    told: new Set(),
    selections: [],
    namespaces: false,
    edges: false,
    apiGateways: false,
    gateways,
  }
}

/** Adds `more` to `marks`; selections are done with by then. */
export function addMarks(marks: Marks, more: Marks): void {
  for (const name of ['hosts', 'workloads', 'externals', 'findings', 'told'] as const) for (const key of more[name]) marks[name].add(key)
  for (const name of ['gateways', 'listeners', 'gatewayHosts', 'fronts', 'credentials'] as const)
    for (const key of more.gateways[name]) marks.gateways[name].add(key)
  marks.namespaces ||= more.namespaces
  marks.edges ||= more.edges
  marks.apiGateways ||= more.apiGateways
}

/** What each of some changes touched, as causes. */
export function causesOf(changes: readonly { readonly change: Change; readonly own: Marks }[]): Causes {
  const of = new Map<string, ResourceRef[]>()
  const effective = changes.filter(({ own }) => isMarked(own))
  for (const { change, own } of effective) {
    const ref = refOfChange(change)
    for (const thing of thingsIn(own)) {
      const before = of.get(thing)
      if (before === undefined) of.set(thing, [ref])
      else before.push(ref)
    }
  }
  return { all: effective.map(({ change }) => refOfChange(change)), of }
}

function thingsIn({ hosts, workloads, externals, gateways }: Marks): readonly string[] {
  const { fronts: _fronts, ...entries } = gateways
  return Object.entries({ hosts, workloads, externals, ...entries } satisfies Partial<Record<SnapshotMap, ReadonlySet<string>>>).flatMap(([map, keys]) =>
    [...keys].map((key) => thingOf(map as SnapshotMap, key)),
  )
}

function isMarked({ gateways, hosts, workloads, externals, findings, told, selections, namespaces, edges, apiGateways }: Marks): boolean {
  const sets: readonly ReadonlySet<string>[] = [hosts, workloads, externals, findings, told, ...Object.values(gateways)]
  return namespaces || edges || apiGateways || selections.length > 0 || sets.some((set) => set.size > 0)
}
