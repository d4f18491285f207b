import { child, type Violation } from '../violation.ts'

/** Deepest nesting of a resource. */
const MAX_DEPTH = 64
/** Largest resource in characters of JSON, as Kubernetes' limit for an object (1.5 MiB). */
export const MAX_RESOURCE_CHARACTERS = 1_572_864

const POLLUTING: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** What no resource may have anywhere: keys that pollute prototypes, broken text, keys that are equal but for their Unicode form, endless nesting. */
export function checkTree(value: unknown, path = '', depth = 0): readonly Violation[] {
  if (typeof value === 'string') return value.isWellFormed() ? [] : [{ field: path, reason: 'the text has half of a surrogate pair' }]
  if (typeof value !== 'object' || value === null) return []
  if (depth >= MAX_DEPTH) return [{ field: path, reason: `is nested deeper than ${MAX_DEPTH} levels` }]
  if (Array.isArray(value)) return value.flatMap((inner: unknown, index) => checkTree(inner, child(path, index), depth + 1))
  const keys = Object.keys(value)
  return [...checkKeys(keys, path), ...keys.flatMap((key) => checkTree((value as Record<string, unknown>)[key], child(path, key), depth + 1))]
}

function checkKeys(keys: readonly string[], path: string): readonly Violation[] {
  const forms = new Map<string, string>()
  return keys.flatMap((key): readonly Violation[] => {
    const field = child(path, key)
    if (POLLUTING.has(key)) return [{ field, reason: `the key ${key} is not allowed` }]
    if (!key.isWellFormed()) return [{ field, reason: 'the key has half of a surrogate pair' }]
    const form = key.normalize('NFKC')
    const twin = forms.get(form)
    forms.set(form, key)
    return twin === undefined ? [] : [{ field, reason: 'another key differs from this one only in its Unicode form' }]
  })
}

/** A copy without fields whose value is null, which Kubernetes reads as absent. Depth is bounded by {@link checkTree}, which goes first. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}
