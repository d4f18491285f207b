import { ERRORS, type ErrorEntry } from '@weft/core'

/** `docs/reference/errors.md` from the error registry. */
export function errorsPage(): string {
  const rows = Object.entries<ErrorEntry>(ERRORS).map(
    ([code, entry]) => `| \`${code}\` | ${entry.status} | ${entry.fault} | ${cell(entry.message)} | ${cell(entry.help)} |`,
  )
  return `# Errors

Every error that Weft tells a user, with its stable code. \`{field}\` stands for a value. Fault \`user\`: the caller can mend it; \`system\`: the platform or its
machine must be mended.

| code | status | fault | what and why | what to do |
|---|---|---|---|---|
${rows.join('\n')}
`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('{', '\\{')
}
