import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, weftPath } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { NAMESPACE_OPTION } from './options.ts'

/** `weft remove`. */
export const removeCommand: Command = {
  name: 'remove',
  aliases: ['rm'],
  summary: 'remove functions with all their revisions',
  args: [{ syntax: '<names...>', description: 'functions, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION],
  examples: ['weft remove temp', 'weft rm temp thermostat -n staging'],
  async run({ world, args, options, client }) {
    const gateway = await client()
    for (const name of args) {
      await gateway.json({ method: 'DELETE', path: weftPath('functions', functionRef(name, options)) })
      world.stdout.write(`Removed ${name}.\n`)
    }
  },
}

/** `weft scale`. */
export const scaleCommand: Command = {
  name: 'scale',
  summary: 'set the number of replicas; at zero the next call wakes one',
  args: [
    { syntax: '<name>', description: 'function, or NAME.NAMESPACE' },
    { syntax: '<replicas>', description: 'replicas of each serving revision' },
  ],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION],
  examples: ['weft scale temp 3', 'weft scale temp 0'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const text = args[1] ?? ''
    if (!/^\d{1,4}$/.test(text)) throw new WeftError('INVALID_VALUE', { field: 'replicas', reason: `"${text}" is not a number from 0 to 1000` })
    const body = { serviceName: ref.name, namespace: ref.namespace, replicas: Number(text) }
    await (await client()).json({ method: 'POST', path: `/system/scale-function/${ref.name}?namespace=${ref.namespace}`, body })
    world.stdout.write(`${ref.name} goes to ${text} ${text === '1' ? 'replica' : 'replicas'}.\n`)
  },
}
