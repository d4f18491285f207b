import type { KillCause } from '../decide/exit.ts'
import type { Usage } from '../port.ts'
import type { Group } from './cgroup/port.ts'
import { ownMemoryBytes, readAll, treeOf, type ProcessStat } from './proc.ts'

/** Enough time between two samples for a rate that means something. */
const RATE_OVER_MS = 1000

/** What the sampler looks at: one running incarnation. */
export interface Sampled {
  readonly pid: number
  readonly group?: Group
  readonly memoryLimitBytes: number | undefined
  kill(cause: KillCause): void
  /** Told when the kernel killed processes of this incarnation for want of memory, and it lives on. */
  outOfMemory(): void
}

interface Track {
  readonly sampled: Sampled
  readonly samples: { readonly at: number; readonly cpuMs: number }[]
  memoryBytes: number
  oomKills: number
}

/** Where the numbers come from. */
export interface SamplerOptions {
  readonly intervalMs: number
  readonly now: () => number
  /** Control groups count memory and kill; without them the sampler does. */
  readonly groupsCountMemory: boolean
  readonly groupsCountCpu: boolean
}

/**
 * Looks at memory and CPU of all incarnations now and then, and is the memory limit where no control group is: a tree of processes whose own
 * memory is above the limit is killed. Costs a few file reads per incarnation and, without control groups, one pass over `/proc`.
 */
export class Sampler {
  readonly #options: SamplerOptions
  readonly #tracks = new Map<number, Track>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: SamplerOptions) {
    this.#options = options
  }

  add(sampled: Sampled): void {
    this.#tracks.set(sampled.pid, { sampled, samples: [], memoryBytes: 0, oomKills: 0 })
    this.#timer ??= setInterval(() => this.#tick(), this.#options.intervalMs)
    this.#timer.unref()
  }

  remove(pid: number): void {
    this.#tracks.delete(pid)
    if (this.#tracks.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** What these processes (by the id of their first) use together now. */
  usage(pids: readonly number[]): Usage {
    this.#tick(new Set(pids))
    const tracks = pids.flatMap((pid) => this.#tracks.get(pid) ?? [])
    return { memoryBytes: sum(tracks.map(({ memoryBytes }) => memoryBytes)), cpuMillis: Math.round(sum(tracks.map(rate))) }
  }

  #tick(only?: ReadonlySet<number>): void {
    const { groupsCountMemory, groupsCountCpu } = this.#options
    const all = groupsCountMemory && groupsCountCpu ? [] : readAll()
    for (const [pid, track] of this.#tracks) {
      if (only === undefined || only.has(pid)) this.#look(pid, track, all)
    }
  }

  #look(pid: number, track: Track, all: readonly ProcessStat[]): void {
    const tree = all.length === 0 ? [] : treeOf(pid, all)
    const group = track.sampled.group?.usage()
    const fromGroup = group !== undefined && this.#options.groupsCountMemory
    track.memoryBytes = fromGroup ? group.memoryBytes : sum(tree.map((process) => ownMemoryBytes(process.pid)))
    const cpuMs = group !== undefined && this.#options.groupsCountCpu ? group.cpuMs : sum(tree.map((process) => process.cpuMs))
    this.#remember(track, cpuMs)
    if (group !== undefined && group.oomKills > track.oomKills) {
      track.oomKills = group.oomKills
      track.sampled.outOfMemory()
    }
    if (!fromGroup) this.#enforce(track)
  }

  #remember(track: Track, cpuMs: number): void {
    const at = this.#options.now()
    track.samples.push({ at, cpuMs })
    while (track.samples.length > 2 && at - (track.samples[1]?.at ?? at) >= RATE_OVER_MS) track.samples.shift()
  }

  #enforce(track: Track): void {
    const limit = track.sampled.memoryLimitBytes
    if (limit === undefined || track.memoryBytes <= limit) return
    track.sampled.kill({ reason: 'OOMKilled', message: `out of memory: it used ${mebibytes(track.memoryBytes)} MiB, its limit is ${mebibytes(limit)} MiB` })
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Thousandths of a core between the oldest and the newest sample that are kept. */
function rate({ samples }: Track): number {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return 0
  return Math.max(0, ((last.cpuMs - first.cpuMs) / (last.at - first.at)) * 1000)
}
