import type { LogLine, Replica } from '../port.ts'
import type { Groups } from './cgroup/port.ts'
import type { RootEntry } from './launch/plan.ts'
import type { Host, LogLimits, ProviderLog, ProviderTiming, RuntimeBundles } from './options.ts'
import type { StartRecord } from './record.ts'
import type { Sampler } from './sampler.ts'
import type { ReplicaSpan } from './spans.ts'
import type { UidPool } from './uids.ts'

/** What a replica is given by its provider: the machine that it runs on, and who hears of it. */
export interface Machine {
  readonly host: Host
  readonly timing: ProviderTiming
  readonly logLimits: LogLimits
  readonly bundles: RuntimeBundles
  readonly directories: { readonly inbound: string; readonly outbound: string; readonly private: string }
  readonly root: readonly RootEntry[]
  readonly groups?: Groups
  readonly uids?: UidPool
  readonly record: StartRecord
  readonly sampler: Sampler
  readonly log: ProviderLog
  now(): number
  /** Told of spans that runtimes measured. */
  readonly spans?: (spans: readonly ReplicaSpan[]) => void
  writeLine(line: LogLine): boolean
  changed(replica: Replica): void
  /** Resolves when no proxy sends that replica anything new; never rejects. */
  retiring(replica: Replica): Promise<void>
}
