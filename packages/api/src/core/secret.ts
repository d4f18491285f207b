import type { ObjectMeta } from '@weft/core'
import { Type } from 'typebox'
import { closed } from '../pieces.ts'

/** Name of a file of a Secret: as Kubernetes has it, and never `.` or something that starts with `..`. */
export const SECRET_KEY_PATTERN = '^(?!\\.$)(?!\\.\\.)[-._a-zA-Z0-9]{1,253}$'
const key = Type.String({ pattern: SECRET_KEY_PATTERN })
/** Longest content of one Secret in bytes, as Kubernetes has it. */
export const MAX_SECRET_BYTES = 1_048_576

/** The parts of a Secret, which has no spec. */
export const SecretParts = {
  type: Type.Optional(Type.String({ maxLength: 253, description: 'kind of content; default Opaque' })),
  data: Type.Optional(
    Type.Record(key, Type.String({ pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' }), {
      ...closed,
      maxProperties: 1024,
      description: 'file name → base64',
    }),
  ),
  stringData: Type.Optional(
    Type.Record(key, Type.String(), { ...closed, maxProperties: 1024, description: 'file name → text; written into data, over what is there' }),
  ),
} as const

/** A Secret of Kubernetes' core group, in canonical form: `stringData` was merged into `data`. */
export interface SecretResource {
  readonly apiVersion: string
  readonly kind: 'Secret'
  readonly metadata: ObjectMeta
  readonly type: string
  /** File name → base64. */
  readonly data: Readonly<Record<string, string>>
}
