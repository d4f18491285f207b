import { isWeftError, refOf } from '@weft/core'
import { assertMayWrite } from '../resources/reserved.ts'
import type { Kinds, ServedKind } from '../resources/kinds.ts'
import type { Resources } from '../resources/resources.ts'

/** Removes a namespace with everything in it, what runs first. @throws WeftError `RESERVED`, `NOT_FOUND` */
export async function removeNamespace(resources: Resources, kinds: Kinds, name: string): Promise<void> {
  assertMayWrite({ group: '', kind: 'Namespace', name }, 'delete')
  for (const { group, kind } of contents(kinds)) {
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

/** The kinds in a namespace, functions first; revisions go with their functions. */
function contents(kinds: Kinds): readonly ServedKind[] {
  const all = kinds.all.filter((kind) => kind.namespaced && !kind.legacy && kind.kind !== 'Revision')
  return all.toSorted((a, b) => Number(b.kind === 'Function') - Number(a.kind === 'Function'))
}
