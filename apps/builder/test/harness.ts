import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openDirectoryArtifactStore, type DirectoryArtifactStore } from '@weft/artifacts/directory'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildRequest } from '@weft/artifacts/build'
import { openBuilder, type Builder, type BuilderOptions } from '../src/index.ts'

/** Relative path → text. */
export type Files = Readonly<Record<string, string>>

/** A builder with a real artifact store in directories of its own. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string
  readonly artifacts: DirectoryArtifactStore
  readonly builder: Builder
  /** Progress lines of all builds, `step: text`. */
  readonly lines: string[]
  /** Writes files into a new directory. */
  tree(files: Files): Promise<string>
  /** Builds inline files (or any other source). */
  build(request: Partial<BuildRequest>, files?: Files, signal?: AbortSignal): Promise<ArtifactManifest>
  /** Directory with an artifact's files. */
  open(manifest: ArtifactManifest): Promise<string>
}

/** Makes a workshop; disposing it ends its builds and removes its files. */
export async function openWorkshop(options: Partial<BuilderOptions> = {}): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-builder-'))
  const artifacts = await openDirectoryArtifactStore({ directory: join(directory, 'artifacts') })
  const builder = await openBuilder({ artifacts, cacheDirectory: join(directory, 'cache'), ...options })
  const lines: string[] = []
  let trees = 0
  return {
    directory,
    artifacts,
    builder,
    lines,
    tree: (files) => writeTree(join(directory, `tree-${trees++}`), files),
    build: (request, files = {}, signal) =>
      builder.build(
        { name: 'fn', runtime: 'node22', source: { kind: 'inline', files }, ...request },
        ({ step, text }) => lines.push(`${step}: ${text}`),
        signal,
      ),
    open: (manifest) => artifacts.open(manifest.digest),
    async [Symbol.asyncDispose]() {
      await builder.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Writes files below a directory. */
export async function writeTree(directory: string, files: Files): Promise<string> {
  await mkdir(directory, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return directory
}
