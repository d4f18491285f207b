import { externalSettings, findExternal, isAddress, isPlatformPlace, rulesOf } from '@weft/mesh-model'
import type { ExternalEntry, ExternalPort, ExternalRule, ExternalSettings, ExternalTarget, MeshSnapshot } from '@weft/mesh-model'
import type { Account } from './tls.ts'
import type { NodeLayout } from './types.ts'

/** One way to a place outside, resolved for a caller. Callers with the same way share its cluster. */
export interface OutsideWay {
  readonly entry: ExternalEntry
  readonly port: ExternalPort
  readonly subset: string | undefined
  readonly rule: ExternalRule | undefined
  readonly settings: ExternalSettings
  /** The address that was called, where calls go to just that. */
  readonly called: string | undefined
  /** Whose certificate of the mesh is shown. */
  readonly account: Account | undefined
}

/** Finds the way to a place outside; `undefined` where the caller sees no such place, or the platform listens there. */
export function outsideWay(
  snapshot: Pick<MeshSnapshot, 'externals'>,
  layout: NodeLayout,
  caller: Account,
  target: ExternalTarget,
  port: number,
): OutsideWay | undefined {
  const { host, subset, namespace = caller.namespace } = target
  const found = findExternal(snapshot.externals, namespace, host, target.port ?? port).entry
  if (found === undefined) return undefined
  const rule = rulesOf(snapshot.externals, namespace, isAddress(bare(host)) ? found.entry.host : host, found.entry.namespace)
  const settings = externalSettings(rule, found.port.number, subset)
  const called = found.entry.resolution === 'none' && isAddress(bare(host)) ? bare(host) : undefined
  if (called !== undefined && isPlatformPlace(platformPlaces(layout), called, found.port.number)) return undefined
  return {
    ...found,
    subset,
    rule,
    settings,
    called,
    account: settings.tls?.mode === 'mesh' ? { namespace: caller.namespace, serviceAccount: caller.serviceAccount } : undefined,
  }
}

/** Whether calls go to whatever name below a wildcard was called. */
export function isForwarded({ entry, called }: Pick<OutsideWay, 'entry' | 'called'>): boolean {
  return called === undefined && entry.resolution === 'none' && entry.host.startsWith('*')
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** Where the platform itself listens. */
export function platformPlaces({ ownAddresses, platformPorts = [] }: Pick<NodeLayout, 'ownAddresses' | 'platformPorts'>) {
  return { addresses: ['127.0.0.0/8', '::1/128', ...ownAddresses], ports: platformPorts }
}
