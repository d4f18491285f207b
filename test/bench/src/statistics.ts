/** Median and range of a few rounds: with three to ten values a standard deviation would claim more than is known. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Sums up the values of the rounds, without those that could not be read; NaN when there are none. */
export function summarise(values: readonly number[]): Summary {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

/** Nearest-rank quantile of ascending values (the mean of the middle two for the median of an even number); NaN when there are none. */
export function quantile(sorted: readonly number[], share: number): number {
  if (share === 0.5 && sorted.length % 2 === 0) return ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + (sorted[sorted.length / 2] ?? Number.NaN)) / 2
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** `12.3 (11.9-12.8)`, with as many decimals as a value of this size deserves. */
export function show(summary: Summary): string {
  if (Number.isNaN(summary.median)) return '-'
  const digits = summary.median >= 100 ? 0 : summary.median >= 10 ? 1 : 2
  return `${summary.median.toFixed(digits)} (${summary.min.toFixed(digits)}-${summary.max.toFixed(digits)})`
}

/** Rows as an aligned Markdown table. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
  return [lines[0] ?? '', `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.slice(1)].join('\n')
}
