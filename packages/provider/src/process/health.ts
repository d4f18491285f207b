import { setTimeout as delay } from 'node:timers/promises'
import type { KillCause } from '../decide/exit.ts'
import { probe } from './probe.ts'

/** The path that the runtime itself answers as long as its event loop turns. */
const HEALTH_PATH = '/_/health'
const READY_FIRST_MS = 5
const READY_LIMIT_MS = 250
const READY_PROBE_TIMEOUT_MS = 5000
const SECOND_CHANCE_MS = 2000

function pause(ms: number, end: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal: end }).catch(() => {})
}

/** Asks a replica for its readiness path until it answers 200 or `end` comes; waits 5 ms at first, 250 ms at most. */
export async function awaitReady(socket: string, path: string, end: AbortSignal): Promise<void> {
  for (let wait = READY_FIRST_MS; !end.aborted; wait = Math.min(wait * 1.5, READY_LIMIT_MS)) {
    const result = await probe(socket, path, READY_PROBE_TIMEOUT_MS, end)
    if ('status' in result && result.status === 200) return
    await pause(wait, end)
  }
}

/**
 * Watches a ready replica: one that answers nothing for longer than a call may take (and some grace) hangs. A long synchronous call below the
 * time-out is no hang: the probe waits as long as a caller would. Without a call time-out (0) nothing is ever too long.
 * @returns the cause to kill it for; `undefined` when `end` came
 */
export async function watchLiveness(
  socket: string,
  timeoutMs: number,
  timing: { readonly livenessIntervalMs: number; readonly livenessGraceMs: number },
  end: AbortSignal,
): Promise<KillCause | undefined> {
  if (timeoutMs <= 0) return undefined
  const patienceMs = timeoutMs + timing.livenessGraceMs
  while (!end.aborted) {
    await pause(timing.livenessIntervalMs, end)
    if (end.aborted || (await answers(socket, patienceMs, end))) continue
    // Our own machine may have been asleep: the replica gets a moment that is surely its own.
    if (end.aborted || (await answers(socket, SECOND_CHANCE_MS, end))) continue
    if (!end.aborted)
      return { reason: 'Unresponsive', message: `killed, because it answered nothing for ${Math.round(patienceMs / 100) / 10} s (an endless loop?)` }
  }
  return undefined
}

async function answers(socket: string, withinMs: number, end: AbortSignal): Promise<boolean> {
  const enough = AbortSignal.any([end, AbortSignal.timeout(Math.min(withinMs, 2 ** 31 - 1))])
  while (!enough.aborted) {
    if ('status' in (await probe(socket, HEALTH_PATH, withinMs, enough))) return true
    await pause(READY_LIMIT_MS, enough)
  }
  return false
}
