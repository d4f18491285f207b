import type { Resource, ResourceRef } from '@weft/core'
import { baseOf, field } from '../read/base.ts'
import { hasFindingStatus, RECONCILED } from '../resource-status.ts'

/** A resource whose status says what was found out about it. */
export interface Told {
  readonly resource: ResourceRef
  readonly generation: number | undefined
  /** Its status says something already, so that it must go on to do so. */
  readonly says: boolean
}

/** What is known of such a resource; `undefined` for one of another kind. */
export function toldOf(resource: Resource): Told | undefined {
  const { ref } = baseOf(resource)
  if (!hasFindingStatus(ref)) return undefined
  const conditions = field(resource.status, 'conditions')
  const says = Array.isArray(conditions) && conditions.some((each) => field(each, 'type') === RECONCILED)
  return { resource: ref, generation: resource.metadata.generation, says }
}
