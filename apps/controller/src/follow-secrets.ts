import type { RevisionResource } from '@weft/api'
import { keyOf, messageOf, type NamespacedName, type Resource } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Store } from '@weft/store'
import { follow } from '@weft/store/follow'
import type { SpecResolver } from './spec-resolver.ts'
import type { Workloads } from './workloads.ts'

/** Collaborators of {@link followSecrets}. */
export interface FollowSecretsOptions {
  readonly store: Store
  readonly workloads: Pick<Workloads, 'state' | 'apply'>
  readonly resolver: Pick<SpecResolver, 'workloadSpec'>
  readonly log: Log
}

/**
 * Declares the workloads that use a Secret anew when it changed, so that replicas that start from then on read its new values; those that run in a sandbox see
 * them in their files. What a program has read once it keeps.
 */
export async function followSecrets(options: FollowSecretsOptions, signal: AbortSignal): Promise<void> {
  const { store, log } = options
  const onError = (reason: string) => log.error({ reason }, 'the controller lost its watch on secrets and tries again')
  const known = new Map<string, string | undefined>()
  const see = (secret: Resource): void => {
    const key = keyOf(secretName(secret))
    const isNews = known.has(key) && known.get(key) !== secret.metadata.resourceVersion
    known.set(key, secret.metadata.resourceVersion)
    if (isNews)
      void redeclare(secretName(secret), options).catch((error: unknown) =>
        log.error({ secret: key, reason: messageOf(error) }, 'a changed secret was not passed on'),
      )
  }
  const handler = {
    listed: (items: readonly Resource[]) => items.forEach(see),
    changed: (type: string, secret: Resource) => (type === 'DELETED' ? void known.set(keyOf(secretName(secret)), undefined) : see(secret)),
  }
  await follow(store, { group: '', kind: 'Secret' }, handler, { signal, onError })
}

async function redeclare(secret: NamespacedName, { store, workloads, resolver }: FollowSecretsOptions): Promise<void> {
  const { items } = await store.list({ group: 'weft.dev', kind: 'Revision', namespace: secret.namespace })
  for (const revision of items as readonly RevisionResource[]) {
    if (revision.spec.template.secrets?.includes(secret.name) !== true) continue
    const workload = { namespace: secret.namespace, name: revision.metadata.name }
    if (workloads.state(workload) === undefined) continue
    const spec = await resolver.workloadSpec(revision)
    if (workloads.state(workload) !== undefined) await workloads.apply(keyOf({ namespace: secret.namespace, name: revision.spec.function }), spec)
  }
}

function secretName({ metadata }: Resource): NamespacedName {
  return { namespace: metadata.namespace ?? 'default', name: metadata.name }
}
