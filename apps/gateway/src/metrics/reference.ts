import { METRICS } from './names.ts'

/** The table of the gateway's metrics for docs/reference/metrics.md, as lines of Markdown. */
export function metricsReference(): string {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`)
  return ['| metric | type | labels | what |', '|---|---|---|---|', ...rows].join('\n')
}
