/** Whether two plain values (objects, arrays, texts, numbers) have the same content. Costs nothing where they share parts. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]))
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  const left = a as Readonly<Record<string, unknown>>
  const right = b as Readonly<Record<string, unknown>>
  return keys.every((key) => Object.hasOwn(right, key) && equal(left[key], right[key]))
}

/** `next`, or `previous` when that says the same: so that what did not change stays the same object. */
export function shared<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && equal(previous, next) ? previous : next
}
