/** DER (ITU-T X.690), as much of it as a certificate needs. */

/** Bytes of one value with its tag and length. */
export type Der = Uint8Array

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** A value of any tag. */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Der {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  const header = [tag, ...lengthBytes(length)]
  const result = new Uint8Array(header.length + length)
  result.set(header)
  let at = header.length
  for (const part of content) {
    result.set(part, at)
    at += part.length
  }
  return result
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return [0x82, length >> 8, length & 0xff]
}

export const sequence = (...content: readonly Der[]): Der => tagged(TAG.sequence, ...content)
export const setOf = (...content: readonly Der[]): Der => tagged(TAG.set, ...content)
export const octetString = (content: Uint8Array): Der => tagged(TAG.octetString, content)
export const utf8String = (text: string): Der => tagged(TAG.utf8String, new TextEncoder().encode(text))
export const NULL: Der = tagged(0x05)
export const TRUE: Der = tagged(TAG.boolean, Uint8Array.of(0xff))

/** A constructed, context-specific tag (`[n] EXPLICIT`). */
export const explicit = (number: number, content: Der): Der => tagged(0xa0 | number, content)
/** A primitive, context-specific tag (`[n] IMPLICIT` of a string). */
export const implicit = (number: number, content: Uint8Array): Der => tagged(0x80 | number, content)

/** Bits without unused ones at the end, unless told how many. */
export const bitString = (content: Uint8Array, unused = 0): Der => tagged(TAG.bitString, Uint8Array.of(unused), content)

/** A number that is not negative, from its big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Der {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const minimal = bytes.subarray(start)
  return (minimal[0] ?? 0) >= 0x80 ? tagged(TAG.integer, Uint8Array.of(0), minimal) : tagged(TAG.integer, minimal)
}

/** An object identifier, `1.2.840.10045.4.3.2`. */
export function oid(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return tagged(TAG.oid, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): readonly number[] {
  const bytes = [value & 0x7f]
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80)
  return bytes
}

/** A time in whole seconds: UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  const generalized = Number(digits.slice(0, 4)) >= 2050
  return tagged(generalized ? TAG.generalizedTime : TAG.utcTime, new TextEncoder().encode(`${generalized ? digits : digits.slice(2)}Z`))
}
