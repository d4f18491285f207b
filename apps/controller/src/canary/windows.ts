import { numbersBetween, type Totals } from './numbers.ts'
import type { Window } from './types.ts'

/** Cumulative numbers of a function's revisions at one moment. */
export interface Reading {
  readonly at: number
  readonly candidate: Totals
  readonly baseline: Totals
}

/** How many readings an interval keeps at most. */
const READINGS_KEPT = 30

/**
 * What was read of a run since its present step began. In memory only: after a restart a step's count begins anew, and the least number of calls guards
 * the verdict.
 */
export class StepReadings {
  readonly since: number
  readonly #intervalMs: number
  readonly #readings: Reading[] = []

  constructor(since: number, intervalMs: number) {
    this.since = since
    this.#intervalMs = intervalMs
  }

  /** Takes a reading in. @returns what was counted since the step began, and in its last interval */
  add(reading: Reading): { readonly step: Window; readonly recent: Window } {
    const last = this.#readings.at(-1)
    const [first = reading] = this.#readings
    const start = this.#readings.findLast(({ at }) => reading.at - at >= this.#intervalMs) ?? first
    if (last === undefined || reading.at - last.at >= this.#intervalMs / READINGS_KEPT) this.#readings.push(reading)
    this.#forget(start)
    return { step: windowOf(first, reading), recent: windowOf(start, reading) }
  }

  /** The first one, and those from the beginning of the last interval on, are still needed. */
  #forget(start: Reading): void {
    const from = this.#readings.indexOf(start)
    if (from > 1) this.#readings.splice(1, from - 1)
  }
}

function windowOf(before: Reading, after: Reading): Window {
  if (before === after) return { candidate: undefined, baseline: undefined }
  return { candidate: numbersBetween(before.candidate, after.candidate), baseline: numbersBetween(before.baseline, after.baseline) }
}
