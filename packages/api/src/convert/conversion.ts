/** What became of documents in kinds that were removed. */
export interface Conversion {
  /** Resources of today, in the order of what they came from; what needed no change is as it was. */
  readonly documents: readonly unknown[]
  /** What has no equivalent, or not the same meaning. */
  readonly problems: readonly ConversionProblem[]
}

/** Something that a person has to look at. */
export interface ConversionProblem {
  /** `KIND NAMESPACE/NAME`. */
  readonly resource: string
  /** `error`: not converted; `note`: converted, and to be checked. */
  readonly severity: 'error' | 'note'
  readonly message: string
}

/** A document of a removed kind. */
export interface OldResource {
  readonly group: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly spec: Fields
}

/** An object whose fields are not checked. */
export type Fields = Readonly<Record<string, unknown>>

/** An object of a document; nothing for anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

/** A list of a document; nothing for anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A text of a document. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The texts of a list. */
export function textsOf(value: unknown): readonly string[] {
  return listOf(value).flatMap((one) => textOf(one) ?? [])
}

/** Without the fields that are not there, and `undefined` when none is. */
export function present(fields: Fields): Fields | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** Collects what is made and what is to be said. */
export class Outcome {
  readonly documents: unknown[] = []
  readonly problems: ConversionProblem[] = []

  add(apiVersion: string, kind: string, metadata: { readonly name: string; readonly namespace: string }, spec: Fields): void {
    this.documents.push({ apiVersion, kind, metadata, spec })
  }

  fail({ kind, namespace, name }: OldResource, message: string): void {
    this.problems.push({ resource: `${kind} ${namespace}/${name}`, severity: 'error', message })
  }

  note({ kind, namespace, name }: OldResource, message: string): void {
    this.problems.push({ resource: `${kind} ${namespace}/${name}`, severity: 'note', message })
  }
}

/** API versions that conversions write. */
export const NETWORKING_V1 = 'networking.istio.io/v1'
export const SECURITY_V1 = 'security.istio.io/v1'

/** The label by which a resource of today selects a function. */
export const FUNCTION_LABEL = 'weft.dev/function'
