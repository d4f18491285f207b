import { ANALYSIS_CODES, type AnalysisCode } from '../../packages/mesh-model/src/analyze/index.ts'

/** `docs/reference/analyze.md` from the registry of codes. */
export function analyzePage(): string {
  const rows = Object.entries<AnalysisCode>(ANALYSIS_CODES).map(
    ([code, { name, severity, what, help }]) => `| \`${code}\` | ${name} | ${severity} | ${what} | ${help} |`,
  )
  return `# What \`weft mesh analyze\` finds

\`error\`: calls fail, or what is written has no effect; \`warning\`: surely not what was meant; \`info\`: worth knowing. Codes that begin with \`IST\` mean what they mean
for \`istioctl analyze\`. A code keeps its meaning for ever.

| code | name | severity | what is wrong | what to do |
|---|---|---|---|---|
${rows.join('\n')}
`
}
