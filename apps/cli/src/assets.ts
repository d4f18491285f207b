import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PlatformAssets } from '@weft/standalone'

/** Files that lie beside the program in the npm package; `scripts/build.ts` puts them there. */
export interface Assets {
  readonly platform: PlatformAssets
  /** Directory with the templates of `weft new`. */
  readonly templates: string
}

/** The files of the npm package; `undefined` in a checkout, where every part finds its own in the source tree. */
export const PACKAGED: Assets | undefined = assetsIn(new URL('./', import.meta.url))

function assetsIn(directory: URL): Assets | undefined {
  const path = (name: string) => fileURLToPath(new URL(name, directory))
  if (!existsSync(path('runtime-nodejs.cjs'))) return undefined
  return {
    platform: {
      runtimes: { nodejs: path('runtime-nodejs.cjs'), process: path('runtime-process.cjs') },
      meshWorker: new URL('mesh-worker.js', directory),
      buildWorker: path('build-worker.js'),
      catalogue: path('catalogue.yaml'),
    },
    templates: path('templates'),
  }
}
