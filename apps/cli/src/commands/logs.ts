import { parseDurationMs, WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef } from '../client/functions.ts'
import { readText, refusal } from '../client/gateway-client.ts'
import { lines } from '../client/lines.ts'
import type { Command, World } from '../command.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

interface LogMessage {
  readonly name: string
  readonly instance: string
  readonly timestamp: string
  readonly text: string
}

/** `weft logs`: the output of a function's replicas. */
export const logsCommand: Command = {
  name: 'logs',
  summary: 'show the output of a function',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    { flags: '-f, --follow', description: 'go on with what comes' },
    { flags: '--tail <lines>', description: 'the last so many lines' },
    { flags: '--since <duration>', description: 'lines not older than this, such as 5m' },
    { flags: '--lines <lines>', description: 'same as --tail', hidden: true },
    { flags: '--since-time <time>', description: 'lines not older than this time, such as 2030-01-31T12:00:00Z' },
    { flags: '--instance <id>', description: 'one replica only' },
    { flags: '-o, --output <format>', description: 'how to print', choices: ['plain', 'json'] },
  ],
  examples: ['weft logs control', 'weft logs control --follow --since 5m', 'weft logs control --tail 20'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const query = new URLSearchParams({ name: ref.name, namespace: ref.namespace, follow: String(options['follow'] === true) })
    const tail = textOption(options, 'tail') ?? textOption(options, 'lines')
    const since = sinceOf(options, Date.now())
    const instance = textOption(options, 'instance')
    if (tail !== undefined) query.set('tail', tail)
    if (since !== undefined) query.set('since', since)
    if (instance !== undefined) query.set('instance', instance)
    const answer = await (await client()).send({ method: 'GET', path: `/system/logs?${query}`, signal: world.signal })
    if (answer.status >= 400) throw refusal(answer.status, await readText(answer.body))
    await print(answer.body, world, textOption(options, 'output') === 'json')
  },
}

/** The time that `--since` or `--since-time` means. @throws WeftError `INVALID_VALUE` */
export function sinceOf(options: Readonly<Record<string, unknown>>, now: number): string | undefined {
  const duration = textOption(options, 'since')
  const time = textOption(options, 'sinceTime')
  if (duration !== undefined && time !== undefined) throw new WeftError('INVALID_VALUE', { field: '--since', reason: 'give --since or --since-time, not both' })
  if (duration !== undefined) return new Date(now - parseDurationMs(duration, '--since')).toISOString()
  if (time === undefined) return undefined
  const at = Date.parse(time)
  if (Number.isNaN(at)) throw new WeftError('INVALID_VALUE', { field: '--since-time', reason: `"${time}" is not a time, such as 2030-01-31T12:00:00Z` })
  return new Date(at).toISOString()
}

async function print(body: AsyncIterable<Uint8Array>, world: World, asJson: boolean): Promise<void> {
  for await (const line of lines(body)) world.stdout.write(asJson ? `${line}\n` : plain(JSON.parse(line) as LogMessage))
}

function plain(message: LogMessage): string {
  return `${message.timestamp} ${message.name} (${message.instance}) ${message.text}\n`
}
