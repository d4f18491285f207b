import type { CanaryResource, FunctionResource, RevisionResource } from '@weft/api'
import { isWeftError, keyOf, splitKey } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { sameButTime } from '../decide/conditions.ts'
import { newestOf } from '../decide/revision.ts'
import { decideCanary, type CanaryInput, type CanaryState, type RevisionNumbers } from './decide.ts'
import { numbersBetween, type Totals } from './numbers.ts'
import { rulesOf, stateOf, statusOf } from './rules.ts'

/** Collaborators of {@link CanaryReconciler}. */
export interface CanaryReconcilerOptions {
  readonly store: Store
  readonly mesh: MeshPlane
  readonly log: Log
  readonly now: () => number
  /** Enqueues a canary again after a while. */
  readonly again: (key: string, delayMs: number) => void
  /** A function's split is another now. */
  readonly changed: (functionKey: string) => void
}

const TICK_MS = 1_000

/** What was counted when a step began. */
interface StepStart {
  readonly since: number
  readonly totals: ReadonlyMap<string, Totals>
}

/** Converges one canary: looks at its function and its numbers, decides, writes its status; the function's reconciler makes the split of it. */
export class CanaryReconciler {
  readonly #options: CanaryReconcilerOptions
  /** In memory only: after a restart a step's count begins anew, and the least number of calls guards the verdict. */
  readonly #starts = new Map<string, StepStart>()

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
    const { store, now } = this.#options
    const ref = splitKey(key)
    const canary = (await store.get({ group: 'weft.dev', kind: 'Canary', ...ref })) as CanaryResource | undefined
    if (canary === undefined) return void this.#starts.delete(key)
    const functionRef = { namespace: ref.namespace, name: canary.spec.function }
    const fn = (await store.get({ group: 'weft.dev', kind: 'Function', ...functionRef })) as FunctionResource | undefined
    if (fn === undefined) return
    const decision = decideCanary(await this.#input(key, canary, fn), now())
    const status = statusOf(decision, canary.status, now())
    if (!sameButTime(status, canary.status)) {
      await store.update({ ...canary, status }, { part: 'status' })
      if (decision.because !== undefined) this.#options.log.info({ canary: key, reason: decision.because, detail: decision.message }, 'canary moved')
      this.#options.changed(keyOf(functionRef))
    }
    if (decision.state.phase === 'Waiting' || decision.state.phase === 'Progressing') this.#options.again(key, TICK_MS)
  }

  async #input(key: string, canary: CanaryResource, fn: FunctionResource): Promise<CanaryInput> {
    const { namespace = 'default', name } = fn.metadata
    const list = await this.#options.store.list({ group: 'weft.dev', kind: 'Revision', namespace, labels: { 'weft.dev/function': name } })
    const newest = newestOf(list.items as readonly RevisionResource[])
    const state = stateOf(canary.status)
    const numbers = await this.#numbers(key, state, { namespace, name })
    const { paused = false, promote, abort } = canary.spec
    return {
      rules: rulesOf(canary.spec),
      commands: { paused, promote, abort },
      state,
      newest: newest === undefined ? undefined : { revision: newest.spec.revision, ready: isReady(newest) },
      serving: servingOf(fn),
      candidate: state.candidate === undefined ? undefined : numbers.get(state.candidate),
      baseline: state.stable === undefined ? undefined : numbers.get(state.stable),
    }
  }

  /** What was counted by revision since the present step began. */
  async #numbers(key: string, state: CanaryState, fn: { namespace: string; name: string }): Promise<ReadonlyMap<string, RevisionNumbers>> {
    if (state.phase !== 'Progressing') return new Map()
    const all = await this.#options.mesh.invocations()
    const totals = new Map(all.filter((entry) => keyOf(entry.function) === keyOf(fn)).map((entry) => [entry.revision, entry]))
    const start = this.#starts.get(key)
    if (start?.since !== state.stepSince) {
      this.#starts.set(key, { since: state.stepSince, totals })
      return new Map()
    }
    return new Map([...totals].map(([revision, after]) => [revision, numbersBetween(start.totals.get(revision), after)]))
  }
}

/** Proven once, and a replica of it is proven now (or none is wanted). */
function isReady({ status }: RevisionResource): boolean {
  return status !== undefined && status.phase === 'Active' && (status.readyReplicas > 0 || status.replicas === 0)
}

function servingOf(fn: FunctionResource): string | undefined {
  return (fn.status?.traffic ?? []).toSorted((a, b) => b.weight - a.weight)[0]?.revision
}
