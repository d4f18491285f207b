import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import type { FunctionResource } from '@weft/api'
import { canonicalNamespace, type Resource } from '@weft/core'
import { untilInForce } from '../client/in-force.ts'
import type { World } from '../command.ts'
import { deployFunction, waitUntilReady, type DeployTools } from '../deploy/deploy-function.ts'
import { loadStack, requestsFromStack } from '../deploy/requests-from-stack.ts'
import { withWorkDirectory } from '../deploy/work-directory.ts'
import { applyResource, type Applied } from './apply-resource.ts'
import { buildRequestOf } from './build-source.ts'
import { Discovery } from './discovery.ts'
import { findManifests, type Found, type Manifest } from './manifests.ts'

/** What applying needs. */
export interface ApplyTools extends DeployTools {
  readonly world: World
  /** One line for each thing that was done. */
  readonly say: (line: string) => void
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

/**
 * Builds and deploys the functions of every stack.yaml below the paths, applies every resource, and waits until the functions are ready and what was applied is in
 * force. All files are checked first.
 */
export async function applyPaths(paths: readonly string[], tools: ApplyTools): Promise<AppliedPaths> {
  return applyFound(await Promise.all(paths.map((path) => findManifests(path, tools.namespace))), tools)
}

/** The same for what was read already. */
export async function applyFound(found: readonly Found[], tools: ApplyTools): Promise<AppliedPaths> {
  const functions: string[] = []
  let resources = 0
  for (const { stacks, manifests } of found) {
    const deployed = (await Promise.all(stacks.map((file) => deployStack(file, tools)))).flat()
    await applyManifests(manifests, tools)
    resources += manifests.length
    for (const fn of deployed) {
      await waitUntilReady(fn, tools.client, READY_TIMEOUT_MS, tools.signal)
      tools.say(`${fn.metadata.name} is ready`)
      functions.push(fn.metadata.name)
    }
  }
  tools.progress.end()
  if (resources > 0) await untilInForce(tools.client, tools.world)
  return { functions, resources }
}

/** Applies resources in order; source that comes with one is built first. */
async function applyManifests(manifests: readonly Manifest[], tools: ApplyTools): Promise<void> {
  const discovery = new Discovery(tools.client)
  await withWorkDirectory(async (work) => {
    for (const [index, manifest] of manifests.entries()) {
      const resource = await built(manifest, join(work, String(index)), tools)
      const outcome: Applied = await applyResource(tools.client, discovery, resource)
      tools.progress.end()
      tools.say(`${resource.kind} ${resource.metadata.name} ${outcome}`)
    }
  })
}

async function built({ resource, source }: Manifest, workDirectory: string, tools: ApplyTools): Promise<Resource> {
  if (source === undefined) return resource
  await mkdir(workDirectory, { recursive: true })
  const request = await buildRequestOf(resource.metadata.name, source, workDirectory)
  const manifest = await tools.build(request, (line) => tools.progress.step(`  ${line.step}: ${line.text}`))
  const fn = resource as FunctionResource
  return { ...fn, spec: { ...fn.spec, template: { ...fn.spec.template, artifact: manifest.digest } } }
}

async function deployStack(file: string, tools: ApplyTools): Promise<readonly FunctionResource[]> {
  const loaded = await loadStack(tools.world, file, true)
  const namespace = tools.namespace === undefined ? {} : { namespace: canonicalNamespace(tools.namespace) }
  return withWorkDirectory(async (workDirectory) => {
    const requests = await requestsFromStack(loaded, { names: [], env: {}, allowScripts: false, workDirectory, ...namespace })
    return Promise.all(requests.map(async (request) => (await deployFunction(request, tools)).fn))
  })
}
