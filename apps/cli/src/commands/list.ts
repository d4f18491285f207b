import type { FunctionResource } from '@weft/api'
import { canonicalNamespace } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { listFunctions } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { age } from '../output/table.ts'
import { render, type View } from '../output/render.ts'
import { NAMESPACE_OPTION, OUTPUT_OPTION, textOption } from './options.ts'

const view = (now: number): View<FunctionResource> => ({
  heading: ['NAMESPACE', 'NAME', 'READY', 'TRAFFIC', 'AGE'],
  row: (fn) => [
    fn.metadata.namespace ?? 'default',
    fn.metadata.name,
    `${fn.status?.availableReplicas ?? 0}/${fn.status?.replicas ?? 0}`,
    (fn.status?.traffic ?? []).map((share) => `${share.revision}=${share.weight}`).join(' ') || '-',
    age(fn.metadata.creationTimestamp, now),
  ],
  wideHeading: ['IMAGE', 'MESSAGE'],
  wideRow: (fn) => [fn.spec.template.image ?? '-', fn.status?.conditions.find((entry) => entry.status === 'False')?.message ?? ''],
  name: (fn) => fn.metadata.name,
})

/** `weft list`: functions with their replicas and where their traffic goes. */
export const listCommand: Command = {
  name: 'list',
  aliases: ['ls'],
  summary: 'list functions',
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    OUTPUT_OPTION,
    { flags: '-q, --quiet', description: 'names only' },
    { flags: '-A, --all-namespaces', description: 'of all namespaces, as without -n', hidden: true },
    { flags: '-v, --verbose', description: 'same as -o wide', hidden: true },
  ],
  examples: ['weft list', 'weft list -n staging -o wide', 'weft list -o json'],
  async run({ world, options, client }) {
    const namespace = textOption(options, 'namespace')
    const functions = await listFunctions(await client(), namespace === undefined ? undefined : canonicalNamespace(namespace))
    world.stdout.write(
      render(
        functions,
        view(Date.now()),
        options['quiet'] === true ? 'name' : (textOption(options, 'output') ?? (options['verbose'] === true ? 'wide' : undefined)),
      ),
    )
  },
}
