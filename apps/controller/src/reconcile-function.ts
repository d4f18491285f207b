import type { CanaryResource, CanaryStatus, FunctionResource, RevisionResource, RevisionStatus } from '@weft/api'
import { revisionObjectName, SCALED_AT_ANNOTATION, WEFT_API_VERSION } from '@weft/api'
import { isWeftError, keyOf, parseDurationMs, splitKey, type NamespacedName, type Resource } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { condition, sameButTime } from './decide/conditions.ts'
import { functionStatus, type FunctionFacts } from './decide/function-status.ts'
import { planReplicas, replicasForShare, wantedReplicas } from './decide/replicas.ts'
import { planRetention } from './decide/retention.ts'
import { newestOf, planRevision } from './decide/revision.ts'
import { planTraffic, servingOf, type CanaryShare, type Share, type TrafficPlan } from './decide/traffic.ts'
import { byAge } from './canary/owner.ts'
import type { SpecResolver } from './spec-resolver.ts'
import { SplitFollower } from './split-follower.ts'
import type { Workloads } from './workloads.ts'

/** Collaborators of {@link FunctionReconciler}. */
export interface ReconcilerOptions {
  readonly store: Store
  readonly mesh: MeshPlane
  readonly workloads: Workloads
  readonly resolver: SpecResolver
  readonly log: Log
  readonly now: () => number
  /** Enqueues a function again after a while. */
  readonly again: (functionKey: string, delayMs: number) => void
}

const RETRY_REFUSED_MS = 5_000

/** What one pass works with. */
interface Pass {
  readonly key: string
  readonly fn: FunctionResource
  readonly revisions: readonly RevisionResource[]
  readonly refusal: { readonly reason: string; readonly message: string } | undefined
  readonly canary: CanaryResource | undefined
}

/**
 * Converges one function: template → revision → replicas → proof → traffic → status. Reads the world each time; remembers nothing but what
 * {@link Workloads} holds.
 */
export class FunctionReconciler {
  readonly #options: ReconcilerOptions
  /** What was last asked for as scale: asking anew, also for the same, puts replicas to sleep that only a call had woken. */
  readonly #scaleAsked = new Map<string, string>()
  readonly #splits: SplitFollower

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.#splits = new SplitFollower(options)
  }

  /** One pass for `namespace/name`. Throws when the store or provider fails: the queue tries again. */
  async reconcile(key: string): Promise<void> {
    try {
      await this.#converge(key)
    } catch (error) {
      if (!isWeftError(error, 'CONFLICT') && !isWeftError(error, 'NOT_FOUND')) throw error
      this.#options.again(key, 5) // someone wrote in between: read again
    }
  }

  /** Declares a revision to the provider, whether its function sends calls there or somebody else does. @returns `false` when there is none, or it cannot run */
  async declare(workload: NamespacedName): Promise<boolean> {
    const revision = (await this.#options.store.get({ group: 'weft.dev', kind: 'Revision', ...workload })) as RevisionResource | undefined
    return revision !== undefined && this.#declare(keyOf({ namespace: workload.namespace, name: revision.spec.function }), revision)
  }

  async #converge(key: string): Promise<void> {
    const found = await this.#options.store.get({ group: 'weft.dev', kind: 'Function', ...splitKey(key) })
    if (found === undefined) return this.#removed(key)
    const fn = found as FunctionResource
    const pass = { ...(await this.#planned(key, fn, await this.#revisionsOf(fn))), canary: await this.#canaryOf(fn) }
    await this.#declareAll(pass)
    const traffic = this.#traffic(pass)
    const written = await this.#writeFunctionStatus(pass, traffic)
    this.#splits.follow(key, written)
    await this.#scaleAll(pass, traffic.traffic)
    await this.#writeRevisionStatuses(pass, traffic.traffic)
    await this.#forgetOld(pass, traffic.traffic)
    if (pass.refusal !== undefined) this.#options.again(key, RETRY_REFUSED_MS)
  }

  async #removed(key: string): Promise<void> {
    this.#splits.forget(key)
    this.#scaleAsked.delete(key)
    await Promise.all(this.#options.workloads.ofFunction(key).map((state) => this.#options.workloads.remove(state.workload)))
  }

  async #revisionsOf(fn: FunctionResource): Promise<readonly RevisionResource[]> {
    const { namespace = 'default', name } = fn.metadata
    const list = await this.#options.store.list({ group: 'weft.dev', kind: 'Revision', namespace, labels: { 'weft.dev/function': name } })
    return list.items as readonly RevisionResource[]
  }

  async #canaryOf(fn: FunctionResource): Promise<CanaryResource | undefined> {
    const { namespace = 'default', name } = fn.metadata
    const { items } = await this.#options.store.list({ group: 'weft.dev', kind: 'Canary', namespace })
    const own = (items as readonly CanaryResource[]).filter((canary) => canary.spec.function === name)
    return own.toSorted(byAge)[0]
  }

  /** Cuts a new revision when the template changed. */
  async #planned(key: string, fn: FunctionResource, revisions: readonly RevisionResource[]): Promise<Omit<Pass, 'canary'>> {
    if (fn.status?.observedGeneration === fn.metadata.generation && revisions.length > 0) return { key, fn, revisions, refusal: undefined }
    let template
    try {
      template = await this.#options.resolver.resolveTemplate(fn)
    } catch (error) {
      if (isWeftError(error) && error.fault === 'user')
        return { key, fn, revisions, refusal: { reason: camel(error.code), message: `${error.message}; ${error.help}` } }
      throw error
    }
    const plan = planRevision(fn.metadata.name, template, revisions)
    if (plan.kind === 'refuse') return { key, fn, revisions, refusal: plan }
    if (plan.kind === 'keep') return { key, fn, revisions, refusal: undefined }
    const created = (await this.#options.store.create(revisionResource(fn, plan.spec))) as RevisionResource
    this.#options.log.info({ function: key, revision: plan.spec.revision }, 'revision created')
    return { key, fn, revisions: [...revisions, created], refusal: undefined }
  }

  /** Declares to the provider every revision that may get replicas. */
  async #declareAll(pass: Pass): Promise<void> {
    const newest = newestOf(pass.revisions)
    for (const revision of pass.revisions) {
      if (this.#options.workloads.state(workloadOf(revision)) !== undefined) continue
      if (!this.#routed(pass, revision, pass.fn.status?.traffic ?? []) && revision !== newest) continue
      await this.#declare(pass.key, revision)
    }
  }

  async #declare(key: string, revision: RevisionResource): Promise<boolean> {
    try {
      await this.#options.workloads.apply(key, await this.#options.resolver.workloadSpec(revision))
      return true
    } catch (error) {
      if (!isWeftError(error)) throw error
      await this.#writeRevisionStatus(revision, failedStatus(error.code, `${error.message}; ${error.help}`))
      this.#options.again(key, RETRY_REFUSED_MS)
      return false
    }
  }

  #traffic(pass: Pass): TrafficPlan {
    const current = pass.fn.status?.traffic ?? []
    const ready = new Set(pass.revisions.filter((revision) => this.#mayTakeTraffic(pass, revision, current)).map((revision) => revision.spec.revision))
    return planTraffic({ spec: pass.fn.spec, revisions: pass.revisions, ready, current, ...canaryShare(pass.canary, current) })
  }

  /** A revision that serves keeps serving; another must have been proven, and first have all the replicas that are wanted, unless it wants none or nothing serves yet. */
  #mayTakeTraffic(pass: Pass, revision: RevisionResource, current: readonly Share[]): boolean {
    if (revision.status?.phase === 'Failed') return false
    const provenOnce = this.#wasProven(revision)
    if (provenOnce && current.some((share) => share.revision === revision.spec.revision && share.weight > 0)) return true
    const { proven } = this.#options.workloads.replicas(workloadOf(revision))
    if (pass.fn.status?.canary?.candidate === revision.spec.revision && provenOnce) return true
    const wanted = wantedOf(pass, revision)
    if (wanted === 0 || current.length === 0) return provenOnce || proven > 0
    const isTarget = pass.fn.spec.traffic?.some((target) => target.revision === revision.spec.revision) ?? revision === newestOf(pass.revisions)
    return isTarget ? proven >= wanted : provenOnce
  }

  /** Whether it was ever proven ready: by what was written down, or in this life of the platform and perhaps not written yet. */
  #wasProven(revision: RevisionResource): boolean {
    const phase = revision.status?.phase
    return phase === 'Active' || phase === 'Retired' || this.#options.workloads.state(workloadOf(revision))?.lastActivation !== undefined
  }

  #routed(pass: Pass, revision: RevisionResource, traffic: readonly Share[]): boolean {
    const short = revision.spec.revision
    return traffic.some((share) => share.revision === short && share.weight > 0) || (pass.fn.spec.matches ?? []).some((match) => match.revision === short)
  }

  async #scaleAll(pass: Pass, traffic: readonly Share[]): Promise<void> {
    const asked = `${pass.fn.spec.scale?.replicas ?? ''} ${pass.fn.metadata.annotations?.[SCALED_AT_ANNOTATION] ?? ''}`
    const isNew = (this.#scaleAsked.get(pass.key) ?? asked) !== asked
    this.#scaleAsked.set(pass.key, asked)
    if (isNew) for (const { workload } of this.#options.workloads.ofFunction(pass.key)) this.#options.workloads.letSleep(workload)
    const targets = new Set((pass.fn.spec.traffic ?? []).map((target) => target.revision))
    const newest = newestOf(pass.revisions)
    for (const revision of pass.revisions) {
      const routed = this.#routed(pass, revision, traffic)
      const soon = !routed && (targets.has(revision.spec.revision) || (targets.size === 0 && isNext(revision, newest, pass.canary?.status)))
      if (soon && this.#options.workloads.state(workloadOf(revision)) === undefined) await this.#declare(pass.key, revision)
      await this.#scale(pass, revision, { routed, soon, unproven: revision === newest && !this.#wasProven(revision) })
    }
  }

  /** `soon`: traffic is to go there as soon as it is ready, so it keeps its replicas; `unproven`: it is the newest and starts once to be proven. */
  async #scale(pass: Pass, revision: RevisionResource, { routed, soon, unproven }: { routed: boolean; soon: boolean; unproven: boolean }): Promise<void> {
    const workload = workloadOf(revision)
    const state = this.#options.workloads.state(workload)
    if (state === undefined) return
    this.#options.workloads.unrouted(workload, routed ? undefined : this.#splits.inForceSince(pass.key))
    const { present, proven } = this.#options.workloads.replicas(workload)
    const proving = (soon || unproven) && proven < Math.max(1, wantedOf(pass, revision))
    const facts = { ...state, scale: pass.fn.spec.scale, routed: routed || soon, proving, present, ...candidateShare(pass.canary, revision) }
    const plan = planReplicas(facts, zeroAfterMs(pass.fn), this.#options.now())
    await this.#options.workloads.scale(workload, plan.desired)
    if (plan.againInMs !== undefined) this.#options.again(pass.key, plan.againInMs)
  }

  async #writeFunctionStatus(pass: Pass, plan: TrafficPlan): Promise<FunctionResource> {
    const status = functionStatus(this.#facts(pass, plan), new Date(this.#options.now()).toISOString())
    if (sameButTime(status, pass.fn.status)) return pass.fn
    return (await this.#options.store.update({ ...pass.fn, status }, { part: 'status' })) as FunctionResource
  }

  /** What the status is decided from. */
  #facts(pass: Pass, plan: TrafficPlan): FunctionFacts {
    const revisions = pass.revisions.map((revision) => {
      const state = this.#options.workloads.state(workloadOf(revision))
      return {
        revision,
        proven: this.#options.workloads.replicas(workloadOf(revision)).proven,
        desired: state?.desired ?? 0,
        wasProven: this.#wasProven(revision),
        failure: state?.failure,
      }
    })
    const inForce = this.#splits.isInForce(pass.key, { ...plan, matches: pass.fn.spec.matches })
    return { fn: pass.fn, revisions, plan, inForce, refusal: pass.refusal }
  }

  async #writeRevisionStatuses(pass: Pass, traffic: readonly Share[]): Promise<void> {
    for (const revision of pass.revisions) {
      const state = this.#options.workloads.state(workloadOf(revision))
      if (state === undefined) continue
      const { proven } = this.#options.workloads.replicas(workloadOf(revision))
      const status: RevisionStatus = {
        phase: phaseOf(this.#wasProven(revision), this.#routed(pass, revision, traffic) || state.desired > 0),
        replicas: state.desired,
        readyReplicas: proven,
        conditions: state.failure === undefined ? [] : [condition('Ready', 'False', state.failure.reason, state.failure.message)],
        ...(state.lastActivation === undefined ? {} : { lastActivation: state.lastActivation }),
      }
      await this.#writeRevisionStatus(revision, status, pass.key)
    }
  }

  async #writeRevisionStatus(revision: RevisionResource, status: RevisionStatus, functionKey?: string): Promise<void> {
    if (sameButTime(status, revision.status)) return
    const phaseChanged = status.phase !== revision.status?.phase
    await this.#options.store.update({ ...revision, metadata: withoutVersion(revision), status }, { part: 'status' })
    if (phaseChanged && functionKey !== undefined) this.#options.again(functionKey, 1)
  }

  async #forgetOld(pass: Pass, traffic: readonly Share[]): Promise<void> {
    const named = new Set((pass.fn.spec.traffic ?? []).map((target) => target.revision))
    const inUse = (revision: RevisionResource) =>
      this.#routed(pass, revision, traffic) || named.has(revision.spec.revision) || this.#options.workloads.replicas(workloadOf(revision)).present > 0
    const old = planRetention(pass.revisions, inUse)
    if (old.length === 0) return
    const referred = new Set((await this.#options.mesh.referred(old.map(workloadOf))).map(keyOf))
    for (const revision of old) {
      if (referred.has(keyOf(workloadOf(revision)))) continue
      await this.#options.workloads.remove(workloadOf(revision))
      await this.#options.store.remove({ group: 'weft.dev', kind: 'Revision', ...workloadOf(revision) })
    }
  }
}

/** Whether traffic is to go to a revision next: to the newest, unless a canary has tried it and gave it up. */
function isNext(revision: RevisionResource, newest: RevisionResource | undefined, canary: CanaryStatus | undefined): boolean {
  if (revision !== newest) return false
  const gaveUp = canary?.candidate === revision.spec.revision && (canary.phase === 'Failed' || canary.phase === 'Aborted')
  return !gaveUp
}

/** What a canary says of the split. Before it has found what is stable, that is whatever serves: no revision gets past it. */
function canaryShare(canary: CanaryResource | undefined, current: readonly Share[]): { canary?: CanaryShare } {
  if (canary === undefined) return {}
  const { stable = servingOf(current), candidate, weight = 0, routing } = canary.status ?? {}
  return stable === undefined ? {} : { canary: { stable, candidate, weight, routing } }
}

/** For which share of the calls a canary's candidate has its replicas. */
function candidateShare(tried: CanaryResource | undefined, revision: RevisionResource): { candidateFor?: number } {
  const canary = tried?.status
  const isTried = canary?.candidate === revision.spec.revision && (canary.phase === 'Waiting' || canary.phase === 'Progressing')
  return isTried ? { candidateFor: canary.scaleTo ?? canary.weight } : {}
}

function workloadOf(revision: RevisionResource): NamespacedName {
  return { namespace: revision.metadata.namespace ?? 'default', name: revision.metadata.name }
}

function withoutVersion(resource: Resource): Resource['metadata'] {
  const { resourceVersion: _, ...rest } = resource.metadata
  return rest
}

function revisionResource(fn: FunctionResource, spec: RevisionResource['spec']): Resource {
  const labels = {
    app: fn.metadata.name,
    version: spec.revision,
    ...spec.template.labels,
    'weft.dev/function': fn.metadata.name,
    'weft.dev/revision': spec.revision,
  }
  const owner = { apiVersion: WEFT_API_VERSION, kind: 'Function', name: fn.metadata.name, ...(fn.metadata.uid === undefined ? {} : { uid: fn.metadata.uid }) }
  const status: RevisionStatus = { phase: 'Pending', replicas: 0, readyReplicas: 0, conditions: [] }
  return {
    apiVersion: WEFT_API_VERSION,
    kind: 'Revision',
    metadata: { name: revisionObjectName(fn.metadata.name, spec.revision), namespace: fn.metadata.namespace ?? 'default', labels, ownerReferences: [owner] },
    spec,
    status,
  }
}

/** Replicas that a revision must have before calls go to it. */
function wantedOf({ fn, canary }: Pass, revision: RevisionResource): number {
  const { candidateFor } = candidateShare(canary, revision)
  return candidateFor === undefined ? wantedReplicas(fn.spec.scale) : replicasForShare(fn.spec.scale, candidateFor)
}

function zeroAfterMs(fn: FunctionResource): number | undefined {
  const { zeroAfter } = fn.spec.scale ?? {}
  return zeroAfter === undefined ? undefined : parseDurationMs(zeroAfter, 'spec.scale.zeroAfter')
}

function phaseOf(wasProven: boolean, inUse: boolean): RevisionStatus['phase'] {
  if (!wasProven) return 'Pending'
  return inUse ? 'Active' : 'Retired'
}

function failedStatus(code: string, message: string): RevisionStatus {
  return { phase: 'Failed', replicas: 0, readyReplicas: 0, conditions: [condition('Ready', 'False', camel(code), message)] }
}

function camel(code: string): string {
  return code
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
