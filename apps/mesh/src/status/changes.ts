import type { MeshSnapshot } from '@weft/mesh-model'
import type { StatusChange } from './writer.ts'

type Statuses = MeshSnapshot['statuses']

/** What is different in what statuses are to say; `undefined`: nothing. Cost: one look at each entry, when anything changed. */
export function statusChange(before: Statuses, after: Statuses): StatusChange | undefined {
  if (before === after) return undefined
  const set = [...after].filter(([key, status]) => before.get(key) !== status).map(([, status]) => status)
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, { resource }]) => resource)
  return set.length + removed.length === 0 ? undefined : { set, removed }
}
