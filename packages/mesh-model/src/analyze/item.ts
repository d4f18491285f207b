import { canonicalNamespace, groupOf, type Resource, type ResourceRef } from '@weft/core'
import { field } from '../read/base.ts'
import { ANALYSIS_CODES, type AnalysisCodeName, type AnalysisSeverity } from './codes.ts'

/** One thing that the analyzer found. */
export interface AnalysisFinding {
  readonly code: AnalysisCodeName
  readonly name: string
  readonly severity: AnalysisSeverity
  readonly resource: ResourceRef
  /** Which of the documents given it is about, from 0. */
  readonly document: number
  /** Path such as `spec.http[0].route[1].destination.subset`; `''` for the whole. */
  readonly field: string
  readonly message: string
  readonly help: string
}

/** A document that is analysed. */
export interface Item {
  readonly resource: Resource
  readonly document: number
  readonly ref: ResourceRef
  readonly namespace: string
  readonly name: string
  readonly spec: unknown
}

/** Takes a finding. */
export type Report = (code: AnalysisCodeName, item: Item, field: string, message: string) => void

/** Makes an item of a resource. */
export function itemOf(resource: Resource, document: number): Item {
  const { name } = resource.metadata
  const namespace = canonicalNamespace(resource.metadata.namespace)
  return { resource, document, namespace, name, ref: { group: groupOf(resource.apiVersion), kind: resource.kind, namespace, name }, spec: resource.spec }
}

/** A finding about an item. */
export function findingOf(code: AnalysisCodeName, item: Pick<Item, 'ref' | 'document'>, path: string, message: string): AnalysisFinding {
  const { name, severity, help } = ANALYSIS_CODES[code]
  return { code, name, severity, resource: item.ref, document: item.document, field: path, message, help }
}

/** The value at a path of keys, whatever stands there. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => field(inner, name), value)
}

/** The entries of a list with their paths; nothing when it is none. */
export function each(value: unknown, path: string): readonly (readonly [value: unknown, path: string])[] {
  return Array.isArray(value) ? value.map((entry: unknown, index) => [entry, `${path}[${index}]`] as const) : []
}

/** The texts of a list, with their paths. */
export function texts(value: unknown, path: string): readonly (readonly [text: string, path: string])[] {
  return each(value, path).flatMap(([entry, place]) => (typeof entry === 'string' ? [[entry, place] as const] : []))
}

/** Namespace and name of a Gateway as a VirtualService of `own` writes it. */
export function gatewayNamed(written: string, own: string): readonly [namespace: string, name: string] {
  const slash = written.indexOf('/')
  return slash < 0 ? [own, written] : [canonicalNamespace(written.slice(0, slash)), written.slice(slash + 1)]
}

/** A text, or `undefined`. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A map of texts; empty when it is none. */
export function textMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return Object.fromEntries(Object.entries(value).flatMap(([key, entry]) => (typeof entry === 'string' ? [[key, entry]] : [])))
}
