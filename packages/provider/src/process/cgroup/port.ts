/** What a control group may use. */
export interface GroupLimits {
  readonly memoryBytes?: number
  readonly cpuMillis?: number
  readonly maxProcesses?: number
}

/** What a control group has used. */
export interface GroupUsage {
  readonly memoryBytes: number
  /** CPU time since the group was made, milliseconds. */
  readonly cpuMs: number
  /** Processes in it that the kernel killed for want of memory. */
  readonly oomKills: number
}

/** The control group of one incarnation. */
export interface Group {
  /** Moves a process and what it starts from now on into the group. */
  add(pid: number): void
  limit(limits: GroupLimits): void
  usage(): GroupUsage
  /** Ids of the processes in it. */
  processes(): number[]
  /** Kills everything in it with SIGKILL. */
  kill(): void
  /** Removes the group; `false` while a process is still in it. */
  remove(): boolean
}

/** Control groups of this instance. */
export interface Groups {
  readonly memory: boolean
  readonly cpu: boolean
  readonly pids: boolean
  /** Directories of this instance's groups: what a later run has to sweep. They depend on the group that the platform was started in. */
  readonly directories: readonly string[]
  create(name: string): Group
  /** Removes the instance's own group when nothing is in it. */
  close(): void
}
