const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 }

/** A Go duration (`1m30s`, `250ms`) or whole seconds (`30`), as the watchdogs read them. @returns milliseconds, undefined when malformed */
export function parseDuration(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  if (text.length > 32 || !/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
  return total
}

/** The smallest limit that is set. 0 and undefined are no limit. @returns milliseconds, 0 for none */
export function smallestLimit(...limits: readonly (number | undefined)[]): number {
  const set = limits.filter((limit): limit is number => limit !== undefined && limit > 0)
  return set.length === 0 ? 0 : Math.min(...set)
}
