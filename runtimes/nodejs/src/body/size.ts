const UNIT: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/** A size as body-parser reads it (`100kb`, `1mb`, `2048`). @returns bytes; `fallback` when absent or malformed */
export function parseSize(text: string | undefined, fallback: number): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?\s*$/i.exec(text ?? '')
  if (match === null) return fallback
  return Math.floor(Number(match[1]) * (UNIT[(match[2] ?? 'b').toLowerCase()] ?? 1))
}
