import { readFileSync, readlinkSync } from 'node:fs'

/** A process that cannot be taken for another one that got its number later. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot at which it started (`/proc/PID/stat`, field 22). */
  readonly startTicks: string
  /** `/proc/sys/kernel/random/boot_id`. */
  readonly boot: string
}

function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name in parentheses, which may hold spaces: count from the last one (proc_pid_stat(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** Who a process is now; `undefined` when it is gone, or where there is no `/proc`. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTicks = startTicksOf(pid)
  return startTicks === undefined ? undefined : { pid, startTicks, boot: bootId() }
}

/** Whether that process still lives and still runs a program of that path's file name. */
export function isAlive(identity: ProcessIdentity, program: RegExp): boolean {
  try {
    if (startTicksOf(identity.pid) !== identity.startTicks || bootId() !== identity.boot) return false
    return program.test(readlinkSync(`/proc/${identity.pid}/exe`).replace(/ \(deleted\)$/, ''))
  } catch {
    return false
  }
}
