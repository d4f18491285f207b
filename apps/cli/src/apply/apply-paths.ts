import type { SourceBuilder } from '@weft/artifacts/build'
import type { GatewayClient } from '../client/gateway-client.ts'
import type { World } from '../command.ts'
import { deployFunction, waitUntilReady } from '../deploy/deploy-function.ts'
import { loadStack, requestsFromStack } from '../deploy/requests-from-stack.ts'
import { applyResource } from './apply-resource.ts'
import { Discovery } from './discovery.ts'
import { findManifests } from './manifests.ts'

/** What applying paths needs. */
export interface ApplyTools {
  readonly world: World
  readonly client: GatewayClient
  readonly builder: SourceBuilder
  readonly log: (line: string) => void
  /** Namespace of resources and functions that name none. */
  readonly namespace?: string
}

/** What was applied. */
export interface AppliedPaths {
  /** Names of the functions that were deployed, in order. */
  readonly functions: readonly string[]
  readonly resources: number
}

const READY_TIMEOUT_MS = 120_000

/** Builds and deploys the functions of every stack.yaml below the paths, applies every resource, and waits until the functions are ready. */
export async function applyPaths(paths: readonly string[], tools: ApplyTools): Promise<AppliedPaths> {
  const discovery = new Discovery(tools.client)
  const functions: string[] = []
  let resources = 0
  for (const path of paths) {
    const found = await findManifests(path)
    const deployed = (await Promise.all(found.stacks.map((file) => deployStack(file, tools)))).flat()
    for (const { resource } of found.resources) {
      const outcome = await applyResource(tools.client, discovery, resource, tools.namespace)
      tools.log(`${resource.kind} ${resource.metadata.name} ${outcome}`)
      resources += 1
    }
    for (const fn of deployed) {
      await waitUntilReady(fn, tools.client, READY_TIMEOUT_MS, tools.world.signal)
      tools.log(`${fn.metadata.name} is ready`)
      functions.push(fn.metadata.name)
    }
  }
  return { functions, resources }
}

async function deployStack(file: string, { world, client, builder, log, namespace }: ApplyTools) {
  const loaded = await loadStack(world, file, true)
  const requests = await requestsFromStack(loaded, { names: [], env: {}, allowScripts: false, ...(namespace === undefined ? {} : { namespace }) })
  const build = builder.build.bind(builder)
  return Promise.all(requests.map(async (request) => (await deployFunction(request, { client, build, log, signal: world.signal })).fn))
}
