/** What a file is, told by its first bytes. */
export type FileKind = 'zip' | 'gzip' | 'bzip2' | 'xz' | 'tar' | 'plain'

/** Bytes that {@link detectKind} wants to see. */
export const DETECT_BYTES = 512

const MAGIC: readonly (readonly [FileKind, string])[] = [
  ['zip', '504b0304'],
  ['zip', '504b0506'],
  ['gzip', '1f8b'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
]

/** Tells archives and packed files from source files. A tar is known by its header's checksum (POSIX.1-1988 §10.1.1), so old ones without "ustar" count too. */
export function detectKind(head: Buffer): FileKind {
  for (const [kind, hex] of MAGIC) if (head.subarray(0, hex.length / 2).toString('hex') === hex) return kind
  return isTarHeader(head) ? 'tar' : 'plain'
}

function isTarHeader(head: Buffer): boolean {
  if (head.length < 512) return false
  if (head.every((byte) => byte === 0)) return true
  const stored = Number.parseInt(head.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8)
  let sum = 8 * 0x20
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += head[i] ?? 0
  return stored === sum
}
