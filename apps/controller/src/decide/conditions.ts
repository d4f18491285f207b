import type { Condition } from '@weft/core'

/** Makes a condition; its transition time is set when it is written. */
export function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message }
}

/** Whether two statuses say the same, whatever the transition times: a status that says the same is not written again. */
export function sameButTime(a: unknown, b: unknown): boolean {
  return timeless(a) === timeless(b)
}

function timeless(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'lastTransitionTime') return undefined
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).toSorted(([x], [y]) => (x < y ? -1 : 1)))
  })
}
