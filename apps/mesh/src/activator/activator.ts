import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { WakeResult, WorkloadKey } from '@weft/mesh-model'
import { SingleFlight } from './single-flight.ts'

/** What the activator needs. */
export interface ActivatorOptions {
  /** Whether the mesh knows the workload; an unknown one is refused without waking anybody. */
  knows(workload: WorkloadKey): boolean
  /** Brings a replica to life; called once per workload however many calls wait. */
  wake(workload: WorkloadKey): Promise<WakeResult>
  /** Resolves when the workload's endpoints are in force at its proxy. @returns why not, or `undefined` */
  endpointsInForce(workload: WorkloadKey, signal: AbortSignal): Promise<string | undefined>
  /** Longest time that a call may wait, in milliseconds. */
  readonly timeoutMs: number
  readonly log: Log
  readonly now: () => number
}

const NO_TIME: WakeResult = { ok: false, status: 503, reason: 'no replica became ready in time' }

/** Wakes workloads that were called at zero. It decides and waits; not a byte of a call passes through it. */
export class Activator {
  readonly #options: ActivatorOptions
  readonly #flights = new SingleFlight<WakeResult>()

  constructor(options: ActivatorOptions) {
    this.#options = options
  }

  /** Calls that wait now, by workload. */
  waiting(): ReadonlyMap<WorkloadKey, number> {
    return this.#flights.waiting()
  }

  /** Answers one held call: it may go on, or why not. Never rejects. */
  async check(workload: WorkloadKey): Promise<WakeResult> {
    if (!this.#options.knows(workload)) return { ok: false, status: 503, reason: 'the mesh does not know this workload' }
    try {
      return await this.#flights.run(workload, () => this.#wake(workload))
    } catch (error) {
      this.#options.log.error({ workload, reason: messageOf(error) }, 'a workload could not be woken')
      return { ok: false, status: 503, reason: 'it could not be started' }
    }
  }

  async #wake(workload: WorkloadKey): Promise<WakeResult> {
    const { now, log, timeoutMs } = this.#options
    const startedAt = now()
    const deadline = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<WakeResult>((resolve) => {
      timer = setTimeout(() => {
        deadline.abort()
        resolve(NO_TIME)
      }, timeoutMs)
    })
    try {
      const result = await Promise.race([this.#options.wake(workload), late])
      const wakeMs = now() - startedAt
      if (!result.ok) {
        log.warn({ workload, wakeMs, reason: result.reason }, 'held calls are refused')
        return result
      }
      const missing = await this.#options.endpointsInForce(workload, deadline.signal)
      log.info({ workload, wakeMs, endpointsMs: now() - startedAt - wakeMs, complete: missing === undefined }, 'workload woken')
      return missing === undefined ? result : { ok: false, status: 503, reason: missing }
    } finally {
      clearTimeout(timer)
    }
  }
}
