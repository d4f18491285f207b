import { mkdirSync } from 'node:fs'
import { signal } from '../proc.ts'
import { keyed, processIds, read, remove, write } from './files.ts'
import type { Group, GroupLimits, GroupUsage, Groups } from './port.ts'

const CPU_PERIOD_US = 100_000

class V2Group implements Group {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    mkdirSync(path, { recursive: true })
  }

  add(pid: number): void {
    write(`${this.#path}/cgroup.procs`, pid)
  }

  limit({ memoryBytes, cpuMillis, maxProcesses }: GroupLimits): void {
    write(`${this.#path}/memory.max`, memoryBytes ?? 'max')
    write(`${this.#path}/memory.swap.max`, memoryBytes === undefined ? 'max' : 0)
    const quota = cpuMillis === undefined ? 'max' : Math.max(1000, Math.round((cpuMillis * CPU_PERIOD_US) / 1000))
    write(`${this.#path}/cpu.max`, `${quota} ${CPU_PERIOD_US}`)
    write(`${this.#path}/pids.max`, maxProcesses ?? 'max')
  }

  usage(): GroupUsage {
    const cache = keyed(read(`${this.#path}/memory.stat`), 'inactive_file')
    return {
      memoryBytes: Math.max(0, Number(read(`${this.#path}/memory.current`)) - cache),
      cpuMs: keyed(read(`${this.#path}/cpu.stat`), 'usage_usec') / 1000,
      oomKills: keyed(read(`${this.#path}/memory.events`), 'oom_kill'),
    }
  }

  processes(): number[] {
    return processIds(`${this.#path}/cgroup.procs`)
  }

  kill(): void {
    if (write(`${this.#path}/cgroup.kill`, 1)) return
    for (const pid of this.processes()) signal(pid, 'SIGKILL')
  }

  remove(): boolean {
    return remove(this.#path)
  }
}

/** Control groups version 2: one hierarchy (kernel documentation, admin-guide/cgroup-v2). */
export class V2Groups implements Groups {
  readonly memory: boolean
  readonly cpu: boolean
  readonly pids: boolean
  readonly directories: readonly string[]
  readonly #directory: string

  constructor(directory: string, controllers: readonly string[]) {
    this.#directory = directory
    this.directories = [directory]
    this.memory = controllers.includes('memory')
    this.cpu = controllers.includes('cpu')
    this.pids = controllers.includes('pids')
  }

  create(name: string): Group {
    return new V2Group(`${this.#directory}/${name}`)
  }

  close(): void {
    remove(this.#directory)
  }
}
