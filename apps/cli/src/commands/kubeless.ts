import type { FunctionResource } from '@weft/api'
import { WeftError } from '@weft/core'
import { GATEWAY_OPTION, type Program } from '../cli.ts'
import { functionRef, getFunction, listFunctions, listRevisions, weftPath } from '../client/functions.ts'
import { readText, refusal } from '../client/gateway-client.ts'
import type { Command, Invocation, OptionSpec } from '../command.ts'
import { deployFunction, waitUntilReady } from '../deploy/deploy-function.ts'
import type { FunctionRequest } from '../deploy/function-request.ts'
import { KUBELESS_REFUSED, refuse, refusedOptions } from '../deploy/refused-flags.ts'
import { readTemplate, requestFromFlags } from '../deploy/request-from-flags.ts'
import { deployTools } from '../deploy/tools.ts'
import { progressOn } from '../output/progress.ts'
import { render, structured } from '../output/render.ts'
import { VERSION } from '../version.ts'
import { describeText } from './describe.ts'
import { triggerCommands } from './kubeless-trigger.ts'
import { logsCommand } from './logs.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

const DEFAULT_TIMEOUT = '180'
const READY_TIMEOUT_MS = 120_000
const NAME = [{ syntax: '<name>', description: 'function' }]
const OUTPUT: OptionSpec = { flags: '-o, --out <format>', description: 'how to print', choices: ['json', 'yaml', 'wide'] }
const DEPLOY_OPTIONS: readonly OptionSpec[] = [
  GATEWAY_OPTION,
  NAMESPACE_OPTION,
  { flags: '-r, --runtime <name>', description: 'runtime, such as nodejs14' },
  { flags: '--handler <file.export>', description: 'handler; with a single file only the export counts' },
  { flags: '-f, --from-file <path>', description: 'source file or archive' },
  { flags: '-d, --dependencies <file>', description: 'package.json' },
  { flags: '-l, --label <pair>', description: 'KEY=VALUE', repeat: true },
  { flags: '-e, --env <pair>', description: 'NAME=VALUE', repeat: true },
  { flags: '--secrets <names>', description: 'secrets that the function reads', repeat: true },
  { flags: '--memory <amount>', description: 'memory limit' },
  { flags: '--cpu <amount>', description: 'CPU limit' },
  { flags: '--timeout <seconds>', description: 'longest time of one call (default 180)' },
  { flags: '--port <number>', description: 'a further port of the mesh host' },
  { flags: '--service-account <name>', description: 'identity' },
  { flags: '-o, --out <format>', description: 'form of --dryrun', choices: ['json', 'yaml'] },
]
const DEPLOY_FLAGS: readonly OptionSpec[] = [
  ...DEPLOY_OPTIONS,
  { flags: '--dryrun', description: 'print what would be written' },
  ...refusedOptions(KUBELESS_REFUSED),
]

async function deploy(invocation: Invocation, mustExist: boolean): Promise<void> {
  const { world, args, options } = invocation
  refuse(KUBELESS_REFUSED, options)
  const name = args[0] ?? ''
  const request = mustExist ? await updateRequest(name, invocation) : await requestFromFlags(name, { timeout: DEFAULT_TIMEOUT, ...options }, world.cwd)
  if (options['dryrun'] === true) return void world.stdout.write(structured(request, textOption(options, 'out') ?? 'yaml'))
  const progress = progressOn(world)
  try {
    const tools = await deployTools(invocation, progress)
    const { fn } = await deployFunction(request, tools)
    await waitUntilReady(fn, tools.client, READY_TIMEOUT_MS, world.signal)
  } finally {
    progress.end()
  }
  world.stdout.write(`Function ${name} is ready. Check it with: kubeless function ls ${name}\n`)
}

/** What `update` does not say stays as it is; without a source so does what runs. */
async function updateRequest(name: string, { world, options, client }: Invocation): Promise<FunctionRequest> {
  const ref = functionRef(name, options)
  const { template } = (await getFunction(await client(), ref)).spec
  const { revision: _revision, artifact, image, ...before } = template
  if (textOption(options, 'fromFile') === undefined) {
    const what = { ...(artifact === undefined ? {} : { artifact }), ...(image === undefined ? {} : { image }) }
    return { ref, build: undefined, template: { ...before, ...what, ...readTemplate(options) } }
  }
  const known = { ...(before.runtime === undefined ? {} : { runtime: before.runtime }), ...(before.handler === undefined ? {} : { handler: before.handler }) }
  const request = await requestFromFlags(name, { ...known, ...options }, world.cwd)
  return { ...request, template: { ...before, ...request.template } }
}

async function call(invocation: Invocation): Promise<void> {
  const { world, args, options } = invocation
  const ref = functionRef(args[0] ?? '', options)
  const data = textOption(options, 'data')
  const answer = await (
    await invocation.client()
  ).send({
    method: data === undefined ? 'GET' : 'POST',
    path: `/function/${ref.name}.${ref.namespace}/`,
    headers: { ...eventHeaders(), ...(data === undefined ? {} : { 'content-type': isJson(data) ? 'application/json' : 'application/x-www-form-urlencoded' }) },
    ...(data === undefined ? {} : { body: data }),
    function: true,
    signal: world.signal,
  })
  const text = await readText(answer.body)
  if (answer.status === 408) throw new WeftError('GATEWAY_REFUSED', { message: 'Request timeout exceeded', advice: 'give it more time with --timeout' })
  if (answer.status >= 400) throw refusal(answer.status, text)
  world.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** The headers that `kubeless function call` sends. */
function eventHeaders(): Record<string, string> {
  const id = Math.random().toString(36).slice(2, 13).padEnd(11, '0')
  return { 'event-id': id, 'event-time': new Date().toISOString(), 'event-type': 'application/json', 'event-namespace': 'cli.kubeless.io' }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const listView = {
  heading: ['NAME', 'NAMESPACE', 'HANDLER', 'RUNTIME', 'DEPENDENCIES', 'STATUS'],
  row: (fn: FunctionResource) => {
    const { replicas = 0, availableReplicas = 0 } = fn.status ?? {}
    const { handler = '', runtime = '' } = fn.spec.template
    return [
      fn.metadata.name,
      fn.metadata.namespace ?? 'default',
      handler,
      runtime,
      '',
      `${availableReplicas}/${replicas} ${availableReplicas === replicas ? 'READY' : 'NOT READY'}`,
    ]
  },
  name: (fn: FunctionResource) => fn.metadata.name,
}

const functionCommands: readonly Command[] = [
  {
    name: 'function deploy',
    summary: 'build and deploy a function',
    args: NAME,
    options: DEPLOY_FLAGS,
    examples: ['kubeless function deploy tempv1 --from-file functions/tempv1.js --handler temp.sample --runtime nodejs6 --label version=v1 --label app=temp'],
    run: (invocation) => deploy(invocation, false),
  },
  {
    name: 'function update',
    summary: 'change a function; what is not named stays',
    args: NAME,
    options: DEPLOY_FLAGS,
    examples: ['kubeless function update control --from-file functions/control.js', 'kubeless function update control --env LEVEL=debug'],
    run: (invocation) => deploy(invocation, true),
  },
  {
    name: 'function call',
    summary: 'call a function: GET without data, else POST',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-d, --data <text>', description: 'body' }],
    examples: [`kubeless function call thermostat --data '{"temp": "10"}'`],
    run: call,
  },
  {
    name: 'function list',
    aliases: ['ls'],
    summary: 'list functions',
    args: [{ syntax: '[names...]', description: 'only these' }],
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, OUTPUT],
    examples: ['kubeless function ls'],
    async run({ world, args, options, client }) {
      const all = await listFunctions(await client(), textOption(options, 'namespace') ?? 'default')
      const chosen = args.length === 0 ? all : all.filter((fn) => args.includes(fn.metadata.name))
      world.stdout.write(render(chosen, listView, textOption(options, 'out')))
    },
  },
  {
    name: 'function describe',
    summary: 'show a function',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, { ...OUTPUT, choices: ['json', 'yaml'] }],
    examples: ['kubeless function describe control'],
    async run({ world, args, options, client }) {
      const gateway = await client()
      const ref = functionRef(args[0] ?? '', options)
      const fn = await getFunction(gateway, ref)
      const format = textOption(options, 'out')
      world.stdout.write(format === undefined ? describeText(fn, await listRevisions(gateway, ref), gateway.target.url, Date.now()) : structured(fn, format))
    },
  },
  { ...logsCommand, name: 'function logs', examples: ['kubeless function logs control -f'] },
  {
    name: 'function delete',
    aliases: ['rm'],
    summary: 'remove a function',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: ['kubeless function delete control'],
    async run({ world, args, options, client }) {
      await (await client()).json({ method: 'DELETE', path: weftPath('functions', functionRef(args[0] ?? '', options)) })
      world.stdout.write(`Function ${args[0] ?? ''} was removed.\n`)
    },
  },
  {
    name: 'function top',
    aliases: ['stats'],
    summary: 'calls, failures and durations of functions',
    options: [
      GATEWAY_OPTION,
      NAMESPACE_OPTION,
      { flags: '-f, --function <name>', description: 'only this function' },
      { ...OUTPUT, choices: ['json', 'yaml'] },
    ],
    examples: ['kubeless function top', 'kubeless function top -f control -o json'],
    run: top,
  },
]

interface TopRow {
  readonly function: string
  readonly namespace: string
  readonly total_calls: number
  readonly total_failures: number
  readonly total_duration_seconds: number
  readonly avg_duration_seconds: number
}

/** From the metrics of the gateway, by function. */
async function top({ world, options, client }: Invocation): Promise<void> {
  const rows = topRows(await (await client()).json<readonly Statistics[]>({ method: 'GET', path: '/apis/mesh.weft.dev/v1alpha1/invocations' }))
  const only = textOption(options, 'function')
  const namespace = textOption(options, 'namespace')
  const chosen = rows.filter((row) => (only === undefined || row.function === only) && (namespace === undefined || row.namespace === namespace))
  const view = {
    heading: ['NAME', 'NAMESPACE', 'TOTAL_CALLS', 'TOTAL_FAILURES', 'TOTAL_DURATION_SECONDS', 'AVG_DURATION_SECONDS'],
    row: (row: TopRow) => [
      row.function,
      row.namespace,
      String(row.total_calls),
      String(row.total_failures),
      row.total_duration_seconds.toFixed(3),
      row.avg_duration_seconds.toFixed(4),
    ],
    name: (row: TopRow) => row.function,
  }
  world.stdout.write(render(chosen, view, textOption(options, 'out')))
}

interface Statistics {
  readonly function: { readonly namespace: string; readonly name: string }
  readonly byCode: Readonly<Record<string, number>>
  readonly durationSumSeconds: number
}

/** Adds the revisions of each function up. */
export function topRows(statistics: readonly Statistics[]): readonly TopRow[] {
  const sums = new Map<string, { calls: number; failures: number; seconds: number; function: string; namespace: string }>()
  for (const entry of statistics) {
    const key = `${entry.function.namespace}/${entry.function.name}`
    const sum = sums.get(key) ?? { calls: 0, failures: 0, seconds: 0, function: entry.function.name, namespace: entry.function.namespace }
    for (const [code, count] of Object.entries(entry.byCode)) {
      sum.calls += count
      if (Number(code) >= 500) sum.failures += count
    }
    sum.seconds += entry.durationSumSeconds
    sums.set(key, sum)
  }
  return [...sums.values()].map((sum) => ({
    function: sum.function,
    namespace: sum.namespace,
    total_calls: sum.calls,
    total_failures: sum.failures,
    total_duration_seconds: sum.seconds,
    avg_duration_seconds: sum.calls === 0 ? 0 : sum.seconds / sum.calls,
  }))
}

/** What Kubeless had and Weft has under another name, or not: each refused by name. */
const ELSEWHERE: readonly (readonly [name: string, advice: string])[] = [
  ['trigger cronjob', 'triggers by time are not there yet'],
  ['trigger nats', 'triggers by message are not there yet'],
  ['trigger kafka', 'triggers by message are not there yet'],
  ['trigger kinesis', 'triggers by message are not there yet'],
  ['topic', 'queues are not there yet'],
  ['autoscale', 'use: weft deploy NAME --min N --max N --zero-after 5m'],
  ['get-server-config', 'use: weft version'],
]

const refusedCommands: readonly Command[] = ELSEWHERE.map(([name, advice]) => ({
  name,
  summary: `not in Weft: ${advice}`,
  args: [{ syntax: '[words...]', description: 'anything' }],
  examples: [`kubeless ${name}`],
  run: () => Promise.reject(new WeftError('INVALID_VALUE', { field: `kubeless ${name}`, reason: `Weft does not have it: ${advice}` })),
}))

/** The `kubeless` command line. */
export const kubelessProgram: Program = {
  name: 'kubeless',
  summary: 'The commands of Kubeless, on Weft',
  version: VERSION,
  commands: [...functionCommands, ...triggerCommands, ...refusedCommands],
}
