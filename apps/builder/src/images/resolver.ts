import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ArtifactManifest, ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { WeftError, messageOf } from '@weft/core'
import { findProgram } from '../program/find-program.ts'
import { safeSegments } from '../source/safe-path.ts'
import { findInCatalogue, parseCatalogue, type CatalogueEntry } from './catalogue.ts'

/** What the resolver is made of. */
export interface ImageResolverOptions {
  readonly artifacts: ArtifactStore
  /** Catalogue files of the user, read at each look-up, first match wins; one that is missing is empty. */
  readonly catalogueFiles: readonly string[]
  /** The catalogue that Weft ships; absent: the one of the source tree. */
  readonly shippedCatalogue?: string
  /** Where programs are looked for; PATH when absent. */
  readonly searchPath?: string
}

/** Makes the resolver of image references: artifact store, then the user's catalogues, then the shipped one. */
export function createImageResolver(options: ImageResolverOptions): ImageResolver {
  const shipped = options.shippedCatalogue ?? fileURLToPath(new URL('../../catalogue.yaml', import.meta.url))
  const files = [...options.catalogueFiles, shipped]
  return {
    async resolveImage(reference, name) {
      const stored = await options.artifacts.get(reference)
      if (stored !== undefined) return stored
      const entry = findInCatalogue((await Promise.all(files.map(readCatalogue))).flat(), reference)
      if (entry === undefined) throw new WeftError('IMAGE_NOT_FOUND', { image: reference, name })
      if ((await findProgram(entry.program, options.searchPath)) === undefined)
        throw new WeftError('PROGRAM_NOT_FOUND', { image: reference, program: entry.program })
      return storeEntry(options.artifacts, entry)
    },
  }
}

async function readCatalogue(file: string): Promise<readonly CatalogueEntry[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new WeftError('INVALID_CATALOGUE', { file, reason: messageOf(error) })
  })
  return parseCatalogue(text, file)
}

async function storeEntry(artifacts: ArtifactStore, entry: CatalogueEntry): Promise<ArtifactManifest> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-image-'))
  try {
    for (const [name, text] of Object.entries(entry.files)) {
      const path = join(directory, ...safeSegments(name))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
    }
    const run = { runtime: 'process', contract: 'process', command: entry.process, ...(entry.mode === undefined ? {} : { mode: entry.mode }) } as const
    return await artifacts.put({ directory, run, env: entry.env })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
