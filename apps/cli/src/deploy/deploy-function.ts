import { WEFT_API_VERSION, type FunctionResource, type FunctionSpec, type FunctionTemplate } from '@weft/api'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildProgress, BuildRequest } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'
import { weftPath } from '../client/functions.ts'
import { readText, refusal, type GatewayClient } from '../client/gateway-client.ts'
import { until } from '../client/until.ts'
import type { Progress } from '../output/progress.ts'
import { builtTemplate, type FunctionRequest } from './function-request.ts'

/** What deploying needs: a gateway, and something that builds. */
export interface DeployTools {
  readonly client: GatewayClient
  build(request: BuildRequest, progress: BuildProgress): Promise<ArtifactManifest>
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** What came of a deploy. */
export interface Deployed {
  readonly fn: FunctionResource
  readonly created: boolean
}

const WRITE_ATTEMPTS = 5

/** Builds when there is something to build, then creates or updates the function. Its split, header rules, visibility and scale stay as they are unless the request says otherwise. */
export async function deployFunction(request: FunctionRequest, tools: DeployTools): Promise<Deployed> {
  const manifest = request.build === undefined ? undefined : await tools.build(request.build, (line) => tools.progress.step(`  ${line.step}: ${line.text}`))
  const template = manifest === undefined ? request.template : builtTemplate(request, manifest)
  return writeFunction(request, template, tools)
}

async function writeFunction(request: FunctionRequest, template: FunctionTemplate, { client }: DeployTools): Promise<Deployed> {
  const path = weftPath('functions', request.ref)
  for (let attempt = 1; ; attempt += 1) {
    const found = await client.send({ method: 'GET', path })
    const text = await readText(found.body)
    if (found.status !== 200 && found.status !== 404) throw refusal(found.status, text)
    const existing = found.status === 200 ? (JSON.parse(text) as FunctionResource) : undefined
    const answer = await client.send(
      existing === undefined ? create(request, template) : { method: 'PUT', path, body: { ...existing, spec: updated(existing.spec, request, template) } },
    )
    const body = await readText(answer.body)
    if (answer.status < 400) return { fn: JSON.parse(body) as FunctionResource, created: existing === undefined }
    if (answer.status !== 409 || attempt === WRITE_ATTEMPTS) throw refusal(answer.status, body)
  }
}

function create(request: FunctionRequest, template: FunctionTemplate) {
  const { namespace, name } = request.ref
  const spec: FunctionSpec = { template, ...request.outside, ...(request.scale === undefined ? {} : { scale: request.scale }) }
  const body = { apiVersion: WEFT_API_VERSION, kind: 'Function', metadata: { name, namespace }, spec }
  return { method: 'POST', path: `/apis/${WEFT_API_VERSION}/namespaces/${namespace}/functions`, body }
}

function updated(spec: FunctionSpec, request: FunctionRequest, template: FunctionTemplate): FunctionSpec {
  return { ...spec, template, ...request.outside, ...(request.scale === undefined ? {} : { scale: { ...spec.scale, ...request.scale } }) }
}

/**
 * Waits until the newest revision is proven ready.
 * @throws WeftError `NOT_READY` with the platform's reason when it fails or the time is over
 */
export async function waitUntilReady(fn: FunctionResource, client: GatewayClient, timeoutMs: number, signal: AbortSignal): Promise<FunctionResource> {
  const ref = { namespace: fn.metadata.namespace ?? 'default', name: fn.metadata.name }
  let reason = 'it is still starting'
  const ready = await until(timeoutMs, signal, async () => {
    const now = await client.json<FunctionResource>({ method: 'GET', path: weftPath('functions', ref) })
    const condition = now.status?.conditions.find((entry) => entry.type === 'RevisionReady')
    const seen = now.status !== undefined && now.status.observedGeneration >= (fn.metadata.generation ?? 0)
    if (condition !== undefined) reason = condition.message
    if (seen && condition?.status === 'True') return now
    if (condition?.status === 'False') throw new WeftError('NOT_READY', { name: fn.metadata.name, reason })
    return undefined
  })
  if (ready === undefined) throw new WeftError('NOT_READY', { name: fn.metadata.name, reason })
  return ready
}
