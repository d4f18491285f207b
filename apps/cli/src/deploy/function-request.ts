import type { FunctionSpec, FunctionTemplate } from '@weft/api'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildRequest } from '@weft/artifacts/build'
import type { NamespacedName } from '@weft/core'

/** One function that a command line or a stack.yaml wants: how to build it, if at all, and what to run. */
export interface FunctionRequest {
  readonly ref: NamespacedName
  /** Absent: `template.image` names what is there already. */
  readonly build: BuildRequest | undefined
  readonly template: FunctionTemplate
  readonly scale?: FunctionSpec['scale']
  /** What calls from outside meet. */
  readonly outside?: Pick<FunctionSpec, 'visibility' | 'ingress'>
}

/** The template of what was built: its digest, and the defaults that the artifact brings. */
export function builtTemplate(request: FunctionRequest, manifest: ArtifactManifest): FunctionTemplate {
  return { ...request.template, artifact: manifest.digest, runtime: request.template.runtime ?? manifest.run.runtime }
}
