import { Type } from 'typebox'
import { closed, closedExcept } from './pieces.ts'

const text = (maxLength: number) => Type.String({ maxLength })

const OwnerReferenceSchema = Type.Object(
  {
    apiVersion: text(317),
    kind: text(63),
    name: text(253),
    uid: Type.Optional(text(128)),
    controller: Type.Optional(Type.Boolean()),
    blockOwnerDeletion: Type.Optional(Type.Boolean()),
  },
  closed,
)

/** Metadata as clients write it. What only Kubernetes keeps there (`managedFields`, `selfLink`) is taken and dropped. */
export const ObjectMetaSchema = Type.Object(
  {
    name: Type.String({ description: 'DNS-1123 label' }),
    namespace: Type.Optional(Type.String({ description: 'default when absent' })),
    labels: Type.Optional(Type.Record(Type.String(), Type.String(), { maxProperties: 256 })),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String(), { maxProperties: 1024 })),
    resourceVersion: Type.Optional(text(32)),
    generation: Type.Optional(Type.Integer()),
    uid: Type.Optional(text(128)),
    creationTimestamp: Type.Optional(text(64)),
    ownerReferences: Type.Optional(Type.Array(OwnerReferenceSchema, { maxItems: 16 })),
    managedFields: Type.Optional(Type.Unknown()),
    selfLink: Type.Optional(Type.Unknown()),
  },
  closedExcept('generateName', 'finalizers', 'deletionTimestamp', 'deletionGracePeriodSeconds'),
)
