import { canonicalNamespace, type Resource } from '@weft/core'
import { ReferenceGrantSpec } from '@weft/api'
import { baseOf, refusals } from '../base.ts'
import { checker } from '../check.ts'
import type { Read } from '../core-kinds.ts'
import type { ReferenceGrantModel } from './models.ts'

const checkGrant = checker(ReferenceGrantSpec)

/** Reads a ReferenceGrant. One that is not understood grants nothing. */
export function readReferenceGrant(resource: Resource): Read<ReferenceGrantModel> {
  const base = baseOf(resource)
  const checked = checkGrant(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { from, to } = checked.value
  return {
    model: {
      ...base,
      from: from.map(({ group, kind, namespace }) => ({ group, kind, namespace: canonicalNamespace(namespace) })),
      to: to.map(({ group, kind, name }) => ({ group, kind, name })),
    },
  }
}
