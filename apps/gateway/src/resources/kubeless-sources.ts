import { createHash } from 'node:crypto'
import type { FunctionResource, SourceToBuild } from '@weft/api'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { WeftError, type Resource } from '@weft/core'
import type { Uploads } from '../builds/uploads.ts'

/** Builds the source that a Function of Kubeless carries in its spec. */
export class KubelessSources {
  readonly #builder: SourceBuilder
  readonly #uploads: Uploads

  constructor(builder: SourceBuilder, uploads: Uploads) {
    this.#builder = builder
    this.#uploads = uploads
  }

  /** The resource with the artifact that its source makes. @throws WeftError `INVALID_VALUE`, and what the builder throws */
  async built(resource: Resource, source: SourceToBuild): Promise<Resource> {
    const fn = resource as FunctionResource
    const { digest } = await this.#build(fn.metadata.name, source)
    return { ...fn, spec: { ...fn.spec, template: { ...fn.spec.template, artifact: digest } } }
  }

  async #build(name: string, source: SourceToBuild): Promise<ArtifactManifest> {
    const { content, form } = source
    // An address is not fetched from here: it would let a client have the platform call whom it likes.
    if (form === 'url')
      throw invalid('function-content-type', 'an address is not fetched by the platform: download it and send the content, or use weft deploy --from-file URL')
    const bytes = Buffer.from(content, form === 'base64' ? 'base64' : 'utf8')
    assertChecksum(bytes, source.checksum)
    const request = {
      name,
      runtime: source.runtime,
      handler: source.handler,
      ...(source.dependencies === undefined ? {} : { dependencies: source.dependencies }),
    }
    return this.#buildFile(request, bytes, fileName(source))
  }

  async #buildFile(request: Omit<BuildRequest, 'source'>, bytes: Uint8Array, file: string): Promise<ArtifactManifest> {
    const upload = await this.#uploads.keep(bytes, file)
    try {
      return await this.#builder.build({ ...request, source: { kind: 'file', path: upload.path, name: upload.name } })
    } finally {
      await upload.remove()
    }
  }
}

/** Kubeless names the file after the first part of the handler; archives are told by their ending. */
function fileName({ archive, handler, runtime }: SourceToBuild): string {
  if (archive !== undefined) return archive === 'zip' ? 'source.zip' : 'source.tar.gz'
  const [module = 'handler'] = handler.split('.')
  const isNode = runtime.startsWith('node')
  return `${/^[A-Za-z0-9_][-A-Za-z0-9_]*$/.test(module) ? module : 'handler'}${isNode ? '.js' : ''}`
}

function assertChecksum(bytes: Uint8Array, checksum: string | undefined): void {
  if (checksum === undefined) return
  const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  if (actual !== checksum) throw invalid('spec.checksum', `it is ${checksum}, the content has ${actual}`)
}

function invalid(field: string, reason: string): WeftError {
  return new WeftError('INVALID_VALUE', { field, reason })
}
