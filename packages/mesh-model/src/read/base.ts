import { canonicalNamespace, groupOf, type Resource, type ResourceRef } from '@weft/core'
import type { ResourceFinding } from '../snapshot.ts'
import type { Checked } from './check.ts'
import { failure } from './finding.ts'
import type { Model, Selector } from './models.ts'

/** The parts of a model that come from the metadata. */
export function baseOf(resource: Resource, findings: readonly ResourceFinding[] = []): Model {
  const namespace = canonicalNamespace(resource.metadata.namespace)
  const { name } = resource.metadata
  const ref: ResourceRef = { group: groupOf(resource.apiVersion), kind: resource.kind, namespace, name }
  const created = Date.parse(resource.metadata.creationTimestamp ?? '')
  return { ref, key: `${namespace}/${name}`, namespace, name, created: Number.isNaN(created) ? Number.POSITIVE_INFINITY : created, findings }
}

/** The findings about a spec that did not fit its schema. */
export function refusals(ref: ResourceRef, checked: Extract<Checked<unknown>, { ok: false }>): readonly ResourceFinding[] {
  return [
    ...checked.unsupported.map((path) => failure(ref, 'FieldNotSupported', `${path} is not supported yet`)),
    ...(checked.invalid.length === 0 ? [] : [failure(ref, 'InvalidResource', checked.invalid.join('; '))]),
  ]
}

/** A map of labels as a sorted selector. */
export function selectorOf(labels: unknown): Selector {
  if (typeof labels !== 'object' || labels === null) return []
  return Object.entries(labels)
    .map(([key, value]): readonly [string, string] => [key, String(value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** The selector of a policy that may be malformed. What cannot be read of it does not narrow it: better too much is denied than too little. */
export function policySelector(spec: unknown): Selector {
  const selector = field(spec, 'selector')
  return selectorOf(field(selector, 'matchLabels'))
}

/** A field of something that may be no object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

/** Older first; of the same age, by key: the order in which Istio gives precedence. Of the same key, by kind, so that the order in which they came means nothing. */
export function byAge(a: Model, b: Model): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1
  return compareText(a.key, b.key) || compareText(a.ref.kind, b.ref.kind)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

const ISTIO_VERSIONS = new Set(['v1', 'v1beta1', 'v1alpha3'])

/** Why an Istio resource of this version cannot be read. */
export function versionProblem(resource: Resource): string | undefined {
  const version = resource.apiVersion.slice(resource.apiVersion.indexOf('/') + 1)
  return ISTIO_VERSIONS.has(version) ? undefined : `apiVersion ${resource.apiVersion} is not one of v1, v1beta1, v1alpha3`
}
