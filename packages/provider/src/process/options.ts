import type { Isolation } from '../port.ts'
import type { ReplicaSpan } from './spans.ts'

/** The part of a logger that the provider uses; pino fits. */
export interface ProviderLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How strictly replicas must be shut in; see docs/guide/isolation.md. */
export type IsolationWish = 'required' | 'preferred' | 'none'

/** What the process provider is given. */
export interface ProcessProviderOptions {
  /** Directory for sockets and private files of replicas; short (sockets below it have at most 107 bytes), this provider's alone. */
  readonly runDirectory: string
  /** Directory of the instance; logs go to `logs/` in it. */
  readonly dataDirectory: string
  /** The Node.js that runs the runtimes; default: the one that runs us. */
  readonly nodeBinary?: string
  /** One-file bundles of the runtimes; see `bundleRuntimes`. */
  readonly runtimeBundles: RuntimeBundles
  readonly isolation: IsolationWish
  readonly log: ProviderLog
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  readonly timing?: Partial<ProviderTiming>
  /** Range of user ids for replicas, when root. Default 60000 to 64999. */
  readonly uids?: { readonly first: number; readonly last: number }
  readonly logLimits?: Partial<LogLimits>
  /** `bwrap` when it is not on PATH. */
  readonly bubblewrap?: string
  /** Told of what runtimes measured of traced calls. */
  readonly spans?: (spans: readonly ReplicaSpan[]) => void
  /** Limits by cgroup are tried unless this is `false`; for tests of what happens without. */
  readonly cgroups?: boolean
}

/** Bundles of the two runtimes, absolute paths. */
export interface RuntimeBundles {
  readonly nodejs: string
  readonly process: string
}

/** Times, in milliseconds. */
export interface ProviderTiming {
  /** From spawn to ready; then `StartTimeout`. */
  readonly startTimeoutMs: number
  /** Between two liveness probes of a replica. */
  readonly livenessIntervalMs: number
  /** Added to the call time-out before a silent replica counts as `Unresponsive`. */
  readonly livenessGraceMs: number
  /** Between two looks at memory and CPU. */
  readonly sampleIntervalMs: number
  /** Added to a workload's drain time-out before SIGKILL. */
  readonly killGraceMs: number
}

/** How much log is kept and taken. */
export interface LogLimits {
  /** Size at which a log file is rotated. */
  readonly fileBytes: number
  /** Files kept per function, the current one included. */
  readonly files: number
  /** Lines per second of one replica that are kept in the long run; a burst may have five times as many. */
  readonly linesPerSecond: number
  /** Bytes per second of one replica that are kept in the long run; a burst may have five times as many. */
  readonly bytesPerSecond: number
}

/** Times unless told otherwise. */
export const DEFAULT_TIMING: ProviderTiming = {
  startTimeoutMs: 60_000,
  livenessIntervalMs: 5_000,
  livenessGraceMs: 10_000,
  sampleIntervalMs: 500,
  killGraceMs: 500,
}

/** Log limits unless told otherwise. */
export const DEFAULT_LOG_LIMITS: LogLimits = { fileBytes: 10 * 1_048_576, files: 3, linesPerSecond: 2_000, bytesPerSecond: 1_048_576 }

/** The programs and abilities of this machine, found out once at the start. */
export interface Host {
  readonly isolation: Isolation
  readonly root: boolean
  readonly nodeBinary: string
  readonly bwrap?: string
  readonly setpriv?: string
  readonly prlimit?: string
  /** Raw BPF program for bubblewrap's `--seccomp`, where one exists for this architecture. */
  readonly seccomp?: Uint8Array
}
