import { kubelessProgram, optionsOf, weftProgram, type Command, type Program } from '../../apps/cli/src/index.ts'

/** `docs/reference/cli.md` from the command registries. */
export function cliPage(): string {
  return `# Command line

Exit codes: 0 done, 1 the platform or the machine failed, 2 the input was refused, 130 interrupted. \`-o json|yaml|wide|name\` where a command lists things.

${program(weftProgram)}
${program(kubelessProgram)}`
}

function program({ name, summary, commands }: Program): string {
  return `## \`${name}\`\n\n${summary}.\n\n${commands.map((command) => section(name, command)).join('\n')}`
}

function section(name: string, command: Command): string {
  const usage = [`${name} ${command.name}`, ...(command.args ?? []).map((argument) => argument.syntax), '[options]'].join(' ')
  const aliases = command.aliases === undefined ? '' : `\nAlso: ${command.aliases.map((alias) => `\`${alias}\``).join(', ')}.\n`
  const options = optionsOf(command).filter((option) => option.hidden !== true)
  const rows = options.map((option) => {
    const choices = option.choices === undefined ? '' : ` (${option.choices.join(', ')})`
    const repeated = option.repeat === true ? '; may be repeated' : ''
    const byDefault = option.default === undefined ? '' : `; default ${String(option.default)}`
    return `| \`${option.flags.replaceAll('|', '\\|')}\` | ${option.description.replaceAll('|', '\\|').replaceAll('<', '&lt;')}${choices}${repeated}${byDefault} |\n`
  })
  const optionTable = rows.length === 0 ? '' : `\n| option | |\n|---|---|\n${rows.join('')}`
  return `### \`${usage}\`\n\n${command.description ?? `${command.summary.slice(0, 1).toUpperCase()}${command.summary.slice(1)}.`}\n${aliases}${optionTable}\n\`\`\`\n${command.examples.join('\n')}\n\`\`\`\n`
}
