import { keyOf, type Resource } from '@weft/core'
import type { ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { KeyedQueue, type Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'
import type { Provider } from '@weft/provider'
import type { Store } from '@weft/store'
import { follow } from '@weft/store/follow'
import { CanaryReconciler } from './canary/reconcile-canary.ts'
import { followSecrets } from './follow-secrets.ts'
import { FunctionReconciler } from './reconcile-function.ts'
import { SpecResolver } from './spec-resolver.ts'
import { Workloads } from './workloads.ts'

/** Collaborators of the controller. */
export interface ControllerOptions {
  readonly store: Store
  readonly provider: Provider
  readonly mesh: MeshPlane
  readonly artifacts: ArtifactStore
  readonly images: ImageResolver
  readonly log: Log
  readonly now?: () => number
}

/** A running controller. */
export interface Controller {
  /** Takes no more changes and waits for what is under way. Replicas stay; the provider ends them. Idempotent. */
  close(): Promise<void>
}

const CONCURRENCY = 8

/** Starts the controller: it has listed all functions and converges them from then on. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const now = options.now ?? Date.now
  const queue: KeyedQueue = new KeyedQueue({ work: (key) => reconciler.reconcile(key), log: options.log, concurrency: CONCURRENCY })
  const workloads = new Workloads({ provider: options.provider, mesh: options.mesh, log: options.log, now, changed: (key) => queue.add(key) })
  const resolver = new SpecResolver(options)
  const reconciler = new FunctionReconciler({
    store: options.store,
    mesh: options.mesh,
    workloads,
    resolver,
    log: options.log,
    now,
    again: (key, delayMs) => queue.add(key, delayMs),
  })
  const canaryQueue: KeyedQueue = new KeyedQueue({ work: (key) => canaries.reconcile(key), log: options.log, concurrency: CONCURRENCY })
  const canaries = new CanaryReconciler({
    store: options.store,
    mesh: options.mesh,
    log: options.log,
    now,
    again: (key, delayMs) => canaryQueue.add(key, delayMs),
    changed: (key) => queue.add(key),
  })
  const ending = new AbortController()
  await followFunctions(options, queue, ending.signal)
  await followSecrets({ store: options.store, workloads, resolver, log: options.log }, ending.signal)
  await followCanaries(options, { functions: queue, canaries: canaryQueue }, ending.signal)
  return {
    async close() {
      ending.abort()
      workloads.close()
      await Promise.all([queue.close(), canaryQueue.close()])
    },
  }
}

/** Every change of a function or of one of its revisions enqueues the function. */
async function followFunctions(options: ControllerOptions, queue: KeyedQueue, signal: AbortSignal): Promise<void> {
  const onError = (reason: string) => options.log.error({ reason }, 'the controller lost its watch on the store and tries again')
  const known = new Set<string>()
  const enqueue = (resource: Resource) => queue.add(functionKey(resource))
  for (const kind of ['Function', 'Revision']) {
    await follow(
      options.store,
      { group: 'weft.dev', kind },
      {
        listed(items) {
          const keys = items.map(functionKey)
          for (const gone of known) if (kind === 'Function' && !keys.includes(gone)) queue.add(gone)
          for (const key of keys) queue.add(key)
          if (kind === 'Function') for (const key of keys) known.add(key)
        },
        changed(type, resource) {
          if (kind === 'Function' && type !== 'DELETED') known.add(functionKey(resource))
          enqueue(resource)
        },
      },
      { signal, onError },
    )
  }
}

/** A canary is looked at when it or its function changes; its function, when the canary is gone. */
async function followCanaries(options: ControllerOptions, queues: { functions: KeyedQueue; canaries: KeyedQueue }, signal: AbortSignal): Promise<void> {
  const onError = (reason: string) => options.log.error({ reason }, 'the canaries lost their watch on the store and try again')
  const byFunction = new Map<string, string>()
  const note = (resource: Resource) => {
    const { namespace = 'default', name } = resource.metadata
    const fn = keyOf({ namespace, name: (resource.spec as { function: string }).function })
    byFunction.set(fn, keyOf({ namespace, name }))
    queues.canaries.add(keyOf({ namespace, name }))
    queues.functions.add(fn)
  }
  const handler = { listed: (items: readonly Resource[]) => items.forEach(note), changed: (_type: string, resource: Resource) => note(resource) }
  await follow(options.store, { group: 'weft.dev', kind: 'Canary' }, handler, { signal, onError })
  const touch = (resource: Resource) => {
    const canary = byFunction.get(functionKey(resource))
    if (canary !== undefined) queues.canaries.add(canary)
  }
  for (const kind of ['Function', 'Revision']) {
    await follow(
      options.store,
      { group: 'weft.dev', kind },
      { listed: (items) => items.forEach(touch), changed: (_type, resource) => touch(resource) },
      { signal, onError },
    )
  }
}

function functionKey(resource: Resource): string {
  const namespace = resource.metadata.namespace ?? 'default'
  if (resource.kind === 'Function') return keyOf({ namespace, name: resource.metadata.name })
  return keyOf({ namespace, name: (resource.spec as { function: string }).function })
}
