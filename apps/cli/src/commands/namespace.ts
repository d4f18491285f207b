import { WeftError, type Resource } from '@weft/core'
import { collectionPath, Discovery } from '../apply/discovery.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import type { GatewayClient } from '../client/gateway-client.ts'
import type { Command } from '../command.ts'
import { render } from '../output/render.ts'
import { OUTPUT_OPTION, textOption } from './options.ts'

/** `weft namespace list|create|remove`. */
export const namespaceCommands: readonly Command[] = [
  {
    name: 'namespace list',
    aliases: ['ls'],
    summary: 'list namespaces',
    options: [GATEWAY_OPTION, OUTPUT_OPTION],
    examples: ['weft namespace list'],
    async run({ world, options, client }) {
      const names = await (await client()).json<string[]>({ method: 'GET', path: '/system/namespaces' })
      world.stdout.write(render(names, { heading: ['NAME'], row: (name) => [name], name: (name) => name }, textOption(options, 'output')))
    },
  },
  {
    name: 'namespace create',
    summary: 'create a namespace',
    args: [{ syntax: '<name>', description: 'name of the namespace' }],
    options: [GATEWAY_OPTION],
    examples: ['weft namespace create staging'],
    async run({ world, args, client }) {
      await (await client()).json({ method: 'POST', path: '/api/v1/namespaces', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: args[0] } } })
      world.stdout.write(`Created namespace ${args[0]}.\n`)
    },
  },
  {
    name: 'namespace remove',
    aliases: ['rm'],
    summary: 'remove a namespace that is empty, or with everything in it',
    args: [{ syntax: '<name>', description: 'name of the namespace' }],
    options: [GATEWAY_OPTION, { flags: '--all', description: 'with all functions, secrets, policies and whatever else is in it' }],
    examples: ['weft namespace remove staging', 'weft namespace remove staging --all'],
    async run({ world, args, options, client }) {
      const [name = ''] = args
      const gateway = await client()
      if (options['all'] !== true) await assertEmpty(gateway, name)
      await gateway.json({ method: 'DELETE', path: `/api/v1/namespaces/${encodeURIComponent(name)}` })
      world.stdout.write(`Removed namespace ${name}.\n`)
    },
  },
]

/** @throws WeftError `NAMESPACE_IN_USE` with what is there */
async function assertEmpty(gateway: GatewayClient, namespace: string): Promise<void> {
  // The controller makes Revisions, and takes them away with their Function.
  const kinds = (await new Discovery(gateway).namespaced()).filter(({ kind }) => kind !== 'Revision')
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const { items } = await gateway.json<{ items: readonly Resource[] }>({ method: 'GET', path: collectionPath(kind, namespace) })
      return items.map(({ metadata }) => `${kind.kind} ${metadata.name}`)
    }),
  )
  const all = found.flat()
  const rest = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ''
  if (all.length > 0) throw new WeftError('NAMESPACE_IN_USE', { namespace, contents: `${all.slice(0, SHOWN).join(', ')}${rest}` })
}

const SHOWN = 5
