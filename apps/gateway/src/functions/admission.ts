import type { FunctionResource, FunctionTemplate } from '@weft/api'
import type { ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { WeftError, type Resource } from '@weft/core'
import type { Admission } from '../resources/resources.ts'
import type { SplitOwners } from './split-owner.ts'

/** Collaborators of {@link functionAdmission}. */
export interface FunctionAdmissionOptions {
  readonly images: ImageResolver
  readonly artifacts: ArtifactStore
  readonly owners: SplitOwners
}

/**
 * What a Function must satisfy beyond its schema, by whatever route it comes: it names something that is there to run, an image is pinned to the digest
 * that it has now, weights add up to 100, and nobody else owns its split.
 */
export function functionAdmission(options: FunctionAdmissionOptions): Admission {
  return async (next, current) => {
    const fn = next as FunctionResource
    const before = current as FunctionResource | undefined
    assertWeights(fn)
    if (JSON.stringify(fn.spec.traffic ?? []) !== JSON.stringify(before?.spec.traffic ?? []))
      await options.owners.assertFree({ namespace: fn.metadata.namespace ?? 'default', name: fn.metadata.name })
    const template = await pinned(fn.metadata.name, fn.spec.template, before?.spec.template, options)
    return { ...fn, spec: { ...fn.spec, template } } satisfies Resource
  }
}

function assertWeights(fn: FunctionResource): void {
  const { traffic } = fn.spec
  if (traffic === undefined || traffic.length === 0) return
  const sum = traffic.reduce((total, target) => total + target.weight, 0)
  if (sum !== 100) throw new WeftError('INVALID_VALUE', { field: 'spec.traffic', reason: `the weights add up to ${sum}, not to 100` })
}

/** A changed image is resolved again; a digest that stayed from the image before would otherwise win over it. */
async function pinned(
  name: string,
  next: FunctionTemplate,
  before: FunctionTemplate | undefined,
  options: FunctionAdmissionOptions,
): Promise<FunctionTemplate> {
  const isStale = next.image !== undefined && next.image !== before?.image && next.artifact === before?.artifact
  if (next.image !== undefined && (next.artifact === undefined || isStale)) {
    return { ...next, artifact: (await options.images.resolveImage(next.image, name)).digest }
  }
  if (next.artifact === undefined) {
    throw new WeftError('INVALID_VALUE', { field: 'spec.template', reason: 'it names neither an image nor an artifact, so there is nothing to run' })
  }
  if (next.artifact !== before?.artifact && !(await options.artifacts.has(next.artifact)))
    throw new WeftError('ARTIFACT_NOT_FOUND', { reference: next.artifact })
  return next
}
