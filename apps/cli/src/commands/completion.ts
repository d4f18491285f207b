import { WeftError } from '@weft/core'
import { optionsOf } from '../cli.ts'
import type { Command } from '../command.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `weft completion SHELL`: a script that completes commands and options. `commands` is asked late, since the list contains this command. */
export function completionCommand(program: string, commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'print a completion script',
    args: [{ syntax: '<shell>', description: SHELLS.join(', ') }],
    examples: [`source <(${program} completion bash)`, `${program} completion fish > ~/.config/fish/completions/${program}.fish`],
    run({ world, args }) {
      world.stdout.write(completionScript(program, commands(), args[0] ?? ''))
      return Promise.resolve()
    },
  }
}

/** The script for one shell. @throws WeftError `INVALID_VALUE` for a shell that is not known */
export function completionScript(program: string, commands: readonly Command[], shell: string): string {
  switch (shell) {
    case 'bash':
      return bash(program, commands)
    case 'zsh':
      return `#compdef ${program}\nautoload -U +X bashcompinit && bashcompinit\n${bash(program, commands)}`
    case 'fish':
      return fish(program, commands)
    default:
      throw new WeftError('INVALID_VALUE', { field: 'shell', reason: `"${shell}" is not one of ${SHELLS.join(', ')}` })
  }
}

function longFlags(command: Command): string[] {
  return optionsOf(command)
    .filter((option) => option.hidden !== true)
    .flatMap((option) => /--[a-z][-a-zA-Z]*/.exec(option.flags) ?? [])
}

/** Words that may follow `prefix`: names of commands and groups. */
function wordsAfter(prefix: readonly string[], commands: readonly Command[]): string[] {
  const words = commands.flatMap((command) => {
    const path = command.name.split(' ')
    const next = path[prefix.length]
    return next !== undefined && prefix.every((word, index) => path[index] === word) ? [next] : []
  })
  return [...new Set(words)]
}

function bash(program: string, commands: readonly Command[]): string {
  const groups = [...new Set(commands.map((command) => command.name.split(' ').slice(0, -1).join(' ')).filter((name) => name !== ''))]
  const cases = [
    ...groups.map((group) => `    "${group}") words="${wordsAfter(group.split(' '), commands).join(' ')}" ;;`),
    ...commands.map((command) => `    "${command.name}") words="${longFlags(command).join(' ')} --help" ;;`),
  ]
  return `_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && continue
    case "\${path:+$path }$word" in
      ${[...groups, ...commands.map((command) => command.name)].map((name) => `"${name}"`).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
    "") words="${wordsAfter([], commands).join(' ')}" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _${program} ${program}
`
}

function fish(program: string, commands: readonly Command[]): string {
  const lines = [`complete -c ${program} -f`]
  for (const word of wordsAfter([], commands)) {
    const summary = commands.find((command) => command.name === word)?.summary ?? `commands of ${word}`
    lines.push(`complete -c ${program} -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`)
  }
  for (const command of commands) {
    const path = command.name.split(' ')
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    if (path.length === 2) lines.push(`complete -c ${program} -n '__fish_seen_subcommand_from ${path[0]}' -a ${path[1]} -d ${quote(command.summary)}`)
    for (const flag of longFlags(command)) lines.push(`complete -c ${program} -n '${seen}' -l ${flag.slice(2)}`)
  }
  return `${lines.join('\n')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}
