import type { Der } from './der.ts'

/** One value as it stands in a DER encoding. */
export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** Tag, length and content. */
  readonly whole: Der
}

/**
 * The values that stand one after the other in some bytes.
 * @throws RangeError when a length reaches beyond them
 */
export function elements(bytes: Uint8Array): readonly Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const { start, end } = extent(bytes, at)
    found.push({ tag: bytes[at] ?? 0, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) })
    at = end
  }
  return found
}

function extent(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = bytes[at + 1] ?? 0
  const more = first < 0x80 ? 0 : first & 0x7f
  let length = first < 0x80 ? first : 0
  for (let index = 0; index < more; index += 1) length = length * 256 + (bytes[at + 2 + index] ?? 0)
  const start = at + 2 + more
  if (more > 4 || start + length > bytes.length) throw new RangeError('a length in the certificate reaches beyond its end')
  return { start, end: start + length }
}

/** What is in a constructed value, as {@link elements}. */
export function inside(element: Element | undefined): readonly Element[] {
  return element === undefined ? [] : elements(element.content)
}
