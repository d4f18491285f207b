const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 }

/** A Go duration (`1m30s`, `250ms`) or whole seconds (`30`), as in the header `X-Timeout`. @returns milliseconds, undefined when malformed */
function parseDuration(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  if (text.length > 32 || !/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
  return total
}

/** Time that a call may take: the function's own, shortened (never lengthened) by `X-Timeout`. 0 is no limit. */
export function callTimeoutMs(configured: number, header: string | string[] | undefined): number {
  const asked = typeof header === 'string' ? parseDuration(header.trim()) : undefined
  if (asked === undefined || asked <= 0) return configured
  return configured === 0 ? asked : Math.min(configured, asked)
}
