import { WeftError } from '@weft/core'
import type { OptionSpec } from '../command.ts'

/** An option that another program has and that has no meaning here: refused by name instead of being ignored. */
export interface RefusedFlag {
  readonly flags: string
  readonly why: string
}

/** Options of `kubeless function deploy` and `update`. */
export const KUBELESS_REFUSED: readonly RefusedFlag[] = [
  { flags: '--schedule <cron>', why: 'schedules come with triggers' },
  { flags: '--node-selectors <pairs>', why: 'there is one machine' },
  { flags: '--runtime-image <image>', why: 'functions are built, not run in a runtime image' },
  { flags: '--image-pull-policy <policy>', why: 'no image is pulled' },
  { flags: '--servicePort <number>', why: 'use --port' },
  { flags: '--headless', why: 'calls go through the mesh' },
]

/** Options of `faas-cli deploy`. */
export const OPENFAAS_REFUSED: readonly RefusedFlag[] = [
  { flags: '--network <name>', why: 'functions have no network but the mesh' },
  { flags: '--replace', why: 'an update loses no call; to start anew use weft remove first' },
  { flags: '--no-update', why: 'a deploy creates or updates; to refuse what is there use weft get first' },
]

/** The options themselves, so that the parser takes them; not shown in the help. */
export function refusedOptions(refused: readonly RefusedFlag[]): readonly OptionSpec[] {
  return refused.map(({ flags }) => ({ flags, description: 'refused', hidden: true }))
}

/** Refuses the first of them that was given. @throws WeftError `INVALID_VALUE` */
export function refuse(refused: readonly RefusedFlag[], options: Readonly<Record<string, unknown>>): void {
  for (const { flags, why } of refused) {
    const flag = flags.split(' ')[0] ?? flags
    const negated = flag.startsWith('--no-')
    const value = options[camelCase(flag.slice(negated ? '--no-'.length : '--'.length))]
    if (value !== undefined && value !== negated)
      throw new WeftError('INVALID_VALUE', { field: negated ? `--${flag.slice(5)}=false` : flag, reason: `Weft does not have it: ${why}` })
  }
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
