import type { Resource, ResourceRef } from '@weft/core'
import type { Store } from './port.ts'

/** What the suite needs of an adapter. */
export interface StoreSubject {
  readonly store: Store
  /** Ends it and removes what it left; the store may be closed already. */
  close(): Promise<void>
}

/** Makes a fresh, empty store. */
export type MakeStore = () => Promise<StoreSubject>

/** Runs a test with a store of its own. */
export type WithStore = (use: (store: Store) => Promise<void>) => Promise<void>

/** Binds {@link WithStore} to an adapter. */
export function withStore(make: MakeStore): WithStore {
  return async (use) => {
    const subject = await make()
    try {
      await use(subject.store)
    } finally {
      await subject.close()
    }
  }
}

/** A Function for tests. */
export function fn(
  name: string,
  extra: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>>; readonly spec?: unknown } = {},
): Resource {
  const metadata = { name, namespace: extra.namespace ?? 'default', ...(extra.labels === undefined ? {} : { labels: extra.labels }) }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata, spec: extra.spec ?? {} }
}

/** Its reference. */
export function named(name: string, namespace = 'default'): ResourceRef {
  return { group: 'weft.dev', kind: 'Function', namespace, name }
}
