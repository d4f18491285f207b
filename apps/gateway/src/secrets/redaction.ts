import { WeftError, type Resource } from '@weft/core'
import type { Admission } from '../resources/resources.ts'

/** What stands in place of a value that is not shown; base64, as clients decode it. Written back, it means "as it is". */
export const REDACTED = Buffer.from('<redacted>').toString('base64')
/** Kubectl copies what it applies into this annotation: for a Secret that would be its values. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

type WithData = Resource & { readonly data?: Readonly<Record<string, string>>; readonly stringData?: unknown }

/** A Secret without its values; anything else as it is. */
export function redacted(resource: Resource): Resource {
  if (resource.kind !== 'Secret') return resource
  const { data = {}, stringData: _values, ...rest } = resource as WithData
  return { ...rest, data: Object.fromEntries(Object.keys(data).map((key) => [key, REDACTED])) } as Resource
}

/** Puts the present values where a client wrote back what it was shown, and keeps values out of annotations. */
export const secretAdmission: Admission = (next, current) => {
  const { data = {} } = next as WithData
  const present: WithData | undefined = current
  const before = present?.data ?? {}
  const restored = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value === REDACTED ? restore(before, key) : value]))
  return Promise.resolve({ ...next, metadata: withoutValues(next.metadata), data: restored } as Resource)
}

function withoutValues(metadata: Resource['metadata']): Resource['metadata'] {
  if (metadata.annotations === undefined) return metadata
  const { [LAST_APPLIED]: _values, ...annotations } = metadata.annotations
  return { ...metadata, annotations }
}

function restore(before: Readonly<Record<string, string>>, key: string): string {
  const value = Object.hasOwn(before, key) ? before[key] : undefined
  if (value === undefined)
    throw new WeftError('INVALID_VALUE', { field: `data.${key}`, reason: 'it is the placeholder of a value that is not shown, and there is no value' })
  return value
}
