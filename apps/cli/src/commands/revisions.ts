import type { RevisionResource } from '@weft/api'
import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction, listRevisions, patchFunction } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { render, type View } from '../output/render.ts'
import { age } from '../output/table.ts'
import { NAMESPACE_OPTION, OUTPUT_OPTION, textOption } from './options.ts'

const view = (shares: ReadonlyMap<string, number>, now: number): View<RevisionResource> => ({
  heading: ['REVISION', 'PHASE', 'TRAFFIC', 'READY', 'AGE'],
  row: (revision) => [
    revision.spec.revision,
    revision.status?.phase ?? 'Pending',
    `${shares.get(revision.spec.revision) ?? 0}%`,
    `${revision.status?.readyReplicas ?? 0}/${revision.status?.replicas ?? 0}`,
    age(revision.metadata.creationTimestamp, now),
  ],
  wideHeading: ['ARTIFACT'],
  wideRow: (revision) => [revision.spec.template.artifact ?? '-'],
  name: (revision) => revision.spec.revision,
})

/** `weft revisions`. */
export const revisionsCommand: Command = {
  name: 'revisions',
  summary: 'list the revisions of a function',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION, OUTPUT_OPTION],
  examples: ['weft revisions temp'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const gateway = await client()
    const fn = await getFunction(gateway, ref)
    const shares = new Map((fn.status?.traffic ?? []).map((share) => [share.revision, share.weight]))
    world.stdout.write(render(await listRevisions(gateway, ref), view(shares, Date.now()), textOption(options, 'output')))
  },
}

/** `weft rollback`: pins all traffic to an older revision. */
export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'send all traffic to an older revision',
  description: 'Sends all traffic to the revision before the one that serves now, or to the one named, and pins it there. `weft traffic clear` unpins.',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '--to <revision>', description: 'revision to go back to' }],
  examples: ['weft rollback temp', 'weft rollback temp --to v1'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const gateway = await client()
    const fn = await getFunction(gateway, ref)
    const serving = new Set((fn.status?.traffic ?? []).filter((share) => share.weight > 0).map((share) => share.revision))
    const target = chooseRollback(await listRevisions(gateway, ref), serving, textOption(options, 'to'))
    await patchFunction(gateway, ref, { spec: { traffic: [{ revision: target, weight: 100 }] } })
    world.stdout.write(`${ref.name} goes back to revision ${target} as soon as it is proven ready. See: weft traffic show ${ref.name}\n`)
  },
}

/** Which revision a roll-back means: the one named, else the newest proven one that is older than all that serve. `revisions` newest first. */
export function chooseRollback(revisions: readonly RevisionResource[], serving: ReadonlySet<string>, named: string | undefined): string {
  if (named !== undefined) {
    if (revisions.some((revision) => revision.spec.revision === named)) return named
    throw new WeftError('INVALID_VALUE', {
      field: '--to',
      reason: `there is no revision ${named}; there are ${revisions.map((each) => each.spec.revision).join(', ')}`,
    })
  }
  const oldestServing = Math.min(...revisions.filter((revision) => serving.has(revision.spec.revision)).map((revision) => revision.spec.number))
  const proven = (revision: RevisionResource) => revision.status?.phase === 'Active' || revision.status?.phase === 'Retired'
  const target = revisions.find((revision) => revision.spec.number < oldestServing && proven(revision))
  if (target === undefined) throw new WeftError('INVALID_VALUE', { field: 'rollback', reason: 'there is no older revision that was ever ready' })
  return target.spec.revision
}
