import { WeftError } from '@weft/core'

/** Deepest nesting that a body may have. */
export const MAX_DEPTH = 64
/** Most values (objects, arrays, scalars) that a body may have. */
const MAX_VALUES = 200_000

/**
 * Reads JSON from an untrusted body.
 * @throws WeftError `MALFORMED_BODY`
 */
export function parseJsonBody(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch {
    throw new WeftError('MALFORMED_BODY', { reason: text.trim() === '' ? 'it is empty, JSON was expected' : 'it is not valid JSON' })
  }
  assertHarmless(value)
  return value
}

/**
 * Refuses values that could harm who handles them: too deep, too many, or with keys that reach an object's prototype.
 * @throws WeftError `MALFORMED_BODY`
 */
export function assertHarmless(root: unknown): void {
  const pending: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }]
  let seen = 0
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (++seen > MAX_VALUES) throw new WeftError('MALFORMED_BODY', { reason: `it has more than ${MAX_VALUES} values` })
    if (next.value === null || typeof next.value !== 'object') continue
    if (next.depth >= MAX_DEPTH) throw new WeftError('MALFORMED_BODY', { reason: `it is nested deeper than ${MAX_DEPTH} levels` })
    assertKeys(next.value)
    for (const value of Object.values(next.value)) pending.push({ value, depth: next.depth + 1 })
  }
}

function assertKeys(value: object): void {
  if (Array.isArray(value)) return
  if (Object.hasOwn(value, '__proto__')) throw new WeftError('MALFORMED_BODY', { reason: 'the key "__proto__" is not allowed' })
  if (!Object.hasOwn(value, 'constructor')) return
  const inner: unknown = Object.getOwnPropertyDescriptor(value, 'constructor')?.value
  if (inner !== null && typeof inner === 'object' && Object.hasOwn(inner, 'prototype')) {
    throw new WeftError('MALFORMED_BODY', { reason: 'the keys "constructor" and "prototype" are not allowed one in the other' })
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
