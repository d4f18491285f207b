import { GATEWAY_OPTION } from '../cli.ts'
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
    summary: 'remove a namespace that is empty',
    args: [{ syntax: '<name>', description: 'name of the namespace' }],
    options: [GATEWAY_OPTION],
    examples: ['weft namespace remove staging'],
    async run({ world, args, client }) {
      await (await client()).json({ method: 'DELETE', path: `/api/v1/namespaces/${encodeURIComponent(args[0] ?? '')}` })
      world.stdout.write(`Removed namespace ${args[0]}.\n`)
    },
  },
]
