import { METRICS } from '@weft/gateway'

/** `docs/reference/metrics.md` from the metric registry. */
export function metricsPage(): string {
  const rows = Object.entries(METRICS).map(
    ([name, entry]) => `| \`${name}\` | ${entry.type} | ${entry.labels.map((label) => `\`${label}\``).join(', ')} | ${entry.help} |`,
  )
  return `# Metrics

Served in Prometheus' text format at \`/metrics\` of the metrics address (default \`127.0.0.1:8082\`), beside the standard \`process_*\` and \`nodejs_*\` metrics.

| metric | type | labels | what it counts |
|---|---|---|---|
${rows.join('\n')}
`
}
