import { parseResource, readResource } from '@weft/api'
import { isWeftError, refOf, WeftError, type Resource } from '@weft/core'
import { isObject, parseJsonBody } from '../http/json.ts'
import { parseYamlBody } from '../http/server.ts'
import { applied, DEFAULT_MANAGER } from './apply.ts'
import { jsonPatch, mergePatch } from './patch.ts'
import type { KubelessSources } from './kubeless-sources.ts'
import type { Resources, WriteOptions } from './resources.ts'
import { strategicMerge } from './strategic.ts'
import { bodyFor, refAt, underVersion, type Target } from './target.ts'

/** Content types of patches, and how each changes a document. `apply` is not here: it may create. */
const PATCHES: Readonly<Record<string, (target: unknown, patch: unknown) => unknown>> = {
  'application/merge-patch+json': mergePatch,
  'application/json-patch+json': jsonPatch,
  'application/strategic-merge-patch+json': strategicMerge,
}
/** Content type of an apply. */
export const APPLY_TYPE = 'application/apply-patch+yaml'
/** Every content type that PATCH takes. */
export const PATCH_TYPES: readonly string[] = [...Object.keys(PATCHES), APPLY_TYPE]

/** A body of PATCH, unread. */
export interface PatchBody {
  readonly contentType: string
  readonly text: string
  /** Who applies. */
  readonly manager?: string
}

/** What a write did. */
export interface Written {
  readonly resource: Resource
  readonly created: boolean
}

/** The writes of the Kubernetes-shaped paths: reads bodies, and writes by {@link Resources}. */
export class ResourceEditor {
  readonly #resources: Resources

  readonly #sources: KubelessSources

  constructor(resources: Resources, sources: KubelessSources) {
    this.#resources = resources
    this.#sources = sources
  }

  /** POST. @throws WeftError `INVALID_RESOURCE`, `ALREADY_EXISTS`, … */
  async create(target: Target, body: unknown, options: WriteOptions): Promise<Resource> {
    return this.#resources.create(await this.#read(bodyFor(target, body)), options)
  }

  /** PUT. @throws WeftError `INVALID_RESOURCE`, `NOT_FOUND`, `CONFLICT`, … */
  async replace(target: Target, name: string, body: unknown, options: WriteOptions): Promise<Resource> {
    return this.#resources.replace(await this.#read(bodyFor(target, body, refAt(target, name).name)), options)
  }

  /** PUT of the status. */
  async replaceStatus(target: Target, name: string, body: unknown, options: WriteOptions): Promise<Resource> {
    const ref = refAt(target, name)
    const given = bodyFor(target, body, ref.name)
    const current = await this.#resources.get(ref)
    return this.#resources.replaceStatus(withStatus(current, given), options)
  }

  /** PATCH. @throws WeftError `UNSUPPORTED_MEDIA_TYPE`, `MALFORMED_BODY`, `INVALID_…`, `NOT_FOUND`, `CONFLICT` */
  async patch(target: Target, name: string, body: PatchBody, options: WriteOptions): Promise<Written> {
    const type = body.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    if (type === APPLY_TYPE) return this.#apply(target, name, parseYamlBody(body.text), body.manager ?? DEFAULT_MANAGER, options)
    const change = patchOf(type, parseJsonBody(body.text))
    const ref = refAt(target, name)
    const resource = await this.#resources.change(ref, (current) => parseResource(bodyFor(target, change(underVersion(current, target)), ref.name)), options)
    return { resource, created: false }
  }

  /** PATCH of the status. */
  async patchStatus(target: Target, name: string, body: PatchBody, options: WriteOptions): Promise<Resource> {
    const type = body.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    const change = patchOf(type, parseJsonBody(body.text))
    const current = await this.#resources.get(refAt(target, name))
    return this.#resources.replaceStatus(withStatus(current, bodyFor(target, change(current), current.metadata.name)), options)
  }

  /** A checked resource; the source that a Function of Kubeless brings is built. */
  async #read(input: unknown): Promise<Resource> {
    const { resource, source } = readResource(input)
    return source === undefined ? resource : parseResource(await this.#sources.built(resource, source))
  }

  async #apply(target: Target, name: string, body: unknown, manager: string, options: WriteOptions): Promise<Written> {
    const given = bodyFor(target, body, refAt(target, name).name)
    const document = target.kind.legacy ? await this.#read(given) : canonical(given)
    const ref = refOf(document as Resource)
    try {
      return { resource: await this.#resources.change(ref, (live) => parseResource(merged(live, document, manager)), options), created: false }
    } catch (error) {
      if (!isWeftError(error, 'NOT_FOUND')) throw error
    }
    return { resource: await this.#resources.create(parseResource(applied(undefined, document, manager)), options), created: true }
  }
}

/** The text values of a Secret as its data, so that they are remembered under the name that they are kept by. */
function canonical(document: Record<string, unknown>): object {
  const { stringData, ...rest } = document
  if (document['kind'] !== 'Secret' || !isObject(stringData)) return document
  const data = isObject(rest['data']) ? rest['data'] : {}
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])
  return { ...rest, data: { ...data, ...Object.fromEntries(encoded) } }
}

/** An apply over what is there. The digest that an image had at the last apply is not kept: the image is looked up again. */
function merged(live: Resource, document: object, manager: string): object {
  const next = applied(live, document, manager)
  const given = templateIn(document)
  const template = templateIn(next)
  if (live.kind !== 'Function' || given?.['image'] === undefined || given['artifact'] !== undefined || template === undefined) return next
  const { artifact: _digest, ...rest } = template
  return { ...next, spec: { ...(next as { readonly spec: object }).spec, template: rest } }
}

function templateIn(document: object): Record<string, unknown> | undefined {
  const { spec } = document as { readonly spec?: unknown }
  const template = isObject(spec) ? spec['template'] : undefined
  return isObject(template) ? template : undefined
}

function patchOf(type: string, patch: unknown): (target: unknown) => unknown {
  const change = Object.hasOwn(PATCHES, type) ? PATCHES[type] : undefined
  if (change === undefined) throw new WeftError('UNSUPPORTED_MEDIA_TYPE', { type: type === '' ? 'none' : type, allowed: PATCH_TYPES.join(', ') })
  return (target) => change(target, patch)
}

function withStatus(current: Resource, given: Record<string, unknown>): Resource {
  const metadata = isObject(given['metadata']) ? given['metadata'] : {}
  const version = metadata['resourceVersion']
  return { ...current, status: given['status'], metadata: { ...current.metadata, ...(typeof version === 'string' ? { resourceVersion: version } : {}) } }
}
