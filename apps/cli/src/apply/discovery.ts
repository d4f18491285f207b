import { WeftError } from '@weft/core'
import type { GatewayClient } from '../client/gateway-client.ts'

/** One kind, as the gateway's discovery documents have it. */
export interface DiscoveredKind {
  /** `weft.dev/v1alpha1`, or `v1` for core. */
  readonly groupVersion: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string
    readonly singularName?: string
    readonly kind: string
    readonly shortNames?: readonly string[]
    readonly namespaced: boolean
  }[]
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion?: { readonly groupVersion: string }; readonly versions: readonly { readonly groupVersion: string }[] }[]
}

/** What kinds a gateway has, asked as kubectl asks; each document once. */
export class Discovery {
  readonly #client: GatewayClient
  readonly #versions = new Map<string, Promise<readonly DiscoveredKind[]>>()

  constructor(client: GatewayClient) {
    this.#client = client
  }

  /** The kind of a manifest. @throws WeftError `UNKNOWN_KIND` */
  async ofManifest(apiVersion: string, kind: string): Promise<DiscoveredKind> {
    const kinds = await this.#version(apiVersion).catch(() => [])
    const found = kinds.find((each) => each.kind === kind)
    if (found === undefined) throw new WeftError('UNKNOWN_KIND', { apiVersion, kind })
    return found
  }

  /** The kind that a word means: kind, plural, singular or short name, optionally with `.GROUP`. @throws WeftError `INVALID_VALUE` */
  async ofWord(word: string): Promise<DiscoveredKind> {
    const [name = '', ...groupParts] = word.toLowerCase().split('.')
    const group = groupParts.join('.')
    for (const groupVersion of await this.#preferredVersions()) {
      if (group !== '' && groupVersion.split('/')[0] !== group) continue
      const found = (await this.#version(groupVersion)).find((each) => [each.plural, each.singular, each.kind.toLowerCase(), ...each.shortNames].includes(name))
      if (found !== undefined) return found
    }
    throw new WeftError('INVALID_VALUE', { field: 'kind', reason: `the gateway has no kind "${word}"; the kinds are in docs/guide/api.md` })
  }

  /** Every kind whose resources are in namespaces. */
  async namespaced(): Promise<readonly DiscoveredKind[]> {
    const kinds = await Promise.all((await this.#preferredVersions()).map((version) => this.#version(version)))
    return kinds.flat().filter((kind) => kind.namespaced)
  }

  async #preferredVersions(): Promise<readonly string[]> {
    const { groups } = await this.#client.json<GroupList>({ method: 'GET', path: '/apis' })
    const versions = groups.map((group) => group.preferredVersion?.groupVersion ?? group.versions[0]?.groupVersion ?? '')
    return ['weft.dev/v1alpha1', 'v1', ...versions.filter((version) => version !== '' && version !== 'weft.dev/v1alpha1')]
  }

  #version(groupVersion: string): Promise<readonly DiscoveredKind[]> {
    const known = this.#versions.get(groupVersion)
    if (known !== undefined) return known
    const asked = this.#client.json<ResourceList>({ method: 'GET', path: basePath(groupVersion) }).then(({ resources }) =>
      resources
        .filter((resource) => !resource.name.includes('/'))
        .map((resource) => ({
          groupVersion,
          kind: resource.kind,
          plural: resource.name,
          singular: resource.singularName ?? resource.kind.toLowerCase(),
          shortNames: resource.shortNames ?? [],
          namespaced: resource.namespaced,
        })),
    )
    this.#versions.set(groupVersion, asked)
    return asked
  }
}

function basePath(groupVersion: string): string {
  return groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`
}

/** Path of all resources of a kind, in a namespace or everywhere; names are encoded. */
export function collectionPath(kind: DiscoveredKind, namespace: string | undefined): string {
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${basePath(kind.groupVersion)}${scope}/${kind.plural}`
}

/** Path of one resource. */
export function resourcePath(kind: DiscoveredKind, namespace: string, name: string): string {
  return `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`
}
