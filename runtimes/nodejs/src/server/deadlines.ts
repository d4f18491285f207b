import type { Call } from './call.ts'

/** How late a call of a long time-out may be noticed. Shorter ones get a timer each. */
const SWEEP_MS = 100
const LONG_MS = 1000

/** Watches the deadlines of calls. Costs nothing a call when time-outs are long: one timer looks at all that are under way. */
export class Deadlines {
  readonly #inFlight: ReadonlySet<Call>
  readonly #expired: (call: Call) => void
  #sweep: NodeJS.Timeout | undefined

  /** @param expired called once for each call that is still under way at its deadline */
  constructor(inFlight: ReadonlySet<Call>, expired: (call: Call) => void) {
    this.#inFlight = inFlight
    this.#expired = expired
  }

  /** Starts the clock of a call that is in flight. */
  watch(call: Call, limitMs: number): void {
    if (limitMs === 0) return
    call.limitMs = limitMs
    call.deadline = call.startedAt + limitMs
    if (limitMs >= LONG_MS) this.#sweep ??= setInterval(() => this.#tick(performance.now()), SWEEP_MS)
    else
      call.onEnd(
        clearTimeout.bind(
          undefined,
          setTimeout(() => this.#expire(call), limitMs),
        ),
      )
  }

  #tick(now: number): void {
    if (this.#inFlight.size === 0) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
    for (const call of this.#inFlight) if (call.limitMs >= LONG_MS && call.deadline <= now) this.#expire(call)
  }

  #expire(call: Call): void {
    if (call.ended || call.timedOut) return
    call.timedOut = true
    this.#expired(call)
  }
}
