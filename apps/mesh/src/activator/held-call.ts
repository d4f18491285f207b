import type { WakeResult, WakeStep, WorkloadKey } from '@weft/mesh-model'

/** A call that waits for a replica, as its headers tell. */
export interface HeldCall {
  readonly workload: WorkloadKey
  /** The trace that it belongs to, when it is sampled: its spans are made. */
  readonly trace?: { readonly traceId: string; readonly parentId: string }
  /** When the callee's side took the call, microseconds since the epoch; known of traced calls. */
  readonly takenUs?: number
  /** Its caller wants to know the steps. */
  readonly timing: boolean
}

/** What was done for a held call: milliseconds since the epoch. */
export interface Activation {
  readonly call: HeldCall
  readonly ok: boolean
  readonly startedAt: number
  readonly ms: number
  readonly steps: readonly WakeStep[]
}

/** Puts the steps of a call together: `policy` (until it was held, where that is known), what the wake-up did, `wake` as a whole. */
export function activationOf(call: HeldCall, result: WakeResult, at: { readonly heldAt: number; readonly now: number }): Activation {
  const takenAt = call.takenUs === undefined ? at.heldAt : Math.min(call.takenUs / 1000, at.heldAt)
  const policy = call.takenUs === undefined ? [] : [{ name: 'policy', startedAt: takenAt, ms: at.heldAt - takenAt }]
  const steps = [...policy, { name: 'wake', startedAt: at.heldAt, ms: at.now - at.heldAt }, ...((result.ok ? result.steps : undefined) ?? [])]
  return { call, ok: result.ok, startedAt: takenAt, ms: at.now - takenAt, steps }
}

/** The steps as a `Server-Timing` header (W3C): `wake;dur=93.1, spawn;dur=20`. */
export function serverTiming({ steps }: Activation): string {
  return steps.map(({ name, ms }) => `${name};dur=${Math.max(0, Math.round(ms * 10) / 10)}`).join(', ')
}
