import { AddressGuard, type Log } from '@weft/kit'
import type { MeshSettings } from '../plane/options.ts'
import { fetchKeys } from './fetch.ts'
import { KeyKeeper } from './keeper.ts'

const REFRESH_MS = 300_000
/** An issuer of a large company has some tens of keys, with certificates beside them. */
const MAX_BYTES = 262_144

/** A keeper that fetches from the internet, and from private addresses only where the settings allow it. */
export function openKeeper({ keys = {}, layout }: Pick<MeshSettings, 'keys' | 'layout'>, log: Log, changed: (name: string) => void): KeyKeeper {
  const guard = new AddressGuard({ allowed: keys.allowedAddresses ?? [], own: layout.ownAddresses })
  const rules = { guard, maxBytes: MAX_BYTES, ...(keys.roots === undefined ? {} : { roots: keys.roots }) }
  return new KeyKeeper({ fetch: (source) => fetchKeys(source, rules), changed, log, refreshMs: keys.refreshMs ?? REFRESH_MS })
}
