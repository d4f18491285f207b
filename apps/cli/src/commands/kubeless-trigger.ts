import { parseResource, type HttpTriggerSpec } from '@weft/api'
import { WeftError, type Resource } from '@weft/core'
import { GATEWAY_OPTION, isController } from '../cli.ts'
import { functionRef, getFunction } from '../client/functions.ts'
import type { Command, Invocation, OptionSpec } from '../command.ts'
import { refuse, refusedOptions, type RefusedFlag } from '../deploy/refused-flags.ts'
import { render, structured } from '../output/render.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

type Trigger = Resource<HttpTriggerSpec>

const NAME = [{ syntax: '<name>', description: 'trigger' }]
const REFUSED: readonly RefusedFlag[] = [
  { flags: '--enableTLSAcme', why: 'certificates are not issued here; put one into a Secret and name it with --tls-secret' },
  { flags: '--basic-auth-secret <name>', why: 'use an AuthorizationPolicy, or a RequestAuthentication' },
]
const OUTPUT: OptionSpec = { flags: '-o, --out <format>', description: 'how to print', choices: ['json', 'yaml', 'wide'] }

const pathOf = (namespace: string, name?: string) =>
  `/apis/kubeless.io/v1beta1/namespaces/${namespace}/httptriggers${name === undefined ? '' : `/${encodeURIComponent(name)}`}`

async function create(invocation: Invocation): Promise<void> {
  const { world, args, options, client } = invocation
  refuse(REFUSED, options)
  const namespace = textOption(options, 'namespace') ?? 'default'
  const functionName = textOption(options, 'functionName')
  if (functionName === undefined) throw new WeftError('INVALID_VALUE', { field: '--function-name', reason: 'is missing: which function is to be called' })
  const trigger = triggerOf(args[0] ?? '', functionName, invocation)
  if (options['dryrun'] === true) return void world.stdout.write(structured(trigger, textOption(options, 'out') ?? 'yaml'))
  const gateway = await client()
  await getFunction(gateway, functionRef(functionName, options))
  await gateway.json({
    method: 'POST',
    path: pathOf(namespace),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(trigger),
  })
  const { 'host-name': host, path = '/' } = trigger.spec ?? {}
  world.stdout.write(`HTTP trigger ${args[0] ?? ''} created in namespace ${namespace}: http://${host}${path.startsWith('/') ? path : `/${path}`}\n`)
}

/** Without a host it is one that leads to this machine, as Kubeless makes it from the address of the cluster. */
function triggerOf(name: string, functionName: string, { options }: Invocation): Trigger {
  const path = textOption(options, 'path')
  const secret = textOption(options, 'tlsSecret')
  const { gateway } = options
  const spec: HttpTriggerSpec = {
    'function-name': functionName,
    'host-name': textOption(options, 'hostname') ?? `${functionName}.127.0.0.1.nip.io`,
    ...(path === undefined ? {} : { path }),
    ...(secret === undefined ? {} : { tls: true, 'tls-secret': secret }),
    ...(isController(gateway) ? { gateway } : {}),
    ...(options['corsEnable'] === true ? { 'cors-enable': true } : {}),
  }
  const metadata = { name, namespace: textOption(options, 'namespace') ?? 'default' }
  return parseResource({ apiVersion: 'kubeless.io/v1beta1', kind: 'HTTPTrigger', metadata, spec }) as Trigger
}

const view = {
  heading: ['NAME', 'NAMESPACE', 'FUNCTION NAME', 'HOST', 'PATH'],
  row: ({ metadata, spec }: Trigger) => [
    metadata.name,
    metadata.namespace ?? 'default',
    spec?.['function-name'] ?? '',
    spec?.['host-name'] ?? '',
    spec?.path ?? '/',
  ],
  name: ({ metadata }: Trigger) => metadata.name,
}

/** `kubeless trigger http`. */
export const triggerCommands: readonly Command[] = [
  {
    name: 'trigger http create',
    summary: 'let a function answer under a name and a path',
    description: 'Lets a function answer under a name and a path. As with Kubeless, --gateway may be nginx, traefik or kong too, which means nothing here.',
    args: NAME,
    options: [
      GATEWAY_OPTION,
      NAMESPACE_OPTION,
      { flags: '--function-name <name>', description: 'function' },
      { flags: '--hostname <name>', description: 'name under which it answers (default FUNCTION.127.0.0.1.nip.io)' },
      { flags: '--path <path>', description: 'path under which it answers (default /)' },
      { flags: '--tls-secret <name>', description: 'Secret with tls.crt and tls.key' },
      { flags: '--cors-enable', description: 'let pages of other origins call' },
      { flags: '--dryrun', description: 'print what would be written' },
      { flags: '-o, --out <format>', description: 'form of --dryrun', choices: ['json', 'yaml'] },
      ...refusedOptions(REFUSED),
    ],
    examples: ['kubeless trigger http create shop --function-name shop --hostname shop.example.com --path /v1'],
    run: create,
  },
  {
    name: 'trigger http list',
    aliases: ['ls'],
    summary: 'list HTTP triggers',
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, OUTPUT],
    examples: ['kubeless trigger http list'],
    async run({ world, options, client }) {
      const { items } = await (
        await client()
      ).json<{ items: readonly Trigger[] }>({ method: 'GET', path: pathOf(textOption(options, 'namespace') ?? 'default') })
      world.stdout.write(render(items, view, textOption(options, 'out')))
    },
  },
  {
    name: 'trigger http delete',
    aliases: ['rm'],
    summary: 'remove an HTTP trigger',
    args: NAME,
    options: [GATEWAY_OPTION, NAMESPACE_OPTION],
    examples: ['kubeless trigger http delete shop'],
    async run({ world, args, options, client }) {
      await (await client()).json({ method: 'DELETE', path: pathOf(textOption(options, 'namespace') ?? 'default', args[0] ?? '') })
      world.stdout.write(`HTTP trigger ${args[0] ?? ''} was removed.\n`)
    },
  },
]
