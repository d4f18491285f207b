import { parseResource, SCALED_AT_ANNOTATION, type FunctionResource, type RevisionResource } from '@weft/api'
import { WeftError, type NamespacedName, type ResourceRef } from '@weft/core'
import type { Provider, Usage } from '@weft/provider'
import type { Store } from '@weft/store'
import type { Resources } from '../resources/resources.ts'
import { functionOf, templateOf } from './convert.ts'
import type { FunctionDeployment } from './deployment.ts'
import { digestOf, type SourceOptions } from './sources.ts'

/** Collaborators of {@link Functions}. */
export interface FunctionsOptions extends SourceOptions {
  readonly resources: Resources
  readonly store: Store
  readonly provider: Provider
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What a deploy did. */
export interface Deployed {
  readonly resource: FunctionResource
  /** For people: what to do when the new revision gets no calls, as a split is pinned. */
  readonly notice?: string
}

/** What can be done with functions, in the words of OpenFaaS; every write goes through {@link Resources}. */
export class Functions {
  readonly #options: FunctionsOptions

  constructor(options: FunctionsOptions) {
    this.#options = options
  }

  /** Makes a function. @throws WeftError `ALREADY_EXISTS`, `IMAGE_NOT_FOUND`, `SECRET_MISSING`, `INVALID_…` */
  async create(ref: NamespacedName, deployment: FunctionDeployment): Promise<Deployed> {
    if ((await this.#options.store.get(functionRef(ref))) !== undefined) throw new WeftError('ALREADY_EXISTS', { kind: 'function', name: ref.name })
    await this.#assertSecrets(ref, deployment)
    const template = templateOf(deployment, await digestOf(deployment, this.#options))
    const resource = parseResource(functionOf(ref, deployment, template))
    return { resource: (await this.#options.resources.create(resource)) as FunctionResource }
  }

  /** Gives a function another template; its scale, split and matches stay. @throws WeftError `NOT_FOUND`, and those of {@link Functions.create} */
  async update(ref: NamespacedName, deployment: FunctionDeployment): Promise<Deployed> {
    await this.describe(ref)
    await this.#assertSecrets(ref, deployment)
    const template = templateOf(deployment, await digestOf(deployment, this.#options))
    const changed = await this.#options.resources.change(functionRef(ref), (current) =>
      parseResource(functionOf(ref, deployment, template, current as FunctionResource)),
    )
    const resource = changed as FunctionResource
    const notice = pinnedNotice(resource)
    return { resource, ...(notice === undefined ? {} : { notice }) }
  }

  /** @throws WeftError `NOT_FOUND` */
  async describe(ref: NamespacedName): Promise<FunctionResource> {
    const found = await this.#options.store.get(functionRef(ref))
    if (found === undefined) throw new WeftError('NOT_FOUND', { kind: 'function', name: ref.name })
    return found as FunctionResource
  }

  /** The functions of a namespace. */
  async list(namespace: string): Promise<readonly FunctionResource[]> {
    const { items } = await this.#options.resources.list({ group: 'weft.dev', kind: 'Function', namespace })
    return items as readonly FunctionResource[]
  }

  /** Sets the number of replicas. @throws WeftError `NOT_FOUND` */
  async scale(ref: NamespacedName, replicas: number): Promise<FunctionResource> {
    await this.describe(ref)
    const changed = await this.#options.resources.change(functionRef(ref), (current) => {
      const fn = current as FunctionResource
      const annotations = { ...fn.metadata.annotations, [SCALED_AT_ANNOTATION]: new Date(this.#options.now()).toISOString() }
      return parseResource({ ...fn, metadata: { ...fn.metadata, annotations }, spec: { ...fn.spec, scale: { ...fn.spec.scale, replicas } } })
    })
    return changed as FunctionResource
  }

  /** Removes a function with its revisions. @throws WeftError `NOT_FOUND` */
  async remove(ref: NamespacedName): Promise<void> {
    await this.describe(ref)
    await this.#options.resources.remove(functionRef(ref))
  }

  /** What all replicas of a function use together. */
  async usage(ref: NamespacedName): Promise<Usage> {
    const { items } = await this.#options.resources.list({ group: 'weft.dev', kind: 'Revision', namespace: ref.namespace })
    const own = (items as readonly RevisionResource[]).filter((revision) => revision.spec.function === ref.name)
    const workloads = own.map((revision) => ({ namespace: ref.namespace, name: revision.metadata.name }))
    const live = workloads.filter((workload) => this.#options.provider.list(workload).length > 0)
    const usages = await Promise.all(live.map((workload) => this.#options.provider.usage(workload)))
    return usages.reduce((sum, one) => ({ memoryBytes: sum.memoryBytes + one.memoryBytes, cpuMillis: sum.cpuMillis + one.cpuMillis }), {
      memoryBytes: 0,
      cpuMillis: 0,
    })
  }

  async #assertSecrets(ref: NamespacedName, deployment: FunctionDeployment): Promise<void> {
    for (const name of deployment.secrets ?? []) {
      const found = await this.#options.store.get({ group: '', kind: 'Secret', namespace: ref.namespace, name })
      if (found === undefined) throw new WeftError('SECRET_MISSING', { name, namespace: ref.namespace })
    }
  }
}

/** The reference of a Function. */
export function functionRef(ref: NamespacedName): ResourceRef {
  return { group: 'weft.dev', kind: 'Function', namespace: ref.namespace, name: ref.name }
}

/** What to tell who deploys while a split is pinned: the deploy changed nothing about it. */
export function pinnedNotice(fn: FunctionResource): string | undefined {
  const { traffic = [] } = fn.spec
  if (traffic.length === 0 || traffic.some((target) => target.revision === undefined)) return undefined
  const split = traffic.map((target) => `${target.revision ?? 'latest'}=${target.weight}`).join(' ')
  const { name } = fn.metadata
  return `the traffic of ${name} is pinned (${split}) and was not changed; send calls to the new revision with: weft traffic set ${name} REVISION=100`
}
