import { readFileSync } from 'node:fs'
import { KINDS, UNSUPPORTED_FIELDS, UNSUPPORTED_VALUES, type KindDefinition } from '@weft/api'

/** Names of fields and what is below them; `[]` and `{}` stand for what is in a list or map. */
export interface FieldTree {
  readonly [name: string]: FieldTree
}

/** What becomes of one field of a kind. */
export interface FieldSupport {
  /** Such as `http[].match[].uri.exact`. */
  readonly path: string
  /** `unknown`: refused, and not by its name. */
  readonly support: 'read' | 'refused' | 'unknown'
  /** Values that are refused by name. */
  readonly refusedValues: readonly string[]
}

type Schema = Readonly<Record<string, unknown>>

const CRD_FIELDS = JSON.parse(readFileSync(new URL('crd-fields.json', import.meta.url), 'utf8')) as Readonly<Record<string, FieldTree>>

/** Kinds that Weft reads as they are written for others, with every field that those have. */
export function foreignKinds(): readonly { readonly kind: KindDefinition; readonly fields: readonly FieldSupport[] }[] {
  return KINDS.flatMap((kind) => {
    const tree = CRD_FIELDS[`${kind.group}/${kind.kind}`]
    const spec = propertiesOf(kind.schema as unknown as Schema)['spec']
    return tree === undefined || spec === undefined ? [] : [{ kind, fields: walk(tree, spec, '') }]
  })
}

/** A field that is refused is told once, and nothing of what is below it. */
function walk(tree: FieldTree, schema: Schema, path: string): readonly FieldSupport[] {
  return Object.entries(tree).flatMap(([name, below]): readonly FieldSupport[] => {
    const at = name === '[]' || name === '{}' ? `${path}${name}` : `${path}${path === '' ? '' : '.'}${name}`
    const inside = step(schema, name)
    if (inside.length === 0) return [{ path: at, support: isRefused(schema, name) ? 'refused' : 'unknown', refusedValues: [] }]
    const values = inside.flatMap((one) => (one[UNSUPPORTED_VALUES] as readonly string[] | undefined) ?? [])
    const whole: FieldSupport = { path: at, support: 'read', refusedValues: [...new Set(values)] }
    const parts = inside.flatMap((one) => walk(below, one, at))
    return isContainer(below) ? best(parts) : [whole, ...best(parts)]
  })
}

function isContainer(tree: FieldTree): boolean {
  return '[]' in tree || '{}' in tree
}

/** A field that one of several alternatives reads is read. */
function best(fields: readonly FieldSupport[]): readonly FieldSupport[] {
  const order = ['read', 'refused', 'unknown']
  const found = new Map<string, FieldSupport>()
  for (const field of fields) {
    const before = found.get(field.path)
    if (before === undefined || order.indexOf(field.support) < order.indexOf(before.support)) found.set(field.path, field)
  }
  return [...found.values()]
}

/** The schemas that a value below `name` may have. */
function step(schema: Schema, name: string): readonly Schema[] {
  return alternatives(schema).flatMap((one): readonly Schema[] => {
    if (name === '[]') return one['items'] === undefined ? [] : [one['items'] as Schema]
    if (name === '{}') return [...Object.values((one['patternProperties'] as Readonly<Record<string, Schema>> | undefined) ?? {}), ...additional(one)]
    const property = propertiesOf(one)[name]
    return property === undefined ? additional(one) : [property]
  })
}

function additional(schema: Schema): readonly Schema[] {
  const { additionalProperties } = schema
  return typeof additionalProperties === 'object' && additionalProperties !== null ? [additionalProperties as Schema] : []
}

function alternatives(schema: Schema): readonly Schema[] {
  const { anyOf } = schema
  return Array.isArray(anyOf) ? (anyOf as readonly Schema[]).flatMap(alternatives) : [schema]
}

function isRefused(schema: Schema, name: string): boolean {
  return alternatives(schema).some((one) => (one[UNSUPPORTED_FIELDS] as readonly string[] | undefined)?.includes(name) ?? false)
}

function propertiesOf(schema: Schema): Readonly<Record<string, Schema>> {
  return (schema['properties'] as Readonly<Record<string, Schema>> | undefined) ?? {}
}
