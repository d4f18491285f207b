import { WeftError } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef } from '../client/functions.ts'
import { readText, refusal, type GatewayAnswer } from '../client/gateway-client.ts'
import type { Command, World } from '../command.ts'
import { HEADER_OPTION, headersOption, listOption, NAMESPACE_OPTION, textOption } from './options.ts'

/** `weft invoke`: calls a function through the gateway, body from standard input or `--data`, answer streamed to standard output. */
export const invokeCommand: Command = {
  name: 'invoke',
  aliases: ['call'],
  summary: 'call a function',
  description: 'Calls a function: GET without a body, else POST. The body comes from --data, or from standard input when that is not a terminal.',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    { flags: '-d, --data <text>', description: 'body of the call' },
    { flags: '-m, --method <method>', description: 'HTTP method' },
    HEADER_OPTION,
    { flags: '--query <pair>', description: 'NAME=VALUE of the query', repeat: true },
    { flags: '--path <path>', description: 'path below the function', default: '/' },
    { flags: '--content-type <type>', description: 'type of the body' },
    { flags: '-a, --async', description: 'refused: asynchronous calls come later', hidden: true },
    { flags: '-i, --include', description: 'print status and headers too' },
  ],
  examples: [
    'weft invoke control',
    `weft invoke thermostat --data '{"temp": "10"}' --content-type application/json`,
    'weft invoke resize < picture.png > small.png',
  ],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    if (options['async'] === true) {
      throw new WeftError('INVALID_VALUE', { field: '--async', reason: 'asynchronous calls are not there yet; without it the answer is waited for' })
    }
    const body = await bodyOf(world, textOption(options, 'data'))
    const path = `/function/${ref.name}.${ref.namespace}${targetPath(textOption(options, 'path') ?? '/', listOption(options, 'query'))}`
    const headers = headersOption(options)
    const type = textOption(options, 'contentType')
    if (type !== undefined) headers['content-type'] = [type]
    else if (body !== undefined) headers['content-type'] ??= ['text/plain']
    const method = (textOption(options, 'method') ?? (body === undefined ? 'GET' : 'POST')).toUpperCase()
    const answer = await (await client()).send({ method, path, headers, ...(body === undefined ? {} : { body }), function: true, signal: world.signal })
    if (options['include'] === true) world.stdout.write(headText(answer))
    return answer.status < 400 ? stream(answer, world) : fail(answer)
  },
}

async function bodyOf(world: World, data: string | undefined): Promise<string | NodeJS.ReadableStream | undefined> {
  if (data !== undefined) return data
  if (world.stdin.isTTY === true) return undefined
  // standard input that is there but empty (a script, cron) is a call without a body
  const first = await new Promise<boolean>((resolve) => {
    world.stdin.once('readable', () => {
      const chunk = world.stdin.read()
      if (chunk !== null) world.stdin.unshift(chunk)
      resolve(chunk !== null)
    })
    world.stdin.once('end', () => resolve(false))
    world.stdin.once('error', () => resolve(false))
  })
  return first ? world.stdin : undefined
}

function targetPath(path: string, query: readonly string[]): string {
  const url = new URL(path.startsWith('/') ? path : `/${path}`, 'http://function')
  for (const pair of query) {
    const equals = pair.indexOf('=')
    if (equals < 1) throw new WeftError('INVALID_VALUE', { field: '--query', reason: `"${pair}" is not NAME=VALUE` })
    url.searchParams.append(pair.slice(0, equals), pair.slice(equals + 1))
  }
  return `${url.pathname}${url.search}`
}

function headText(answer: GatewayAnswer): string {
  const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`)
  return `HTTP ${answer.status}\n${lines.join('\n')}\n\n`
}

async function stream(answer: GatewayAnswer, world: World): Promise<number> {
  let last = 10
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    world.stdout.write(chunk)
    last = chunk.at(-1) ?? last
  }
  if (world.stdout.isTTY === true && last !== 10) world.stdout.write('\n')
  return 0
}

async function fail(answer: GatewayAnswer): Promise<never> {
  throw refusal(answer.status, await readText(answer.body))
}
