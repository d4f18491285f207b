import { readFileSync, readdirSync } from 'node:fs'

/** Linux counts CPU time in these (`USER_HZ`, 100 on every supported architecture). */
const TICK_MS = 10
const PAGE_BYTES = 4096

/** One process as `/proc` has it. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** Clock ticks since boot; with the pid it identifies a process for as long as the machine is up. */
  readonly startTicks: number
  /** User and system time, milliseconds. */
  readonly cpuMs: number
}

/** Reads `/proc/PID/stat` (proc_pid_stat(5)); the command name may hold anything, so fields count from the last parenthesis. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const at = (field: number) => Number(fields[field - 3] ?? Number.NaN)
  const stat = { pid: Number.parseInt(text, 10), parent: at(4), group: at(5), startTicks: at(22), cpuMs: (at(14) + at(15)) * TICK_MS }
  return Number.isNaN(stat.startTicks) || Number.isNaN(stat.pid) ? undefined : stat
}

/** One process; `undefined` when there is none of that id. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** Every process that can be seen. Costs about 10 µs each. */
export function readAll(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []))
}

/** Memory that is a process's own (resident without what is shared with files), in bytes; 0 when it is gone. */
export function ownMemoryBytes(pid: number): number {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number)
    return Math.max(0, (resident ?? 0) - (shared ?? 0)) * PAGE_BYTES
  } catch {
    return 0
  }
}

/** A process and all below it, out of a list of processes. */
export function treeOf(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  const found = all.filter(({ pid }) => pid === root)
  for (const process of found) found.push(...(children.get(process.pid) ?? []))
  return found
}

/** The children of a process, in the order they were started. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
  } catch {
    return readAll().flatMap((stat) => (stat.parent === pid ? stat.pid : []))
  }
}

/** Identifies this boot of the machine: process ids and start times mean nothing after the next. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return 'unknown'
  }
}

/** Sends a signal; `false` when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
