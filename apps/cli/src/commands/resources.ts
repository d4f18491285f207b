import { resolve } from 'node:path'
import { canonicalNamespace, WeftError, type Resource } from '@weft/core'
import { WEFT_API_VERSION } from '@weft/api'
import { applyFound } from '../apply/apply-paths.ts'
import { deleteResource } from '../apply/apply-resource.ts'
import { collectionPath, Discovery, resourcePath } from '../apply/discovery.ts'
import { findManifests, readManifests, type Found } from '../apply/manifests.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import { readText } from '../client/gateway-client.ts'
import { untilInForce } from '../client/in-force.ts'
import type { Command, Invocation, OptionSpec, World } from '../command.ts'
import { loadStack } from '../deploy/requests-from-stack.ts'
import { deployTools } from '../deploy/tools.ts'
import { progressOn } from '../output/progress.ts'
import { render, structured } from '../output/render.ts'
import { age } from '../output/table.ts'
import { listOption, OUTPUT_OPTION, textOption } from './options.ts'

const FILE_OPTION: OptionSpec = { flags: '-f, --filename <path>', description: 'file or directory; - reads standard input', repeat: true }
const NAMESPACE: OptionSpec = { flags: '-n, --namespace <name>', description: 'namespace of resources that name none (default: "default")' }

/** `weft apply`. */
export const applyCommand: Command = {
  name: 'apply',
  summary: 'create or change what files describe',
  description:
    'Applies resource files (YAML or JSON), and builds and deploys every stack.yaml among them. Functions of OpenFaaS (openfaas.com/v1) and Kubeless (kubeless.io/v1beta1) are converted, the source of the latter is built. Everything is checked before anything is sent.',
  options: [GATEWAY_OPTION, NAMESPACE, FILE_OPTION],
  examples: ['weft apply -f mesh/', 'weft apply -f functions/cold-room', 'cat policy.yaml | weft apply -f -'],
  async run(invocation) {
    const { world, options } = invocation
    const namespace = textOption(options, 'namespace')
    const progress = progressOn(world)
    const files = requiredFiles(options)
    const tools = {
      ...(await deployTools(invocation, progress)),
      world,
      say: (line: string) => void world.stdout.write(`${line}\n`),
      ...(namespace === undefined ? {} : { namespace }),
    }
    try {
      await applyFound(await Promise.all(files.map((path) => readPath(path, world, namespace))), tools)
    } finally {
      progress.end()
    }
  },
}

/** What is below a path, or on standard input. */
async function readPath(path: string, world: World, namespace: string | undefined): Promise<Found> {
  if (path !== '-') return findManifests(resolve(world.cwd, path), namespace)
  return { stacks: [], manifests: readManifests(await readText(world.stdin as AsyncIterable<Uint8Array>), 'standard input', namespace) }
}

/** `weft delete`. */
export const deleteCommand: Command = {
  name: 'delete',
  summary: 'remove what files describe, or resources by name',
  args: [{ syntax: '[words...]', description: 'KIND NAME…, unless -f is given' }],
  options: [GATEWAY_OPTION, NAMESPACE, FILE_OPTION],
  examples: ['weft delete -f mesh/temp-split.yaml', 'weft delete virtualservice temp', 'weft delete authorizationpolicy one two -n staging'],
  async run(invocation) {
    const { world, args } = invocation
    const client = await invocation.client()
    const discovery = new Discovery(client)
    const missing: Resource[] = []
    let removed = 0
    for (const resource of await toDelete(invocation, discovery)) {
      const was = await deleteResource(client, discovery, resource)
      if (was) removed += 1
      if (was || args.length === 0) world.stdout.write(`${label(resource)} ${was ? 'removed' : 'was not there'}\n`)
      else missing.push(resource)
    }
    if (removed > 0) await untilInForce(client, world)
    const [first] = missing
    if (first !== undefined) throw new WeftError('NOT_FOUND', { kind: first.kind, name: missing.map(({ metadata }) => metadata.name).join(', ') })
  },
}

/** `weft get`. */
export const getCommand: Command = {
  name: 'get',
  summary: 'show resources of any kind',
  args: [
    { syntax: '<kind>', description: 'kind, plural or short name: functions, vs, authorizationpolicies, …' },
    { syntax: '[name]', description: 'one resource' },
  ],
  options: [
    GATEWAY_OPTION,
    NAMESPACE,
    { flags: '-A, --all-namespaces', description: 'of all namespaces' },
    { flags: '-l, --selector <labels>', description: 'KEY=VALUE[,…]' },
    OUTPUT_OPTION,
  ],
  examples: ['weft get functions', 'weft get vs temp -o yaml', 'weft get ap -A'],
  async run({ world, args, options, client }) {
    const gateway = await client()
    const kind = await new Discovery(gateway).ofWord(args[0] ?? '')
    const namespace = canonicalNamespace(textOption(options, 'namespace'))
    const format = textOption(options, 'output')
    const name = args[1]
    if (name !== undefined) {
      const resource = await gateway.json<Resource>({ method: 'GET', path: resourcePath(kind, namespace, name) })
      world.stdout.write(format === 'json' || format === 'yaml' ? structured(resource, format) : render([resource], listView(Date.now()), format))
      return
    }
    const selector = textOption(options, 'selector')
    const path = `${collectionPath(kind, options['allNamespaces'] === true ? undefined : namespace)}${selector === undefined ? '' : `?labelSelector=${encodeURIComponent(selector)}`}`
    const { items } = await gateway.json<{ items: readonly Resource[] }>({ method: 'GET', path })
    world.stdout.write(render(items, listView(Date.now()), format))
  },
}

const listView = (now: number) => ({
  heading: ['NAMESPACE', 'NAME', 'AGE'],
  row: (resource: Resource) => [resource.metadata.namespace ?? '-', resource.metadata.name, age(resource.metadata.creationTimestamp, now)],
  wideHeading: ['LABELS'],
  wideRow: (resource: Resource) => [
    Object.entries(resource.metadata.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  ],
  name: (resource: Resource) => `${resource.kind.toLowerCase()}/${resource.metadata.name}`,
})

async function toDelete({ world, args, options }: Invocation, discovery: Discovery): Promise<readonly Resource[]> {
  const files = listOption(options, 'filename')
  const namespace = textOption(options, 'namespace')
  if (files.length === 0) {
    const [word, ...names] = args
    if (word === undefined || names.length === 0) throw new WeftError('INVALID_VALUE', { field: 'delete', reason: 'give KIND NAME, or files with -f' })
    const kind = await discovery.ofWord(word)
    return names.map((name) => ({ apiVersion: kind.groupVersion, kind: kind.kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }))
  }
  if (args.length > 0) throw new WeftError('INVALID_VALUE', { field: 'delete', reason: `give KIND NAME or files with -f, not both: ${args.join(' ')}` })
  const found = await Promise.all(files.map((file) => resourcesIn(file, world, namespace)))
  return found.flat().toReversed()
}

/** What a file describes; the functions of a stack.yaml too. */
async function resourcesIn(file: string, world: World, namespace: string | undefined): Promise<readonly Resource[]> {
  const { stacks, manifests } = await readPath(file, world, namespace)
  const loaded = await Promise.all(stacks.map((stack) => loadStack(world, stack, true)))
  const functions = loaded.flatMap(({ stack }) =>
    stack.functions.map((fn) => ({
      apiVersion: WEFT_API_VERSION,
      kind: 'Function',
      metadata: { name: fn.name, namespace: canonicalNamespace(namespace ?? fn.namespace) },
    })),
  )
  return [...functions, ...manifests.map(({ resource }) => resource)]
}

function requiredFiles(options: Invocation['options']): readonly string[] {
  const files = listOption(options, 'filename')
  if (files.length === 0) throw new WeftError('INVALID_VALUE', { field: '-f', reason: 'name the files or directories to apply' })
  return files
}

function label(resource: Resource): string {
  return `${resource.kind} ${resource.metadata.name}`
}
