import { SYSTEM_NAMESPACE } from '@weft/core'
import type { ExternalEntry, ExternalPort, ExternalRoutes, ExternalRule, ExternalSettings, MeshExternal, PortedSettings, VisibleIn } from './external.ts'
import { blockKeysOf } from './policy/address.ts'
import { nameKeyOf, wildcardsOf } from './read/names.ts'

type Known = ReadonlyMap<string, MeshExternal>

/** What a caller means by a name and a port outside. */
export interface FoundExternal {
  /** The ServiceEntry that has them. */
  readonly entry: { readonly entry: ExternalEntry; readonly port: ExternalPort } | undefined
  /** The VirtualService that says where calls go. */
  readonly routes: ExternalRoutes | undefined
}

/** Under which keys of `snapshot.externals` a name or address may be known, the most specific first. */
export function externalKeysOf(name: string, callerNamespace: string): readonly string[] {
  const blocks = blockKeysOf(name.replace(/^\[(.*)\]$/, '$1'))
  return blocks.length > 0 ? blocks : [nameKeyOf(name, callerNamespace), ...wildcardsOf(name.toLowerCase())]
}

/**
 * Looks a name up for a caller: the most specific name wins, there what the caller's own namespace has, then the oldest that it may see. Cost: as many looks
 * as the name has labels (an address has bits).
 */
export function findExternal(externals: Known, callerNamespace: string, name: string, port: number): FoundExternal {
  const known = externalKeysOf(name, callerNamespace).flatMap((key) => externals.get(key) ?? [])
  return { entry: firstOf(known, (one) => entryOf(one, callerNamespace, port)), routes: routesFor(known, callerNamespace, port) }
}

function routesFor(known: readonly MeshExternal[], callerNamespace: string, port: number): ExternalRoutes | undefined {
  const owner = firstOf(known, (one) => entryOf(one, callerNamespace, port))?.entry.namespace
  return firstOf(known, ({ routes }) => chosen(routes, callerNamespace, owner))
}

function entryOf({ entries }: MeshExternal, callerNamespace: string, number: number): FoundExternal['entry'] {
  const seen = entries.filter((entry) => isVisible(entry, callerNamespace))
  const ordered = [...seen.filter((entry) => entry.namespace === callerNamespace), ...seen.filter((entry) => entry.namespace !== callerNamespace)]
  return firstOf(ordered, (entry) => {
    const port = entry.ports.find((one) => one.number === number)
    return port === undefined ? undefined : { entry, port }
  })
}

/** The DestinationRule that holds for a caller's calls to a host outside: of the caller's namespace, else the ServiceEntry's, else the whole mesh's. */
export function rulesOf(externals: Known, callerNamespace: string, host: string, owner: string): ExternalRule | undefined {
  const known = externalKeysOf(host, owner).flatMap((key) => externals.get(key) ?? [])
  return firstOf(known, ({ rules }) => chosen(rules, callerNamespace, owner))
}

interface Exported {
  readonly namespace: string
  readonly visibleIn: VisibleIn
}

function chosen<T extends Exported>(list: readonly T[], callerNamespace: string, owner: string | undefined): T | undefined {
  const seen = list.filter((one) => isVisible(one, callerNamespace))
  return firstOf([callerNamespace, owner, SYSTEM_NAMESPACE], (place) => seen.find((one) => one.namespace === place))
}

/** Whether a namespace sees something. */
export function isVisible({ visibleIn }: { readonly visibleIn?: VisibleIn }, namespace: string): boolean {
  return visibleIn === undefined || visibleIn.includes(namespace)
}

function firstOf<T, R>(list: readonly T[], find: (one: T) => R | undefined): R | undefined {
  for (const one of list) {
    const found = find(one)
    if (found !== undefined) return found
  }
  return undefined
}

/** How calls to a port (and subset) are carried: the subset's settings take the place of the host's, each as a whole; a port's, all of them. */
export function externalSettings(rule: ExternalRule | undefined, port: number, subset: string | undefined): ExternalSettings {
  const part = subset === undefined ? undefined : rule?.subsets.find(({ name }) => name === subset)
  return merged(settingsAt(rule, port), settingsAt(part, port))
}

function settingsAt(settings: PortedSettings | undefined, port: number): ExternalSettings {
  return settings?.ports?.find((one) => one.port === port) ?? settings ?? {}
}

function merged(whole: ExternalSettings, part: ExternalSettings): ExternalSettings {
  const traffic = { ...whole.traffic, ...part.traffic }
  const tls = part.tls ?? whole.tls
  return { ...(Object.keys(traffic).length === 0 ? {} : { traffic }), ...(tls === undefined ? {} : { tls }) }
}
