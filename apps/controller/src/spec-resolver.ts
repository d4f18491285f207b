import type { ArtifactManifest, ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { PROTOCOL_ANNOTATION, type FunctionResource, type FunctionTemplate, type RevisionResource } from '@weft/api'
import { OPENFAAS_NAMESPACE_ALIAS, WeftError, type Resource } from '@weft/core'
import type { WorkloadSpec } from '@weft/provider'
import type { Store } from '@weft/store'
import { workloadSpec } from './workload-spec.ts'

/** Collaborators of {@link SpecResolver}. */
export interface SpecResolverOptions {
  readonly store: Store
  readonly artifacts: ArtifactStore
  readonly images: ImageResolver
}

/** Looks up all that a function's template only names: image, artifact, secrets, service account. */
export class SpecResolver {
  readonly #options: SpecResolverOptions

  constructor(options: SpecResolverOptions) {
    this.#options = options
  }

  /**
   * The template with its image resolved to a digest, so that a revision stays what it was when somebody moves the image.
   * @throws WeftError of fault `user` when something that it names is not there
   */
  async resolveTemplate(fn: FunctionResource): Promise<FunctionTemplate> {
    const { template } = fn.spec
    await this.#checkServiceAccount(fn)
    if (template.artifact !== undefined) return spoken(template, await this.#options.artifacts.get(template.artifact))
    if (template.image !== undefined) {
      const manifest = await this.#options.images.resolveImage(template.image, fn.metadata.name)
      return spoken({ ...template, artifact: manifest.digest }, manifest)
    }
    throw new WeftError('INVALID_VALUE', { field: 'spec.template', reason: 'it names neither an image nor an artifact, so there is nothing to run' })
  }

  /** Everything a provider needs for a revision. @throws WeftError when an artifact or secret is missing */
  async workloadSpec(revision: RevisionResource): Promise<WorkloadSpec> {
    const manifest = await this.#manifest(revision)
    const artifactDirectory = manifest.fileCount > 0 ? await this.#options.artifacts.open(manifest.digest) : undefined
    const namespaces = await this.#options.store.list({ group: '', kind: 'Namespace' })
    return workloadSpec(revision, {
      manifest,
      artifactDirectory,
      secrets: await this.#secrets(revision),
      namespaces: [...namespaces.items.map((item) => item.metadata.name), OPENFAAS_NAMESPACE_ALIAS],
    })
  }

  async #manifest(revision: RevisionResource): Promise<ArtifactManifest> {
    const digest = revision.spec.template.artifact ?? ''
    const manifest = await this.#options.artifacts.get(digest)
    if (manifest === undefined) throw new WeftError('NOT_FOUND', { kind: 'artifact', name: digest })
    return manifest
  }

  async #secrets(revision: RevisionResource): Promise<WorkloadSpec['secrets']> {
    const namespace = revision.metadata.namespace ?? 'default'
    const names = revision.spec.template.secrets ?? []
    const found = await Promise.all(names.map(async (name) => [name, await this.#secret(namespace, name)] as const))
    return Object.fromEntries(found)
  }

  async #secret(namespace: string, name: string): Promise<Readonly<Record<string, Uint8Array>>> {
    const secret = await this.#options.store.get({ group: '', kind: 'Secret', namespace, name })
    if (secret === undefined) throw new WeftError('NOT_FOUND', { kind: 'secret', name: `${namespace}/${name}` })
    const { data } = secret as Resource & { readonly data?: Readonly<Record<string, string>> }
    return Object.fromEntries(Object.entries(data ?? {}).map(([file, text]) => [file, Buffer.from(text, 'base64')]))
  }

  /** A function has the account of its own name; another's must name it in `weft.dev/granted-to`. */
  async #checkServiceAccount(fn: FunctionResource): Promise<void> {
    const account = fn.spec.template.serviceAccount
    if (account === undefined || account === fn.metadata.name) return
    const namespace = fn.metadata.namespace ?? 'default'
    const found = await this.#options.store.get({ group: '', kind: 'ServiceAccount', namespace, name: account })
    const granted = (found?.metadata.annotations?.[GRANT_ANNOTATION] ?? '').split(',').map((name) => name.trim())
    if (!granted.includes(fn.metadata.name)) {
      const reason = `the service account ${account} is not granted to ${fn.metadata.name}: its annotation ${GRANT_ANNOTATION} must name the function`
      throw new WeftError('INVALID_VALUE', { field: 'spec.template.serviceAccount', reason })
    }
  }
}

/** The template with what its artifact is known to speak, where it does not say so itself: who deploys an image does not name its runtime again. */
function spoken(template: FunctionTemplate, manifest: ArtifactManifest | undefined): FunctionTemplate {
  const says = template.protocol !== undefined || template.annotations?.[PROTOCOL_ANNOTATION] !== undefined || template.contract !== undefined
  return !says && manifest?.run.contract === 'grpc' ? { ...template, protocol: 'grpc' } : template
}

/** Annotation of a ServiceAccount: names of the functions that may use it, separated by commas. */
export const GRANT_ANNOTATION = 'weft.dev/granted-to'
