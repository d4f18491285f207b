/** Aligns rows in columns two spaces apart, as kubectl does; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)))
  return rows.map((row) => `${row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  ')}\n`).join('')
}

/** An age as kubectl writes it: `5s`, `3m`, `2h`, `4d`. */
export function age(since: string | number | undefined, now: number): string {
  if (since === undefined) return '-'
  const seconds = Math.max(0, Math.round((now - new Date(since).getTime()) / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
