import type { ObjectMeta } from '@weft/core'

/** A ServiceAccount of Kubernetes' core group: an identity. */
export interface ServiceAccountResource {
  readonly apiVersion: string
  readonly kind: 'ServiceAccount'
  readonly metadata: ObjectMeta
}
