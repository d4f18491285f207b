import type { FunctionResource } from '@weft/api'
import { parseDurationMs, WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction } from '../client/functions.ts'
import { readText, type GatewayClient } from '../client/gateway-client.ts'
import { until } from '../client/until.ts'
import type { Command } from '../command.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

/** `weft ready`: waits until the platform, or a function, is ready. */
export const readyCommand: Command = {
  name: 'ready',
  summary: 'wait until the platform or a function is ready',
  description:
    'Waits until the gateway answers, or until the newest revision of a function is proven ready. A function that is scaled to zero is ready: its next call wakes it.',
  args: [{ syntax: '[name]', description: 'function, or NAME.NAMESPACE; absent: the platform' }],
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    { flags: '--attempts <number>', description: 'how often to ask', default: '60' },
    { flags: '--interval <duration>', description: 'time between two questions', default: '1s' },
  ],
  examples: ['weft ready', 'weft ready hello --attempts 10 --interval 500ms'],
  async run({ world, args, options, client }) {
    const gateway = await client()
    const [name] = args
    const attempts = attemptsOf(textOption(options, 'attempts') ?? '60')
    const intervalMs = parseDurationMs(textOption(options, 'interval') ?? '1s', '--interval')
    let reason = 'nothing answers yet'
    const ask = async () => {
      const problem = await (name === undefined ? platformProblem(gateway) : functionProblem(gateway, name, options))
      if (problem === undefined) return true
      reason = problem
      return undefined
    }
    const ready = await until(attempts * intervalMs, world.signal, ask, intervalMs)
    if (ready === undefined) throw new WeftError('NOT_READY', { name: name ?? gateway.target.url, reason })
    world.stdout.write(name === undefined ? `The platform at ${gateway.target.url} is ready.\n` : `${name} is ready.\n`)
  },
}

function attemptsOf(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new WeftError('INVALID_VALUE', { field: '--attempts', reason: `"${text}" is not a number from 1` })
  return Number(text)
}

async function platformProblem(gateway: GatewayClient): Promise<string | undefined> {
  try {
    const answer = await gateway.send({ method: 'GET', path: '/healthz', function: true })
    await readText(answer.body)
    return answer.status === 200 ? undefined : `the gateway answers ${answer.status}`
  } catch (error) {
    return (error as Error).message
  }
}

async function functionProblem(gateway: GatewayClient, name: string, options: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  return notReadyBecause(await getFunction(gateway, functionRef(name, options)))
}

/** Why a function is not ready; `undefined` when its newest revision is proven. */
export function notReadyBecause({ metadata, status }: FunctionResource): string | undefined {
  const condition = status?.conditions.find((entry) => entry.type === 'RevisionReady')
  if (status === undefined || status.observedGeneration < (metadata.generation ?? 0)) return 'its last change has not been seen yet'
  return condition?.status === 'True' ? undefined : (condition?.message ?? 'it is still starting')
}
