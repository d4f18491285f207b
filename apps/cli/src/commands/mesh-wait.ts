import { parseDurationMs, WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { missingInMesh } from '../client/in-force.ts'
import type { Command } from '../command.ts'
import { textOption } from './options.ts'

const MOST_SECONDS = 300

/** `weft mesh wait`. */
export const meshWaitCommand: Command = {
  name: 'mesh wait',
  summary: 'wait until everything that is stored is in force at every proxy',
  description:
    'For resources that were written by others (kubectl, the API): weft apply, weft delete and weft secret wait by themselves. What controllers make of a resource, such as the revision of a Function, is waited for with: weft ready NAME.',
  options: [GATEWAY_OPTION, { flags: '--timeout <duration>', description: 'how long at most, up to 5m', default: '30s' }],
  examples: ['weft mesh wait', 'kubectl apply -f mesh/ && weft mesh wait --timeout 1m'],
  async run({ world, options, client }) {
    const seconds = Math.ceil(parseDurationMs(textOption(options, 'timeout') ?? '30s', '--timeout') / 1000)
    if (seconds < 1 || seconds > MOST_SECONDS) throw new WeftError('INVALID_VALUE', { field: '--timeout', reason: `must be from 1s to ${MOST_SECONDS}s` })
    const missing = await missingInMesh(await client(), seconds, world.signal)
    if (missing !== undefined) throw new WeftError('NOT_IN_FORCE', { reason: missing })
    world.stdout.write('Everything that is stored is in force at every proxy.\n')
  },
}
