import type { ArtifactStore } from '@weft/artifacts'
import { WeftError } from '@weft/core'
import type { ImageResolver } from '../options.ts'

/** Resolves references by the artifact store alone. */
export function storeResolver(artifacts: ArtifactStore): ImageResolver {
  return {
    async resolve(reference) {
      const manifest = await artifacts.get(reference)
      if (manifest === undefined) throw new WeftError('IMAGE_NOT_FOUND', { image: reference, name: nameIn(reference) })
      return manifest
    },
  }
}

/** The last part of a reference without tag and digest: what a function of it is likely called. */
function nameIn(reference: string): string {
  return reference.split('/').at(-1)?.split(/[:@]/)[0] ?? reference
}
