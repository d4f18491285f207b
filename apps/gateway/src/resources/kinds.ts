import { apiVersionOf } from '@weft/api'
import { WeftError } from '@weft/core'
import type { TSchema } from 'typebox'

/** A kind as the Kubernetes-shaped paths serve it. */
export interface ServedKind {
  /** `''` for core. */
  readonly group: string
  /** All versions that are read, the preferred one first. */
  readonly versions: readonly string[]
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
  /** Has a status subresource. */
  readonly status: boolean
  /** Only read when it comes in: it is converted to `weft.dev` and kept as that. */
  readonly legacy: boolean
  readonly schema?: TSchema
}

/** Finds kinds by their place in a path. */
export class Kinds {
  readonly all: readonly ServedKind[]
  readonly #byPath = new Map<string, ServedKind>()

  constructor(all: readonly ServedKind[]) {
    this.all = all
    for (const kind of all) {
      for (const version of kind.versions) this.#byPath.set(`${kind.group}/${version}/${kind.plural}`, kind)
    }
  }

  /** @throws WeftError `UNKNOWN_KIND` */
  at(group: string, version: string, plural: string): ServedKind {
    const kind = this.#byPath.get(`${group}/${version}/${plural}`)
    if (kind === undefined) throw new WeftError('UNKNOWN_KIND', { apiVersion: apiVersionOf(group, version), kind: plural })
    return kind
  }

  /** The groups beside core, each with its versions. */
  groups(): ReadonlyMap<string, readonly string[]> {
    const groups = new Map<string, readonly string[]>()
    for (const { group, versions } of this.all) {
      if (group !== '') groups.set(group, [...new Set([...(groups.get(group) ?? []), ...versions])])
    }
    return groups
  }
}
