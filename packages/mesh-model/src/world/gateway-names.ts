/**
 * What two names of hosts have in common (`*`, `*.example.com` or a whole name): the more specific one where it is part of the other, as Istio binds a
 * VirtualService to a Gateway. @returns `undefined` when they have nothing in common
 */
export function commonName(a: string, b: string): string | undefined {
  if (covers(a, b)) return b
  return covers(b, a) ? a : undefined
}

/** Whether every name that `narrow` stands for is one of `wide`'s. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === '*' || wide === narrow) return true
  return wide.startsWith('*.') && narrow.endsWith(wide.slice(1)) && narrow.length > wide.length - 1
}
