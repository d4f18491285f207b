import { apiVersionOf } from '@weft/api'
import type { Kinds, ServedKind } from './kinds.ts'

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

/** `GET /api`. */
export function apiVersions() {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
}

/** `GET /apis`. */
export function apiGroupList(kinds: Kinds) {
  const groups = [...kinds.groups()].map(([group, versions]) => apiGroup(group, versions))
  return { kind: 'APIGroupList', apiVersion: 'v1', groups }
}

/** `GET /apis/GROUP`. */
export function apiGroup(group: string, versions: readonly string[]) {
  const entries = versions.map((version) => ({ groupVersion: apiVersionOf(group, version), version }))
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions: entries, preferredVersion: entries[0] }
}

/** `GET /api/v1` and `GET /apis/GROUP/VERSION`; `undefined` when there is no such version. */
export function apiResourceList(kinds: Kinds, group: string, version: string) {
  const served = kinds.all.filter((kind) => kind.group === group && kind.versions.includes(version))
  if (served.length === 0) return undefined
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(group, version), resources: served.flatMap(apiResources) }
}

function apiResources(kind: ServedKind) {
  const common = { namespaced: kind.namespaced, kind: kind.kind }
  const main = {
    name: kind.plural,
    singularName: kind.singular,
    ...common,
    verbs: kind.legacy ? ['create'] : VERBS,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.group === 'weft.dev' ? { categories: ['all', 'weft'] } : {}),
  }
  return kind.status && !kind.legacy ? [main, { name: `${kind.plural}/status`, singularName: '', ...common, verbs: ['get', 'patch', 'update'] }] : [main]
}
