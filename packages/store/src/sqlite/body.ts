import { refKey, refOf, WeftError, type Resource } from '@weft/core'
import type { Sealer } from '../port.ts'

/** A resource as it lies in a row: what is secret in it is apart and sealed. */
export interface Body {
  readonly body: string
  readonly sealed: Uint8Array | null
}

/** Writes a resource out; the `data` of a Secret goes into the sealed part, together with the key it belongs to. */
export function toBody(resource: Resource, sealer: Sealer): Body {
  if (!isSecret(resource)) return { body: JSON.stringify(resource), sealed: null }
  const { data, stringData, ...open } = resource as Resource & { readonly data?: unknown; readonly stringData?: unknown }
  const hidden = JSON.stringify({ key: refKey(refOf(resource)), data, stringData })
  return { body: JSON.stringify(open), sealed: sealer.seal(Buffer.from(hidden)) }
}

/**
 * Reads what {@link toBody} wrote.
 * @throws WeftError `SECRETS_UNREADABLE` when the sealed part belongs to another resource, or see `Sealer.open`
 */
export function fromBody(row: Body, sealer: Sealer): Resource {
  const resource = JSON.parse(row.body) as Resource
  if (row.sealed === null) return resource
  const { key, ...data } = JSON.parse(Buffer.from(sealer.open(row.sealed)).toString()) as { readonly key: string; readonly data?: unknown }
  if (key !== refKey(refOf(resource))) throw new WeftError('SECRETS_UNREADABLE', { reason: `the content of ${key} lies at ${refKey(refOf(resource))}` })
  return { ...resource, ...data }
}

function isSecret(resource: Resource): boolean {
  return resource.kind === 'Secret' && resource.apiVersion === 'v1'
}
