import { WEFT_API_VERSION, type CanaryResource, type CanarySpec } from '@weft/api'
import { WeftError, type NamespacedName } from '@weft/core'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction } from '../client/functions.ts'
import { readText, refusal, type GatewayClient } from '../client/gateway-client.ts'
import type { Command, Invocation, OptionSpec } from '../command.ts'
import { structured } from '../output/render.ts'
import { age, table } from '../output/table.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

const NAME = [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }]

/** Options that say how a canary judges. */
export const CANARY_OPTIONS: readonly OptionSpec[] = [
  { flags: '--steps <weights>', description: 'per cent of the calls at each step, growing: 10,50' },
  { flags: '--interval <duration>', description: 'how long each step lasts (30s)' },
  { flags: '--success-rate <percent>', description: 'least share of calls that are not answered with 5xx (99)' },
  { flags: '--p99 <duration>', description: 'longest time of 99 per cent of the calls' },
  { flags: '--max-below-baseline <points>', description: 'how far the success rate may be below that of the stable revision' },
  { flags: '--max-above-baseline <percent>', description: 'how far the p99 may be above that of the stable revision' },
  { flags: '--min-requests <number>', description: 'calls that a step needs before it is judged (20)' },
  { flags: '--no-data <policy>', description: 'what a step with fewer calls means', choices: ['wait', 'pass', 'fail'] },
  { flags: '--threshold <number>', description: 'failed checks until it is rolled back (1)' },
]

/** `weft canary start|status|promote|pause|resume|abort|stop`. */
export const canaryCommands: readonly Command[] = [
  {
    name: 'canary start',
    summary: 'have every new revision of a function tried on a share of its calls',
    description:
      'Creates or changes the canary of a function. From then on a new revision gets the share of each step in turn, and all calls go back to the stable one when it fails.',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, ...CANARY_OPTIONS],
    examples: [
      'weft canary start temp --steps 10,50 --interval 1m --success-rate 99 --p99 500ms',
      'weft canary start temp --max-below-baseline 1 --max-above-baseline 20',
    ],
    async run(invocation) {
      const ref = functionRef(invocation.args[0] ?? '', invocation.options)
      const client = await invocation.client()
      await getFunction(client, ref)
      await applyCanary(client, ref, canarySpec(ref.name, invocation.options))
      invocation.world.stdout.write(`New revisions of ${ref.name} go through its canary. See: weft canary status ${ref.name}\n`)
    },
  },
  {
    name: 'canary status',
    summary: 'where a canary stands and what has happened',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
    examples: ['weft canary status temp'],
    async run({ world, args, options, client }) {
      const canary = await getCanary(await client(), functionRef(args[0] ?? '', options))
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? canaryText(canary, Date.now()) : structured(canary, format))
    },
  },
  change('promote', 'give the candidate all calls now', (canary) => ({ promote: candidateOf(canary), abort: null, paused: false })),
  change('abort', 'send all calls back to the stable revision', (canary) => ({ abort: candidateOf(canary), promote: null })),
  change('pause', 'stay at the present step (a failing candidate is rolled back all the same)', () => ({ paused: true })),
  change('resume', 'go on after a pause', () => ({ paused: false })),
  {
    name: 'canary stop',
    summary: 'remove the canary of a function: traffic goes to its newest ready revision again',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: ['weft canary stop temp'],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      await (await client()).json({ method: 'DELETE', path: canaryPath(ref) })
      world.stdout.write(`${ref.name} has no canary any more.\n`)
    },
  },
]

function change(verb: string, summary: string, spec: (canary: CanaryResource) => object): Command {
  return {
    name: `canary ${verb}`,
    summary,
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: [`weft canary ${verb} temp`],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      const gateway = await client()
      const canary = await getCanary(gateway, ref)
      const headers = { 'content-type': 'application/merge-patch+json' }
      await gateway.json({ method: 'PATCH', path: canaryPath(ref), headers, body: JSON.stringify({ spec: spec(canary) }) })
      world.stdout.write(`${verb[0]?.toUpperCase() ?? ''}${verb.slice(1)}: done. See: weft canary status ${ref.name}\n`)
    },
  }
}

function candidateOf(canary: CanaryResource): string {
  const { candidate, phase } = canary.status ?? {}
  if (candidate !== undefined && (phase === 'Waiting' || phase === 'Progressing')) return candidate
  throw new WeftError('INVALID_VALUE', { field: 'canary', reason: `no run is under way for ${canary.spec.function}: a new revision begins one` })
}

function canaryPath(ref: NamespacedName): string {
  return `/apis/${WEFT_API_VERSION}/namespaces/${ref.namespace}/canaries/${ref.name}`
}

async function getCanary(client: GatewayClient, ref: NamespacedName): Promise<CanaryResource> {
  return client.json<CanaryResource>({ method: 'GET', path: canaryPath(ref) })
}

/** Creates the canary of a function, or changes what is said of it. */
export async function applyCanary(client: GatewayClient, ref: NamespacedName, spec: CanarySpec): Promise<void> {
  const body = { apiVersion: WEFT_API_VERSION, kind: 'Canary', metadata: { name: ref.name, namespace: ref.namespace }, spec }
  const answer = await client.send({
    method: 'PATCH',
    path: canaryPath(ref),
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: JSON.stringify(body),
  })
  const text = await readText(answer.body)
  if (answer.status >= 400) throw refusal(answer.status, text)
}

/** Reads the options of {@link CANARY_OPTIONS}. @throws WeftError naming the option */
export function canarySpec(name: string, options: Invocation['options']): CanarySpec {
  const interval = textOption(options, 'interval')
  const steps = textOption(options, 'steps')
    ?.split(',')
    .map((text) => number(text.trim(), '--steps'))
  const noData = options['data'] ?? options['noData']
  const analysis = {
    ...some('minRequests', numeric(options, 'minRequests')),
    ...some('threshold', numeric(options, 'threshold')),
    ...(noData === 'wait' || noData === 'pass' || noData === 'fail' ? { noData } : {}),
    ...group('successRate', { ...some('min', numeric(options, 'successRate')), ...some('maxBelowBaseline', numeric(options, 'maxBelowBaseline')) }),
    ...group('latencyP99', { ...some('max', textOption(options, 'p99')), ...some('maxAboveBaseline', numeric(options, 'maxAboveBaseline')) }),
  }
  return { function: name, ...some('steps', steps), ...some('interval', interval), ...group('analysis', analysis) }
}

function some<Value>(key: string, value: Value | undefined): Record<string, Value> {
  return value === undefined ? {} : { [key]: value }
}

function group(key: string, value: object): object {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}

function numeric(options: Invocation['options'], name: string): number | undefined {
  const text = textOption(options, name)
  return text === undefined ? undefined : number(text, `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
}

function number(text: string, field: string): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value)) throw new WeftError('INVALID_VALUE', { field, reason: `"${text}" is not a number` })
  return value
}

/** What a person reads of a canary. */
export function canaryText({ spec, status }: CanaryResource, now: number): string {
  if (status === undefined) return `The canary of ${spec.function} has not been looked at yet.\n`
  const facts = [
    ['Function:', spec.function],
    ['Phase:', status.phase + (spec.paused === true && status.phase === 'Progressing' ? ' (paused)' : '')],
    ['Stable:', `${status.stable ?? '-'} gets ${100 - (status.phase === 'Progressing' ? status.weight : 0)} %`],
    ['Candidate:', status.candidate === undefined ? '-' : `${status.candidate} gets ${status.phase === 'Progressing' ? status.weight : 0} %`],
    [
      'Steps:',
      (spec.steps ?? [10, 50]).map((weight, index) => (index === status.step && status.phase === 'Progressing' ? `[${weight}]` : String(weight))).join(' '),
    ],
  ]
  const history = status.history.map((event) => [`  ${age(event.at, now)}`, event.reason, event.message])
  return `${table(facts)}${history.length === 0 ? '' : `History:\n${table(history)}`}`
}
