import { ingressRulesOf, type FunctionResource } from '@weft/api'
import { parseDurationMs, WeftError } from '@weft/core'
import { ensureCanary } from '../canary/client.ts'
import { DEPLOY_CANARY_OPTION, deployCanary } from '../canary/read-options.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import type { GatewayClient } from '../client/gateway-client.ts'
import type { Command, Invocation, OptionSpec } from '../command.ts'
import { deployFunction, waitUntilReady, type DeployTools } from '../deploy/deploy-function.ts'
import type { FunctionRequest } from '../deploy/function-request.ts'
import { FUNCTION_OPTIONS, parsePairs, refuseForeignFlags, requestFromFlags } from '../deploy/request-from-flags.ts'
import { loadStack, requestsFromStack, STACK_OPTIONS } from '../deploy/requests-from-stack.ts'
import { deployTools, openLocalBuilder } from '../deploy/tools.ts'
import { withWorkDirectory } from '../deploy/work-directory.ts'
import { progressOn } from '../output/progress.ts'
import { structured } from '../output/render.ts'
import { listOption, NAMESPACE_OPTION, textOption } from './options.ts'

const WAIT_OPTIONS: readonly OptionSpec[] = [
  { flags: '--no-wait', description: 'do not wait until it is ready' },
  { flags: '--wait-timeout <duration>', description: 'how long to wait', default: '2m' },
]
const NAME_ARGUMENT = [{ syntax: '[names...]', description: 'a function that options describe, or functions of the stack.yaml' }]

/** `weft deploy`. */
export const deployCommand: Command = {
  name: 'deploy',
  summary: 'deploy a function, or those of a stack.yaml',
  description:
    'Deploys a function from an image, a source file, an archive or a handler directory, or the functions of a stack.yaml. A change makes a new revision, and traffic moves to it when it is proven ready; a split that somebody pinned stays.',
  args: NAME_ARGUMENT,
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    ...STACK_OPTIONS,
    ...FUNCTION_OPTIONS,
    ...WAIT_OPTIONS,
    DEPLOY_CANARY_OPTION,
    { flags: '--dry-run', description: 'print what would be built and written' },
    { flags: '--dryrun', description: 'same as --dry-run', hidden: true },
  ],
  examples: [
    'weft deploy hello --from-file hello.js --runtime fetch',
    'weft deploy temp --from-file temp.js --handler temp.sample --runtime nodejs6 --revision v2',
    'weft deploy env --image functions/alpine --fprocess env',
    'weft deploy temp --from-file temp.js --canary=10,50',
    'weft deploy -f stack.yaml --filter "api-*"',
  ],
  run: (invocation) => deploy(invocation, false),
}

/** `weft up`: build and deploy. */
export const upCommand: Command = {
  name: 'up',
  summary: 'build and deploy',
  description: 'Builds and deploys the functions of a stack.yaml, or one that options describe.',
  args: NAME_ARGUMENT,
  options: [
    GATEWAY_OPTION,
    NAMESPACE_OPTION,
    ...STACK_OPTIONS,
    ...FUNCTION_OPTIONS,
    ...WAIT_OPTIONS,
    DEPLOY_CANARY_OPTION,
    { flags: '--skip-deploy', description: 'build only' },
    { flags: '--skip-push', description: 'as faas-cli has it: nothing is pushed anyway', hidden: true },
  ],
  examples: ['weft up', 'weft up hello', 'weft up -f functions/cold-room'],
  run: (invocation) => (invocation.options['skipDeploy'] === true ? build(invocation) : deploy(invocation, true)),
}

/** `weft build`. */
export const buildCommand: Command = {
  name: 'build',
  summary: 'build functions into the local artifact store',
  description:
    'Builds and records the image reference in the local artifact store, so that any OpenFaaS client can deploy it by that name. Needs no running platform.',
  args: NAME_ARGUMENT,
  options: [{ flags: '--name <name>', description: 'name of the function, as faas-cli has it' }, NAMESPACE_OPTION, ...STACK_OPTIONS, ...FUNCTION_OPTIONS],
  examples: ['weft build', 'weft build --name hello --lang node22 --handler ./hello --image acme/hello:1.0'],
  run: build,
}

async function build(invocation: Invocation): Promise<void> {
  const { world } = invocation
  const builder = await openLocalBuilder(world)
  const progress = progressOn(world)
  try {
    await withWorkDirectory(async (work) => {
      for (const request of await requestsOf(invocation, work)) {
        if (request.build === undefined) continue
        const manifest = await builder.build(request.build, (line) => progress.step(`  ${line.step}: ${line.text}`), world.signal)
        progress.end()
        world.stdout.write(`${request.ref.name}  ${manifest.digest}${request.build.reference === undefined ? '' : `  ${request.build.reference}`}\n`)
      }
    })
  } finally {
    progress.end()
    await builder.close()
  }
}

async function deploy(invocation: Invocation, mustBuild: boolean): Promise<void> {
  const { world, options } = invocation
  await withWorkDirectory(async (work) => {
    const requests = (await requestsOf(invocation, work)).map((request) => (mustBuild || isDescribed(invocation) ? request : withoutBuild(request)))
    if (options['dryRun'] === true || options['dryrun'] === true) {
      world.stdout.write(requests.map((request) => structured(request, 'yaml')).join('---\n'))
      return
    }
    const progress = progressOn(world)
    try {
      const tools = await deployTools(invocation, progress)
      for (const request of requests) await deployOne(request, tools, invocation)
    } finally {
      progress.end()
    }
  })
}

async function deployOne(request: FunctionRequest, tools: DeployTools, { world, options }: Invocation): Promise<void> {
  const { client, progress } = tools
  const canary = deployCanary(options)
  progress.line(`${request.build === undefined ? 'Deploying' : 'Building and deploying'} ${request.ref.name}`)
  if (canary !== undefined) await ensureCanary(client, request.ref, canary.steps)
  const { fn, created } = await deployFunction(request, tools)
  if (options['wait'] === false) {
    progress.end()
    return void world.stdout.write(`${request.ref.name} is ${created ? 'created' : 'updated'}.\n`)
  }
  if (world.stderr.isTTY === true) progress.step(`  waiting until ${request.ref.name} is proven ready`)
  const ready = await waitUntilReady(fn, client, parseDurationMs(textOption(options, 'waitTimeout') ?? '2m', '--wait-timeout'), world.signal)
  progress.end()
  world.stdout.write(readyText(ready, client))
  if (canary !== undefined && !created) world.stdout.write(`  It goes through the canary: weft canary status ${request.ref.name}\n`)
}

/** What a person reads when a function is ready. */
export function readyText(fn: FunctionResource, client: GatewayClient): string {
  const namespace = fn.metadata.namespace ?? 'default'
  const path = namespace === 'default' ? fn.metadata.name : `${fn.metadata.name}.${namespace}`
  const latest = fn.status?.latestReady ?? ''
  const share = fn.status?.traffic.find((entry) => entry.revision === latest)?.weight ?? 0
  const pinned = (fn.spec.traffic?.length ?? 0) > 0 && share < 100
  const advice = pinned ? `  Its split is pinned, so revision ${latest} gets ${share}% of the calls: weft traffic set ${fn.metadata.name} ${latest}=100\n` : ''
  const { isPrivate } = ingressRulesOf(fn)
  const where = isPrivate ? `http://${fn.metadata.name}.${namespace}, within the mesh only` : `${client.target.url}/function/${path}`
  return `${fn.metadata.name} is ready at ${where} (revision ${latest})\n${advice}`
}

/** Whether options describe the function, so that no stack.yaml is read. */
function isDescribed({ options }: Invocation): boolean {
  return ['image', 'fromFile', 'handler'].some((key) => textOption(options, key) !== undefined)
}

/** `deploy` of a stack takes what `weft build` recorded under its image, as faas-cli does. */
function withoutBuild(request: FunctionRequest): FunctionRequest {
  if (request.build === undefined) return request
  if (request.template.image === undefined)
    throw new WeftError('INVALID_VALUE', { field: 'image', reason: `${request.ref.name} has no image in the stack; use: weft up ${request.ref.name}` })
  return { ...request, build: undefined }
}

/** A function that options describe, or the functions of a stack.yaml. */
async function requestsOf(invocation: Invocation, workDirectory: string): Promise<readonly FunctionRequest[]> {
  const { world, args, options } = invocation
  refuseForeignFlags(options)
  const name = textOption(options, 'name') ?? args[0]
  if (isDescribed(invocation)) {
    if (name === undefined || args.length > 1) throw new WeftError('INVALID_VALUE', { field: 'name', reason: 'give one name for what the options describe' })
    return [await requestFromFlags(name, options, world.cwd)]
  }
  const loaded = await loadStack(world, textOption(options, 'yaml'), options['envsubst'] !== false)
  const filter = textOption(options, 'filter')
  const regex = textOption(options, 'regex')
  const namespace = textOption(options, 'namespace')
  return requestsFromStack(loaded, {
    names: textOption(options, 'name') === undefined ? args : [textOption(options, 'name') ?? ''],
    env: parsePairs(listOption(options, 'env'), '--env'),
    allowScripts: options['allowScripts'] === true,
    buildArgs: parsePairs(listOption(options, 'buildArg'), '--build-arg'),
    workDirectory,
    ...(filter === undefined ? {} : { filter }),
    ...(regex === undefined ? {} : { regex }),
    ...(namespace === undefined ? {} : { namespace }),
  })
}
