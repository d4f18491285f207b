import type { BuildRequest, ImageResolver, SourceBuilder } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'
import type { FunctionDeployment } from './deployment.ts'

/** Collaborators of {@link digestOf}. */
export interface SourceOptions {
  readonly images: ImageResolver
  readonly builder: SourceBuilder
}

/**
 * The digest that a deployment is to run: given, resolved from its image, or built from its inline source.
 * @throws WeftError `INVALID_VALUE` when it says none or several, and what resolver and builder throw
 */
export async function digestOf(deployment: FunctionDeployment, options: SourceOptions): Promise<string> {
  const { artifact, image, source } = deployment
  const ways = [artifact, image === '' ? undefined : image, source].filter((way) => way !== undefined)
  if (source !== undefined && artifact === undefined) return (await options.builder.build(buildRequest(deployment, source.files))).digest
  if (artifact !== undefined && source === undefined) return artifact
  if (ways.length === 1 && image !== undefined) return (await options.images.resolveImage(image, deployment.service)).digest
  const reason = ways.length === 0 ? 'one of image, artifact or source with runtime is needed' : 'artifact and source exclude each other'
  throw new WeftError('INVALID_VALUE', { field: 'body', reason })
}

function buildRequest(deployment: FunctionDeployment, files: Readonly<Record<string, string>>): BuildRequest {
  const { runtime, image } = deployment
  if (runtime === undefined || runtime === '')
    throw new WeftError('INVALID_VALUE', { field: 'body.runtime', reason: 'source needs a runtime, for example "node22"' })
  return {
    name: deployment.service,
    source: { kind: 'inline', files },
    runtime,
    ...(deployment.contract === undefined ? {} : { contract: deployment.contract }),
    ...(deployment.handler === undefined ? {} : { handler: deployment.handler }),
    ...(deployment.dependencies === undefined ? {} : { dependencies: deployment.dependencies }),
    ...(deployment.envProcess === undefined || deployment.envProcess === '' ? {} : { process: deployment.envProcess }),
    ...(image === undefined || image === '' ? {} : { reference: image }),
  }
}
