import { WeftError, type ResourceRef } from '@weft/core'
import type { CausedChange, MeshChanges, SnapshotEntry } from '@weft/mesh-model'
import { GATEWAY_OPTION } from '../cli.ts'
import type { Command, Invocation } from '../command.ts'
import { render, structured } from '../output/render.ts'
import { age } from '../output/table.ts'
import { textOption } from './options.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/snapshots'

/** `weft mesh diff`. */
export const meshDiffCommand: Command = {
  name: 'mesh diff',
  summary: 'what changed in the mesh, and which resource caused it',
  description:
    'Without versions: the last change. With one: everything since it; with two: what is different between them. The newest fifty versions since the platform started are remembered; --list shows them.',
  args: [{ syntax: '[versions...]', description: 'FROM, or FROM TO' }],
  options: [
    GATEWAY_OPTION,
    { flags: '--list', description: 'the versions that are remembered, and what made them' },
    { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] },
  ],
  examples: ['weft mesh diff', 'weft mesh diff --list', 'weft mesh diff 12 15'],
  run,
}

async function run({ world, args, options, client }: Invocation): Promise<void> {
  const format = textOption(options, 'output')
  const versions = args.map(versionOf)
  if (versions.length > 2) throw new WeftError('INVALID_VALUE', { field: 'versions', reason: 'give FROM, or FROM TO' })
  const gateway = await client()
  if (options['list'] === true) {
    const entries = await gateway.json<readonly SnapshotEntry[]>({ method: 'GET', path: PATH })
    world.stdout.write(render(entries, listView(Date.now()), format))
    return
  }
  const query = versions.map((version, index) => `${index === 0 ? 'from' : 'to'}=${version}`).join('&')
  const changes = await gateway.json<MeshChanges>({ method: 'GET', path: `${PATH}/diff${query === '' ? '' : `?${query}`}` })
  world.stdout.write(format === undefined ? changesText(changes) : structured(changes, format))
}

function versionOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new WeftError('INVALID_VALUE', { field: 'versions', reason: `"${text}" is no version of a snapshot; weft mesh diff --list shows them` })
}

const refText = ({ kind, namespace, name }: ResourceRef): string => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`

const listView = (now: number) => ({
  heading: ['VERSION', 'AGE', 'CAUSE'],
  row: ({ version, at, cause }: SnapshotEntry) => [String(version), age(at, now), causeText(cause)],
  name: ({ version }: SnapshotEntry) => String(version),
})

const MOST_CAUSES = 5

function causeText(cause: readonly ResourceRef[]): string {
  const named = [...new Set(cause.map(refText))]
  const more = named.length - MOST_CAUSES
  return [...named.slice(0, MOST_CAUSES), ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}

/** What a person reads. */
export function changesText({ from, to, snapshots, changes }: MeshChanges): string {
  const isOne = new Set(snapshots.flatMap(({ cause }) => cause.map(refText))).size < 2
  const head = `Snapshot ${from} -> ${to}, by ${causeText(snapshots.flatMap(({ cause }) => cause)) || 'nothing'}\n`
  return changes.length === 0 ? `${head}Nothing that a proxy has is different.\n` : head + changes.map((change) => changeText(change, isOne)).join('')
}

/** Where only one resource changed anything it is not said again. */
function changeText({ kind, key, change, fields, by }: CausedChange, isOne: boolean): string {
  return [`${kind} ${key} ${change}${isOne ? '' : `, by ${causeText(by)}`}`, ...fields.map((line) => `  ${line}`), ''].join('\n')
}
