import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, stringMap } from '../pieces.ts'
import { ExportTo } from './shared.ts'
import { TrafficPolicy } from './traffic-policy.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/destination-rule/ (API v1).

/** A named part of a host's workloads (Istio `Subset`). */
export const Subset = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$', description: 'name that routes refer to' }),
    labels: Type.Optional(stringMap('labels that a workload must all have; none: every workload of the host')),
    trafficPolicy: Type.Optional(TrafficPolicy),
  },
  closed,
)
/** {@link Subset} as a type. */
export type Subset = Static<typeof Subset>

/** Spec of a DestinationRule. */
export const DestinationRuleSpec = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 253, description: 'NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.cluster.local' }),
    trafficPolicy: Type.Optional(TrafficPolicy),
    exportTo: Type.Optional(ExportTo),
    subsets: Type.Optional(Type.Array(Subset, { maxItems: 256, description: 'the named parts' })),
  },
  { ...closedExcept('workloadSelector'), description: 'subsets of a host, and how its calls are carried' },
)
/** {@link DestinationRuleSpec} as a type. */
export type DestinationRuleSpec = Static<typeof DestinationRuleSpec>

/** A DestinationRule of Istio. */
export interface DestinationRuleResource {
  readonly apiVersion: string
  readonly kind: 'DestinationRule'
  readonly metadata: ObjectMeta
  readonly spec: DestinationRuleSpec
  readonly status?: unknown
}
