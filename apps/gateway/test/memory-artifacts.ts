import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ArtifactManifest, ArtifactStore } from '@weft/artifacts'
import type { BuildProgress, BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'

/** Artifacts and a builder in memory: a build of the same source has the same digest. A source that contains `syntax error` does not build. */
export class MemoryArtifacts implements ArtifactStore, SourceBuilder {
  readonly #manifests = new Map<string, ArtifactManifest>()
  readonly #references = new Map<string, string>()
  readonly requests: BuildRequest[] = []

  /** Makes an artifact out of a text and points a reference at it. */
  add(text: string, reference?: string): ArtifactManifest {
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
    const run = { runtime: 'node22', contract: 'openfaas', entry: 'handler.js' } as const
    const manifest: ArtifactManifest = { digest, run, env: {}, labels: {}, sizeBytes: text.length, fileCount: 1 }
    this.#manifests.set(digest, manifest)
    if (reference !== undefined) this.#references.set(reference, digest)
    return manifest
  }

  async put(): Promise<ArtifactManifest> {
    throw new WeftError('ARTIFACT_REFUSED', { reason: 'this store takes only builds' })
  }

  async get(name: string): Promise<ArtifactManifest | undefined> {
    return this.#manifests.get(this.#references.get(name) ?? name)
  }

  async has(name: string): Promise<boolean> {
    return (await this.get(name)) !== undefined
  }

  async open(digest: string): Promise<string> {
    throw new WeftError('ARTIFACT_NOT_FOUND', { reference: digest })
  }

  async tag(reference: string, digest: string): Promise<void> {
    if (!this.#manifests.has(digest)) throw new WeftError('ARTIFACT_NOT_FOUND', { reference: digest })
    this.#references.set(reference, digest)
  }

  async references(): Promise<readonly { readonly reference: string; readonly digest: string }[]> {
    return [...this.#references].map(([reference, digest]) => ({ reference, digest }))
  }

  async build(request: BuildRequest, progress?: BuildProgress): Promise<ArtifactManifest> {
    this.requests.push(request)
    progress?.({ step: 'bundle', text: `bundling ${request.name}` })
    const text = await textOf(request)
    if (text.includes('syntax error')) throw new WeftError('BUILD_FAILED', { step: 'bundle', reason: 'handler.js:1 syntax error', help: 'correct it' })
    return this.add(text, request.reference)
  }

  async close(): Promise<void> {}
}

async function textOf({ source }: BuildRequest): Promise<string> {
  if (source.kind === 'inline') return JSON.stringify(source.files)
  return source.kind === 'file' ? readFile(source.path, 'latin1') : source.path
}
