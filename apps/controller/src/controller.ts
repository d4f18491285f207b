import { keyOf, type Resource } from '@weft/core'
import type { ArtifactStore } from '@weft/artifacts'
import type { ImageResolver } from '@weft/artifacts/build'
import { KeyedQueue, type AddressGuard, type Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'
import type { Provider } from '@weft/provider'
import type { Store } from '@weft/store'
import { follow } from '@weft/store/follow'
import { CanaryBook } from './canary/follow-canaries.ts'
import { outsideCaller } from './canary/outside.ts'
import { PrometheusMetrics } from './canary/prometheus/metrics.ts'
import { CanaryReconciler } from './canary/reconcile-canary.ts'
import { Webhooks } from './canary/webhooks/webhooks.ts'
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
  /** Whom canaries may ask. */
  readonly outside: OutsideSettings
}

/** Whom the controller may ask for what stands in resources. */
export interface OutsideSettings {
  /** Which addresses may be asked. */
  readonly guard: AddressGuard
  /** `http://HOST:PORT` of the ingress, by which functions are asked. */
  readonly gateway: string
  /** Where Prometheus is, unless a metric says otherwise. */
  readonly prometheus: string | undefined
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
  const workloads: Workloads = new Workloads({
    provider: options.provider,
    mesh: options.mesh,
    log: options.log,
    now,
    declare: (workload) => reconciler.declare(workload),
    changed: (key) => queue.add(key),
  })
  const resolver = new SpecResolver(options)
  const reconciler: FunctionReconciler = new FunctionReconciler({
    store: options.store,
    mesh: options.mesh,
    workloads,
    resolver,
    log: options.log,
    now,
    again: (key, delayMs) => queue.add(key, delayMs),
  })
  const canaryQueue: KeyedQueue = new KeyedQueue({ work: (key) => canaries.reconcile(key), log: options.log, concurrency: CONCURRENCY })
  const book = new CanaryBook({ store: options.store, log: options.log, functions: queue, canaries: canaryQueue })
  const delivery = { ask: outsideCaller({ store: options.store, ...options.outside }), log: options.log, answered: (key: string) => canaryQueue.add(key) }
  const webhooks = new Webhooks({ ...delivery, now })
  const metrics = new PrometheusMetrics({ ...delivery, address: options.outside.prometheus })
  const canaries = new CanaryReconciler({
    store: options.store,
    mesh: options.mesh,
    log: options.log,
    now,
    ownerOf: (canary, fn) => book.ownerOf(canary, fn),
    webhooks,
    metrics,
    again: (key, delayMs) => canaryQueue.add(key, delayMs),
    changed: (key) => queue.add(key),
  })
  const ending = new AbortController()
  await followFunctions(options, queue, ending.signal)
  await followSecrets({ store: options.store, workloads, resolver, log: options.log }, ending.signal)
  await book.start(ending.signal)
  return {
    async close() {
      ending.abort()
      workloads.close()
      webhooks.close()
      metrics.close()
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

function functionKey(resource: Resource): string {
  const namespace = resource.metadata.namespace ?? 'default'
  if (resource.kind === 'Function') return keyOf({ namespace, name: resource.metadata.name })
  return keyOf({ namespace, name: (resource.spec as { function: string }).function })
}
