import type { FunctionResource, FunctionSpec } from '@weft/api'
import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction, listRevisions, patchFunction } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { structured } from '../output/render.ts'
import { table } from '../output/table.ts'
import { listOption, NAMESPACE_OPTION, textOption } from './options.ts'

type Match = NonNullable<FunctionSpec['matches']>[number]

/** Reads `v1=90`. @throws WeftError `INVALID_VALUE` */
export function parseShares(shares: readonly string[]): { revision: string; weight: number }[] {
  const read = shares.map((text) => {
    const match = /^([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)=(\d{1,3})%?$/.exec(text)
    if (match?.[1] === undefined) throw new WeftError('INVALID_VALUE', { field: 'traffic', reason: `"${text}" is not REVISION=PERCENT, such as v1=90` })
    return { revision: match[1], weight: Number(match[2]) }
  })
  const sum = read.reduce((total, share) => total + share.weight, 0)
  if (read.length > 0 && sum !== 100) throw new WeftError('INVALID_VALUE', { field: 'traffic', reason: `the shares add up to ${sum}, not to 100` })
  return read
}

/** Reads `--match 'end-user: jason' --to v2` pairs. @throws WeftError `INVALID_VALUE` */
export function parseMatches(matches: readonly string[], targets: readonly string[]): Match[] {
  if (matches.length !== targets.length)
    throw new WeftError('INVALID_VALUE', { field: '--match', reason: 'each --match needs a --to with the revision it goes to' })
  return matches.map((text, index) => {
    const colon = text.indexOf(':')
    const name = text.slice(0, colon).trim().toLowerCase()
    if (colon < 1 || !/^[a-z0-9-]+$/.test(name)) throw new WeftError('INVALID_VALUE', { field: '--match', reason: `"${text}" is not "HEADER: VALUE"` })
    return { headers: { [name]: text.slice(colon + 1).trim() }, revision: targets[index] ?? '' }
  })
}

/** `weft traffic set`: pins a split and header rules. */
export const trafficSetCommand: Command = {
  name: 'traffic set',
  summary: 'pin where the traffic of a function goes',
  args: [
    { syntax: '<name>', description: 'function, or NAME.NAMESPACE' },
    { syntax: '[shares...]', description: 'REVISION=PERCENT, adding up to 100' },
  ],
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    { flags: '--match <header>', description: '"HEADER: VALUE" that goes to the revision of the --to behind it', repeat: true },
    { flags: '--to <revision>', description: 'revision of the --match before it', repeat: true },
    { flags: '--clear-matches', description: 'remove all header rules' },
  ],
  examples: ['weft traffic set temp v1=90 v2=10', "weft traffic set temp v1=100 --match 'end-user: jason' --to v2"],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const shares = parseShares(args.slice(1))
    const matches = parseMatches(listOption(options, 'match'), listOption(options, 'to'))
    if (shares.length === 0 && matches.length === 0 && options['clearMatches'] !== true) {
      throw new WeftError('INVALID_VALUE', { field: 'traffic', reason: 'give shares (v1=90 v2=10), a --match with its --to, or --clear-matches' })
    }
    const gateway = await client()
    const known = new Set((await listRevisions(gateway, ref)).map((revision) => revision.spec.revision))
    for (const { revision } of [...shares, ...matches]) {
      if (!known.has(revision))
        throw new WeftError('INVALID_VALUE', { field: 'traffic', reason: `${ref.name} has no revision ${revision}; it has ${[...known].join(', ')}` })
    }
    const spec = {
      ...(shares.length === 0 ? {} : { traffic: shares }),
      ...(matches.length > 0 ? { matches } : options['clearMatches'] === true ? { matches: null } : {}),
    }
    world.stdout.write(splitText(await patchFunction(gateway, ref, { spec })))
  },
}

/** `weft traffic show`. */
export const trafficShowCommand: Command = {
  name: 'traffic show',
  aliases: ['get'],
  summary: 'show where the traffic of a function goes, and why',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
  examples: ['weft traffic show temp'],
  async run({ world, args, options, client }) {
    const fn = await getFunction(await client(), functionRef(args[0] ?? '', options))
    const format = textOption(options, 'output')
    if (format === undefined) world.stdout.write(splitText(fn))
    else world.stdout.write(structured({ wanted: fn.spec.traffic ?? [], matches: fn.spec.matches ?? [], now: fn.status?.traffic ?? [] }, format))
  },
}

/** `weft traffic clear`: back to "everything to the newest that is ready". */
export const trafficClearCommand: Command = {
  name: 'traffic clear',
  summary: 'unpin: all traffic to the newest revision that is ready',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION],
  examples: ['weft traffic clear temp'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    await patchFunction(await client(), ref, { spec: { traffic: null, matches: null } })
    world.stdout.write(`Traffic of ${ref.name} goes to its newest ready revision.\n`)
  },
}

function splitText(fn: FunctionResource): string {
  const now = new Map((fn.status?.traffic ?? []).map((share) => [share.revision, share.weight]))
  const wanted = new Map((fn.spec.traffic ?? []).map((target) => [target.revision ?? '(latest)', target.weight]))
  const names = [...new Set([...wanted.keys(), ...now.keys()])]
  const rows = names.map((name) => [name, wanted.size === 0 ? '-' : `${wanted.get(name) ?? 0}%`, `${now.get(name) ?? 0}%`])
  const matches = (fn.spec.matches ?? []).map(
    (match) =>
      `  ${Object.entries(match.headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ')} -> ${match.revision}\n`,
  )
  return `${table([['REVISION', 'PINNED', 'NOW'], ...rows])}${matches.length === 0 ? '' : `Header rules:\n${matches.join('')}`}`
}
