import { WeftError } from '@weft/core'
import type { TapCall, TapEnd, TapEvent, TrafficEnd } from '@weft/mesh-model'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef } from '../client/functions.ts'
import { readText, refusal } from '../client/gateway-client.ts'
import { lines } from '../client/lines.ts'
import type { Command, Invocation, World } from '../command.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/tap'
/** Options that the API has under the same name. */
const PASSED = ['direction', 'method', 'path', 'status', 'minStatus', 'from', 'fromNamespace', 'maxRps', 'limit', 'duration'] as const

/** `weft mesh tap`. */
export const meshTapCommand: Command = {
  name: 'mesh tap',
  summary: 'live calls of a function, Service or revision: who called, what came of it, how long it took',
  description:
    'Calls are shown when they have ended, as the proxy of the named workload sees them: those that come to it (in) and those that it makes (out). Nothing is recorded when nobody looks. No queries, no credentials.',
  args: [{ syntax: '<name>', description: 'function, Service or revision, or NAME.NAMESPACE' }],
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    { flags: '--direction <side>', description: 'only calls that come to it, or only calls that it makes', choices: ['inbound', 'outbound'] },
    { flags: '--method <method>', description: 'only this method' },
    { flags: '--path <path>', description: 'only this path; PREFIX* or *SUFFIX' },
    { flags: '--status <status>', description: 'only this status, or a class such as 5xx; 0: no answer' },
    { flags: '--min-status <status>', description: 'only this status and above' },
    { flags: '--from <caller>', description: 'only calls of this function, Service, revision or identity; ingress.weft-system: from outside' },
    { flags: '--from-namespace <name>', description: 'only calls from this namespace' },
    { flags: '--max-rps <number>', description: 'calls per second that are shown, at most 1000; of others the number is told (default: 100)' },
    { flags: '--limit <number>', description: 'end after so many calls' },
    { flags: '--duration <duration>', description: 'end after this time, at most 1h (default: 10m)' },
    { flags: '-o, --output <format>', description: 'how to print; json: one object per line', choices: ['json'] },
  ],
  examples: ['weft mesh tap thermostat', 'weft mesh tap thermostat --min-status 400', 'weft mesh tap reviews --from productpage --path "/reviews/*" -o json'],
  run,
}

async function run({ world, args, options, client }: Invocation): Promise<void> {
  const ref = functionRef(args[0] ?? '', options)
  const query = new URLSearchParams()
  for (const name of PASSED) {
    const value = textOption(options, name)
    if (value !== undefined) query.set(name, value)
  }
  // Callers are looked for where the function is, as everywhere.
  query.set('namespace', ref.namespace)
  const path = `${PATH}/${ref.name}.${ref.namespace}?${query}`
  const answer = await (await client()).send({ method: 'GET', path, signal: world.signal })
  if (answer.status >= 400) throw refusal(answer.status, await readText(answer.body))
  await print(answer.body, world, textOption(options, 'output') === 'json')
}

async function print(body: AsyncIterable<Uint8Array>, world: World, asJson: boolean): Promise<void> {
  if (!asJson) world.stdout.write(rowOf(HEADING))
  let ended = false
  try {
    for await (const line of lines(body)) {
      const event = JSON.parse(line) as TapEvent
      ended = event.kind === 'end'
      const text = asJson ? jsonOf(event, line) : textOf(event)
      if (text !== '') world.stdout.write(text)
      if (ended) break
    }
  } catch (error) {
    // Ctrl-C is how one usually ends it.
    if (world.signal.aborted) return
    throw error
  }
  if (!ended && !world.signal.aborted) throw new WeftError('GATEWAY_UNREACHABLE', { where: 'the tap', reason: 'it ended without a word' })
}

function jsonOf(event: TapEvent, line: string): string {
  // Within a string of JSON an escape means the same.
  return event.kind === 'idle' ? '' : `${shown(line)}\n`
}

const HEADING = ['TIME', 'DIR', 'SOURCE', 'DESTINATION', 'METHOD', 'PATH', 'STATUS', 'FLAGS', 'TIME TAKEN', 'TLS']
/** Lines come one by one: columns have a width of their own, and what is longer moves the rest. */
const WIDTHS = [12, 3, 28, 28, 7, 24, 6, 5, 10, 4]

function rowOf(cells: readonly string[]): string {
  return `${cells
    .map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0))
    .join('  ')
    .trimEnd()}\n`
}

const ENDS: Readonly<Record<TapEnd, string>> = {
  duration: 'The time is over; longer: --duration',
  limit: 'That many calls were asked for.',
  gone: 'There is no workload of that name any more.',
  closed: 'The mesh is closed.',
}

/** What a person reads of an event. */
export function textOf(event: TapEvent): string {
  switch (event.kind) {
    case 'call':
      return rowOf(cellsOf(event))
    case 'dropped':
      return `-- ${event.count} dropped: more calls than are shown (--max-rps), or than were read\n`
    case 'end':
      return `-- ${ENDS[event.reason] ?? shown(event.reason)}\n`
    case 'idle':
      return ''
    default:
      return event satisfies never
  }
}

function cellsOf(call: TapCall): readonly string[] {
  const status = call.grpcStatus === undefined ? String(call.status) : `${call.status}/${call.grpcStatus}`
  const cells = [
    call.at.slice(11, 23),
    call.direction === 'inbound' ? 'in' : 'out',
    endOf(call.source),
    endOf(call.destination),
    call.method,
    call.path === '' ? call.host : call.path,
    status,
    call.flags,
    `${call.durationMs}ms${call.held === true ? ' held' : ''}`,
    call.mtls ? 'mTLS' : 'no',
  ]
  return cells.map(shown)
}

function endOf({ namespace, workload, version }: TrafficEnd): string {
  return `${namespace}/${workload}${version === 'unknown' ? '' : ` (${version})`}`
}

/** Text of strangers must not speak to the terminal. */
function shown(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what must not come through
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
