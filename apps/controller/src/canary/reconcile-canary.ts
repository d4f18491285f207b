import { revisionObjectName, type CanaryResource, type FunctionResource, type RevisionResource } from '@weft/api'
import { isWeftError, keyOf, splitKey } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshPlane, TrafficStatistics } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { sameButTime } from '../decide/conditions.ts'
import { carriedWeight } from '../decide/replicas.ts'
import { newestOf } from '../decide/revision.ts'
import { servingOf } from '../decide/traffic.ts'
import { decideCanary, decideWithoutFunction } from './decide.ts'
import { totalsOf } from './numbers.ts'
import type { PrometheusMetrics } from './prometheus/metrics.ts'
import { rulesOf, stateOf, statusOf } from './rules.ts'
import { isRunning, type CanaryDecision, type CanaryInput, type CanaryRules, type CanaryState, type Window } from './types.ts'
import type { Webhooks } from './webhooks/webhooks.ts'
import { StepReadings } from './windows.ts'

/** Collaborators of {@link CanaryReconciler}. */
export interface CanaryReconcilerOptions {
  readonly store: Store
  readonly mesh: MeshPlane
  readonly log: Log
  readonly now: () => number
  /** Who decides in a canary's place where calls go. */
  readonly ownerOf: (canary: CanaryResource, fn: FunctionResource) => string | undefined
  readonly webhooks: Webhooks
  readonly metrics: PrometheusMetrics
  /** Enqueues a canary again after a while. */
  readonly again: (key: string, delayMs: number) => void
  /** A function's split is another now. */
  readonly changed: (functionKey: string) => void
}

const TICK_MS = 1_000
const READING_HOLDS_MS = 250
const NOTHING_KNOWN: Pick<CanaryInput, 'step' | 'recent'> = {
  step: { candidate: undefined, baseline: undefined },
  recent: { candidate: undefined, baseline: undefined },
}

/** A canary and what is read of it. */
interface Subject {
  readonly key: string
  readonly canary: CanaryResource
  readonly rules: CanaryRules
  readonly state: CanaryState
}

/**
 * Converges one canary: looks at its function, its numbers and at what others say, decides, writes its status; the function's reconciler makes the split of it, and
 * the mesh the routes.
 */
export class CanaryReconciler {
  readonly #options: CanaryReconcilerOptions
  readonly #readings = new Map<string, StepReadings>()
  #reading: { readonly at: number; readonly traffic: Promise<readonly TrafficStatistics[]> } | undefined

  constructor(options: CanaryReconcilerOptions) {
    this.#options = options
  }

  /** One pass for `namespace/name`. */
  async reconcile(key: string): Promise<void> {
    try {
      await this.#converge(key)
    } catch (error) {
      if (!isWeftError(error, 'CONFLICT') && !isWeftError(error, 'NOT_FOUND')) throw error
      this.#options.again(key, 5) // someone wrote in between: read again
    }
  }

  async #converge(key: string): Promise<void> {
    const { store } = this.#options
    const ref = splitKey(key)
    const canary = (await store.get({ group: 'weft.dev', kind: 'Canary', ...ref })) as CanaryResource | undefined
    if (canary === undefined) return this.#forget(key)
    const subject: Subject = { key, canary, rules: rulesOf(canary), state: stateOf(canary.status) }
    const fn = (await store.get({ group: 'weft.dev', kind: 'Function', namespace: ref.namespace, name: canary.spec.function })) as FunctionResource | undefined
    if (fn === undefined) {
      const message = `there is no function ${canary.spec.function}`
      return this.#write(subject, decideWithoutFunction(subject.state), { reason: 'FunctionNotFound', message })
    }
    const input = await this.#input(subject, fn)
    const decision = decideCanary(input, this.#options.now())
    await this.#write(subject, decision, input.owner === undefined ? undefined : { reason: 'SplitOwned', message: `${input.owner} owns the split` })
    if (isRunning(decision.state)) this.#options.again(key, TICK_MS)
  }

  #forget(key: string): void {
    this.#readings.delete(key)
    this.#options.webhooks.forget(key)
    this.#options.metrics.forget(key)
  }

  async #write({ key, canary, rules }: Subject, decision: CanaryDecision, trouble: { reason: string; message: string } | undefined): Promise<void> {
    const { store, log, now, changed, webhooks } = this.#options
    const status = statusOf({ decision, rules, before: canary.status, trouble }, now())
    if (sameButTime(status, canary.status)) return
    await store.update({ ...canary, status }, { part: 'status' })
    if (decision.because !== undefined) log.info({ canary: key, reason: decision.because, detail: decision.message }, 'canary moved')
    webhooks.tell(decision, { canary, rules, state: decision.state, now: now() })
    changed(keyOf({ namespace: canary.metadata.namespace ?? 'default', name: canary.spec.function }))
  }

  async #input(subject: Subject, fn: FunctionResource): Promise<CanaryInput> {
    const { canary, rules, state } = subject
    const now = this.#options.now()
    const { namespace = 'default', name } = fn.metadata
    const list = await this.#options.store.list({ group: 'weft.dev', kind: 'Revision', namespace, labels: { 'weft.dev/function': name } })
    const revisions = list.items as readonly RevisionResource[]
    const newest = newestOf(revisions)
    const { paused = false, promote, abort } = canary.spec
    const ready = newest !== undefined && isReady(newest)
    return {
      rules,
      commands: { paused, promote, abort },
      state,
      newest:
        newest === undefined ? undefined : { revision: newest.spec.revision, ready, carries: carriedWeight(fn.spec.scale, newest.status?.readyReplicas ?? 0) },
      serving: servingOf(fn.status?.traffic ?? []),
      known: new Set(revisions.map(({ spec }) => spec.revision)),
      owner: this.#options.ownerOf(canary, fn),
      ...(await this.#counted(subject, fn)),
      metrics: this.#options.metrics.read(canary, rules, state, now),
      gates: this.#options.webhooks.gates({ canary, rules, state, now }, ready && newest.spec.revision === state.candidate),
    }
  }

  /** What was counted by revision since the present step began. */
  async #counted({ key, rules, state }: Subject, fn: FunctionResource): Promise<{ readonly step: Window; readonly recent: Window }> {
    const { stable, candidate } = state
    if (state.phase !== 'Progressing' || stable === undefined || candidate === undefined) return NOTHING_KNOWN
    const { namespace = 'default', name } = fn.metadata
    const traffic = await this.#traffic()
    const totals = (revision: string) => totalsOf(traffic, namespace, revisionObjectName(name, revision))
    return this.#readingsOf(key, state, rules).add({ at: this.#options.now(), candidate: totals(candidate), baseline: totals(stable) })
  }

  /** One reading of the proxies for all canaries that are looked at at the same time. */
  #traffic(): Promise<readonly TrafficStatistics[]> {
    const now = this.#options.now()
    if (this.#reading === undefined || now - this.#reading.at >= READING_HOLDS_MS) this.#reading = { at: now, traffic: this.#options.mesh.traffic() }
    return this.#reading.traffic
  }

  #readingsOf(key: string, { stepSince }: CanaryState, { intervalMs }: CanaryRules): StepReadings {
    const known = this.#readings.get(key)
    if (known?.since === stepSince) return known
    const fresh = new StepReadings(stepSince, intervalMs)
    this.#readings.set(key, fresh)
    return fresh
  }
}

/** Proven once, and a replica of it is proven now (or none is wanted). */
function isReady({ status }: RevisionResource): boolean {
  return status !== undefined && status.phase === 'Active' && (status.readyReplicas > 0 || status.replicas === 0)
}
