import { Type, type Static } from 'typebox'
import { closed, stringMap } from '../pieces.ts'

/** Selects workloads of the namespace by labels (Istio `WorkloadSelector`). */
export const WorkloadSelector = Type.Object(
  { matchLabels: Type.Optional(stringMap('labels that a workload must all have; none: every workload of the namespace')) },
  { ...closed, description: 'which workloads this is about; absent: all of the namespace' },
)
/** {@link WorkloadSelector} as a type. */
export type WorkloadSelector = Static<typeof WorkloadSelector>
