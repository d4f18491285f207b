import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'

const ENVOY = /\/envoy[^/]*$/

/** Notes which process is the Envoy of this directory. */
export async function writePidFile(path: string, pid: number): Promise<void> {
  const identity = identify(pid)
  if (identity !== undefined) await writeFile(path, JSON.stringify(identity), { mode: 0o600 })
}

/**
 * Kills the Envoy that an earlier platform left behind in this directory. Nothing is killed but the very process that was noted: its number, start time,
 * boot and program must agree.
 * @returns its process id, or `undefined` when there was none
 */
export async function killLeftover(path: string): Promise<number | undefined> {
  const identity = await readIdentity(path)
  await rm(path, { force: true })
  if (identity === undefined || !isAlive(identity, ENVOY)) return undefined
  process.kill(identity.pid, 'SIGKILL')
  for (let waited = 0; waited < 2_000 && isAlive(identity, ENVOY); waited += 5) await wait(5)
  return identity.pid
}

async function readIdentity(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const { pid, startTicks, boot } = JSON.parse(await readFile(path, 'utf8')) as Partial<ProcessIdentity>
    return typeof pid === 'number' && typeof startTicks === 'string' && typeof boot === 'string' ? { pid, startTicks, boot } : undefined
  } catch {
    return undefined
  }
}
