import { isWeftError, refOf } from '@weft/core'
import { assertMayWrite } from '../resources/reserved.ts'
import type { Resources } from '../resources/resources.ts'

const NAMESPACED: readonly { readonly group: string; readonly kind: string }[] = [
  { group: 'weft.dev', kind: 'Function' },
  { group: '', kind: 'Service' },
  { group: '', kind: 'Secret' },
  { group: '', kind: 'ServiceAccount' },
]

/** Removes a namespace with everything in it, what runs first. @throws WeftError `RESERVED`, `NOT_FOUND` */
export async function removeNamespace(resources: Resources, name: string): Promise<void> {
  assertMayWrite({ group: '', kind: 'Namespace', name }, 'delete')
  for (const { group, kind } of NAMESPACED) {
    const { items } = await resources.list({ group, kind, namespace: name })
    for (const item of items) {
      try {
        await resources.remove(refOf(item))
      } catch (error) {
        if (!isWeftError(error, 'NOT_FOUND')) throw error // someone else removed it, or its owner went before it
      }
    }
  }
  await resources.remove({ group: '', kind: 'Namespace', name })
}
