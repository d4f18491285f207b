import type { ObjectMeta } from '@weft/core'

/** A Namespace of Kubernetes' core group: a name with labels and annotations. */
export interface NamespaceResource {
  readonly apiVersion: string
  readonly kind: 'Namespace'
  readonly metadata: ObjectMeta
}
