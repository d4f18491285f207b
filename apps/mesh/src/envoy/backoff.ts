/** A process that lived this long had not crashed at start. */
const STABLE_MS = 10_000
const FIRST_MS = 100
const LAST_MS = 5_000

/** What to do after a process ended by itself. */
export interface RestartDecision {
  readonly delayMs: number
  /** Ends in a row that came too soon. */
  readonly crashes: number
}

/** The first crash is mended at once; from the second in a row the wait doubles from 100 ms to 5 s. `livedMs` is how long the process ran. */
export function decideRestart(livedMs: number, crashesBefore: number): RestartDecision {
  const crashes = livedMs >= STABLE_MS ? 1 : crashesBefore + 1
  return { crashes, delayMs: crashes <= 1 ? 0 : Math.min(LAST_MS, FIRST_MS * 2 ** (crashes - 2)) }
}
