import { isObject } from '../http/json.ts'

/** Fields by which the items of a list are told apart, as the Go types of Kubernetes' core group name them. */
const MERGE_KEYS: Readonly<Record<string, string>> = { ports: 'port', ownerReferences: 'uid', secrets: 'name', imagePullSecrets: 'name' }

/**
 * Strategic merge patch, as kubectl sends it for core kinds (Service, Secret, ServiceAccount, Namespace): like a merge patch, but lists with a merge key are
 * merged item by item; `$patch: delete` removes an item, `$patch: replace` replaces all, and directives on order are dropped.
 */
export function strategicMerge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const base: Record<string, unknown> = isObject(target) && patch['$patch'] !== 'replace' ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue
    const mergeKey = Object.hasOwn(MERGE_KEYS, key) ? MERGE_KEYS[key] : undefined
    if (value === null) delete base[key]
    else if (Array.isArray(value) && mergeKey !== undefined) base[key] = mergeList(base[key], value, mergeKey)
    else base[key] = strategicMerge(base[key], value)
  }
  return base
}

function mergeList(target: unknown, patch: readonly unknown[], mergeKey: string): readonly unknown[] {
  const items: unknown[] = Array.isArray(target) ? [...(target as readonly unknown[])] : []
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) return patch.filter((item) => !isObject(item) || item['$patch'] === undefined)
  for (const item of patch) {
    const at = isObject(item) ? items.findIndex((other) => isObject(other) && other[mergeKey] === item[mergeKey]) : -1
    const isDelete = isObject(item) && item['$patch'] === 'delete'
    if (at < 0 && !isDelete) items.push(item)
    else if (at >= 0) items.splice(at, 1, ...(isDelete ? [] : [strategicMerge(items[at], item)]))
  }
  return items
}
