import type { ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'

/** Resolves references by the artifact store alone. */
export function storeResolver(artifacts: ArtifactStore): ImageResolver {
  return {
    async resolveImage(reference, name) {
      const manifest = await artifacts.get(reference)
      if (manifest === undefined) throw new WeftError('IMAGE_NOT_FOUND', { image: reference, name })
      return manifest
    },
  }
}
