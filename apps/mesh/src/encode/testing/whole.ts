import { createEncoder } from '../encoder.ts'
import { TYPE_URLS } from '../names.ts'
import type { EncodeInput, EnvoyResource, ResourceChanges, Touched } from '../types.ts'

/** Resources of one type by name. */
export type ResourceMap = ReadonlyMap<string, EnvoyResource>

/** The whole configuration of one node. What says the same as the last time is the same object. */
export interface EncodedNode {
  readonly listeners: ResourceMap
  readonly clusters: ResourceMap
  readonly endpoints: ResourceMap
  readonly routes: ResourceMap
  readonly scopedRoutes: ResourceMap
  readonly virtualHosts: ResourceMap
  readonly extensions: ResourceMap
  readonly secrets: ReadonlySet<string>
  /** Secrets that come from resources and files. */
  readonly credentials: ResourceMap
}

/** An encoder of which the changes are put together again. */
export class WholeEncoder {
  readonly #encoder = createEncoder()
  readonly #maps = new Map<string, Map<string, EnvoyResource>>()
  readonly #secrets = new Set<string>()

  encode(input: EncodeInput, touched?: Touched): EncodedNode {
    this.#take(this.#encoder.update(input, touched))
    const of = (typeUrl: string): ResourceMap => new Map(this.#maps.get(typeUrl))
    return {
      listeners: of(TYPE_URLS.listener),
      clusters: of(TYPE_URLS.cluster),
      endpoints: of(TYPE_URLS.endpoints),
      routes: of(TYPE_URLS.route),
      scopedRoutes: of(TYPE_URLS.scopedRoute),
      virtualHosts: of(TYPE_URLS.virtualHost),
      extensions: of(TYPE_URLS.extension),
      secrets: new Set(this.#secrets),
      credentials: of(TYPE_URLS.secret),
    }
  }

  #take({ set, removed, secretsAdded, secretsRemoved, failures }: ResourceChanges): void {
    const [failure] = failures
    if (failure !== undefined) throw new Error(`${failure.what}: ${failure.reason}`)
    for (const { typeUrl, name } of removed) this.#maps.get(typeUrl)?.delete(name)
    for (const each of set) {
      const map = this.#maps.get(each.typeUrl) ?? new Map<string, EnvoyResource>()
      this.#maps.set(each.typeUrl, map)
      if (JSON.stringify(map.get(each.name)?.json) !== JSON.stringify(each.json)) map.set(each.name, each)
    }
    for (const name of secretsRemoved) this.#secrets.delete(name)
    for (const name of secretsAdded) this.#secrets.add(name)
  }
}
