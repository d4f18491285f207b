import { Type, type TSchema } from 'typebox'

/** Keyword under which a schema lists fields that the format knows and Weft does not read yet: they are refused as such, not as unknown. */
export const UNSUPPORTED_FIELDS = 'x-weft-unsupported'
/** Keyword under which an enumeration lists values that the format knows and Weft does not read yet. */
export const UNSUPPORTED_VALUES = 'x-weft-unsupported-values'

/** Options of an object schema that refuses every field it does not name. */
export const closed = { additionalProperties: false } as const

/** Like {@link closed}, with the fields that are known and not supported yet. */
export function closedExcept(...unsupported: readonly string[]) {
  return { additionalProperties: false, [UNSUPPORTED_FIELDS]: unsupported } as const
}

/** A map from text to text; sizes are those of Kubernetes' label and annotation keys. */
export const stringMap = (description: string) => Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 65_536 }), { description })

/** A DNS-1123 label. */
export const dnsLabel = (description: string) => Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$', description })

/** A duration as Go writes it, or whole seconds. */
export const duration = (description: string) => Type.String({ pattern: '^(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+$|^\\d+$', maxLength: 32, description })

/** A duration as Istio writes it: always with a unit. */
export const istioDuration = (description: string) => Type.String({ pattern: '^(\\d+(\\.\\d+)?(us|ms|s|m|h))+$', maxLength: 32, description })

/** A list that, where it stands, has something in it. */
export const nonEmpty = <T extends TSchema>(items: T, options: { readonly maxItems: number; readonly description?: string }) =>
  Type.Array(items, { minItems: 1, ...options })

/** A port number. */
export const port = (description: string) => Type.Integer({ minimum: 1, maximum: 65_535, description })
