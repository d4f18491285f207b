import { apiVersionOf } from '@weft/api'
import { canonicalNamespace, groupOf, isDnsLabel, WeftError, type Resource, type ResourceRef } from '@weft/core'
import { isObject } from '../http/json.ts'
import type { Kinds, ServedKind } from './kinds.ts'

/** Parts of a Kubernetes-shaped path. */
export interface PathParams {
  readonly group?: string
  readonly version: string
  readonly namespace?: string
  readonly plural: string
  readonly name?: string
}

/** What a path points at. */
export interface Target {
  readonly kind: ServedKind
  /** As asked for. */
  readonly apiVersion: string
  /** Absent: all namespaces, or a kind without. */
  readonly namespace?: string
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Finds what a path points at. @throws WeftError `UNKNOWN_KIND`, `INVALID_NAME` */
export function targetOf(kinds: Kinds, params: PathParams): Target {
  const group = params.group ?? ''
  const kind = kinds.at(group, params.version, params.plural)
  const apiVersion = apiVersionOf(group, params.version)
  if (params.namespace === undefined) return { kind, apiVersion }
  if (!kind.namespaced) throw new WeftError('UNKNOWN_KIND', { apiVersion, kind: `${params.plural} in a namespace` })
  const namespace = canonicalNamespace(params.namespace)
  if (!isDnsLabel(namespace)) throw new WeftError('INVALID_NAME', { what: 'namespace', value: namespace })
  return { kind, apiVersion, namespace }
}

/** The reference of a named target. @throws WeftError `INVALID_NAME`, `INVALID_VALUE` when the path lacks the namespace */
export function refAt({ kind, namespace }: Target, name: string): ResourceRef {
  const known = kind.kind === 'Namespace' ? canonicalNamespace(name) : name
  if (known.length > 253 || !SUBDOMAIN.test(known)) throw new WeftError('INVALID_NAME', { what: 'name', value: name })
  if (kind.namespaced && namespace === undefined)
    throw new WeftError('INVALID_VALUE', { field: 'path', reason: `a ${kind.kind} is in a namespace: /namespaces/NAMESPACE/${kind.plural}/NAME` })
  return { group: kind.group, kind: kind.kind, name: known, ...(namespace === undefined ? {} : { namespace }) }
}

/**
 * Fills in what the path says and a body left out; refuses a body that says something else.
 * @throws WeftError `MALFORMED_BODY`, `INVALID_VALUE`
 */
export function bodyFor(target: Target, body: unknown, name?: string): Record<string, unknown> {
  if (!isObject(body)) throw new WeftError('MALFORMED_BODY', { reason: 'it is not an object' })
  const metadata = isObject(body['metadata']) ? body['metadata'] : {}
  const given = { apiVersion: body['apiVersion'] ?? target.apiVersion, kind: body['kind'] ?? target.kind.kind }
  same('kind', given.kind, target.kind.kind)
  if (typeof given.apiVersion !== 'string' || groupOf(given.apiVersion) !== target.kind.group) same('apiVersion', given.apiVersion, target.apiVersion)
  const named = metadata['name'] ?? name
  if (name !== undefined) same('metadata.name', named, name)
  const inNamespace = typeof metadata['namespace'] === 'string' ? canonicalNamespace(metadata['namespace']) : target.namespace
  if (target.namespace !== undefined) same('metadata.namespace', inNamespace, target.namespace)
  return {
    ...body,
    ...given,
    metadata: { ...metadata, ...(named === undefined ? {} : { name: named }), ...(inNamespace === undefined ? {} : { namespace: inNamespace }) },
  }
}

function same(field: string, given: unknown, expected: string): void {
  if (given !== expected) throw new WeftError('INVALID_VALUE', { field, reason: `the body says ${JSON.stringify(given)}, the path says "${expected}"` })
}

/** A resource under the version that was asked for: all versions of a group are one thing. */
export function underVersion(resource: Resource, target: Target): Resource {
  return { ...resource, apiVersion: target.apiVersion }
}
