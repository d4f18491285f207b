import { mkdirSync } from 'node:fs'
import { signal } from '../proc.ts'
import { keyed, processIds, read, remove, write } from './files.ts'
import type { Group, GroupLimits, GroupUsage, Groups } from './port.ts'

const CPU_PERIOD_US = 100_000

/** Directory of this instance in each hierarchy that is usable, by controller. */
export type V1Directories = Readonly<Partial<Record<'memory' | 'cpu' | 'cpuacct' | 'pids', string>>>

class V1Group implements Group {
  readonly #paths: V1Directories

  constructor(instance: V1Directories, name: string) {
    this.#paths = Object.fromEntries(Object.entries(instance).map(([controller, path]) => [controller, `${path}/${name}`]))
    for (const path of this.#all()) mkdirSync(path, { recursive: true })
  }

  #all(): string[] {
    return [...new Set(Object.values(this.#paths))]
  }

  add(pid: number): void {
    for (const path of this.#all()) write(`${path}/cgroup.procs`, pid)
  }

  limit({ memoryBytes, cpuMillis, maxProcesses }: GroupLimits): void {
    const { memory, cpu, pids } = this.#paths
    if (memory !== undefined) {
      const bytes = memoryBytes ?? -1
      // With swap counted (memsw) the two must never cross on the way: memory may not exceed memory and swap together.
      write(`${memory}/memory.memsw.limit_in_bytes`, -1)
      write(`${memory}/memory.limit_in_bytes`, bytes)
      if (bytes > 0) write(`${memory}/memory.memsw.limit_in_bytes`, bytes)
    }
    if (cpu !== undefined) {
      write(`${cpu}/cpu.cfs_period_us`, CPU_PERIOD_US)
      write(`${cpu}/cpu.cfs_quota_us`, cpuMillis === undefined ? -1 : Math.max(1000, Math.round((cpuMillis * CPU_PERIOD_US) / 1000)))
    }
    if (pids !== undefined) write(`${pids}/pids.max`, maxProcesses ?? 'max')
  }

  usage(): GroupUsage {
    const { memory, cpuacct } = this.#paths
    const used = memory === undefined ? 0 : Number(read(`${memory}/memory.usage_in_bytes`))
    const cache = memory === undefined ? 0 : keyed(read(`${memory}/memory.stat`), 'total_inactive_file')
    return {
      memoryBytes: Math.max(0, used - cache),
      cpuMs: cpuacct === undefined ? 0 : Number(read(`${cpuacct}/cpuacct.usage`)) / 1e6,
      oomKills: memory === undefined ? 0 : keyed(read(`${memory}/memory.oom_control`), 'oom_kill'),
    }
  }

  processes(): number[] {
    return [...new Set(this.#all().flatMap((path) => processIds(`${path}/cgroup.procs`)))]
  }

  kill(): void {
    for (const pid of this.processes()) signal(pid, 'SIGKILL')
  }

  remove(): boolean {
    return this.#all().map(remove).every(Boolean)
  }
}

/** Control groups version 1: one hierarchy per controller (kernel documentation, admin-guide/cgroup-v1). */
export class V1Groups implements Groups {
  readonly memory: boolean
  readonly cpu: boolean
  readonly pids: boolean
  readonly directories: readonly string[]
  readonly #byController: V1Directories

  constructor(directories: V1Directories) {
    this.#byController = directories
    this.directories = [...new Set(Object.values(directories))]
    this.memory = directories.memory !== undefined
    this.cpu = directories.cpu !== undefined
    this.pids = directories.pids !== undefined
  }

  create(name: string): Group {
    return new V1Group(this.#byController, name)
  }

  close(): void {
    for (const path of this.directories) remove(path)
  }
}
