import { DEFAULT_NAMESPACE, isWeftError, SYSTEM_NAMESPACE } from '@weft/core'
import type { Store } from '@weft/store'

/** Makes the namespaces that are always there. */
export async function seedNamespaces(store: Store): Promise<void> {
  for (const name of [DEFAULT_NAMESPACE, SYSTEM_NAMESPACE]) {
    try {
      await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    } catch (error) {
      if (!isWeftError(error, 'ALREADY_EXISTS')) throw error
    }
  }
}
