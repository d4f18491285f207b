import { Type, type Static } from 'typebox'
import { closed, stringMap } from '../pieces.ts'

/** Selects workloads of the namespace by labels (Istio `WorkloadSelector`). */
export const WorkloadSelector = Type.Object(
  { matchLabels: Type.Optional(stringMap('labels that a workload must all have; none: every workload of the namespace')) },
  { ...closed, description: 'which workloads this is about; absent: all of the namespace' },
)
/** {@link WorkloadSelector} as a type. */
export type WorkloadSelector = Static<typeof WorkloadSelector>

/** Share of a destination among those of its route: in proportion to the others, whatever they add up to. */
export const RouteWeight = Type.Integer({
  minimum: 0,
  maximum: 2_147_483_647,
  description: 'share in proportion to the others; may be absent where there is one destination',
})

/** In which namespaces a resource is seen (Istio `exportTo`). */
export const ExportTo = Type.Array(Type.String({ pattern: '^([.*~]|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$', description: 'a namespace, or one of . * ~' }), {
  maxItems: 256,
  description: 'namespaces whose calls this is about: "." its own, "*" all (default), "~" none, or names',
})
