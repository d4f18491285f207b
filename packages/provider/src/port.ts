import type { NamespacedName } from '@weft/core'

/** What one revision runs, resolved: nothing in it has to be looked up again. */
export interface WorkloadSpec {
  /** Namespace and `metadata.name` of the Revision. */
  readonly workload: NamespacedName
  /** Name of the function. */
  readonly function: string
  /** Short name of the revision. */
  readonly revision: string
  /** Directory with the unpacked artifact (read-only); absent for a program that needs no files. */
  readonly artifactDirectory?: string
  readonly run: RunSpec
  /** Environment of the user's code. `NODE_OPTIONS`, `LD_PRELOAD` and names starting with `WEFT_` were refused at the door. */
  readonly env: Readonly<Record<string, string>>
  /**
   * Secrets as files: secret name → file name → content. They appear read-only at `/var/openfaas/secrets/NAME` when a secret has one file
   * named like itself, and always at `/NAME/FILE` (as Kubeless mounts them).
   */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>
  readonly limits: { readonly memoryBytes?: number; readonly cpuMillis?: number; readonly maxProcesses?: number }
  readonly timeoutMs: number
  /** Calls that one replica takes at a time; 0 is no limit. */
  readonly concurrency: number
  readonly readinessPath: string
  readonly readOnlyRootFilesystem: boolean
  /** Longest time from "drain" to the end of the process. */
  readonly drainTimeoutMs: number
  /** Names that are hosts of the mesh beside those of the platform's rules: for programs without our hook. */
  readonly meshNamespaces: readonly string[]
}

/** How the user's code is run. */
export type RunSpec =
  | {
      readonly kind: 'nodejs'
      readonly contract: 'openfaas' | 'kubeless' | 'node-http' | 'fetch' | 'cloudevent' | 'grpc'
      /** Entry file, relative to the artifact directory. */
      readonly entry: string
      /** Export of the entry; absent: `default`, else `module.exports`. */
      readonly export?: string
      /** Name as the user wrote it (`nodejs14`), for contracts that tell the handler. */
      readonly runtimeName: string
    }
  | {
      readonly kind: 'process'
      /** Command line (`fprocess`); absent with mode `static`. */
      readonly command?: string
      readonly mode: 'classic' | 'http' | 'streaming' | 'serializing' | 'static'
      /** What it speaks on its port (mode `http`); absent: HTTP/1.1. */
      readonly protocol?: 'http2' | 'grpc' | 'tcp'
    }

/**
 * Life of a replica: `starting` (process spawned, sockets made) → `ready` (its readiness path answered 200) → `draining` (told to go;
 * takes what is under way) → `gone`. `backoff`: it crashed and waits to be started again, reason `CrashLoopBackOff`.
 */
export type ReplicaPhase = 'starting' | 'ready' | 'draining' | 'backoff' | 'gone'

/** One replica as it is now. Sockets and `startedAt` are those of the present incarnation: a restart makes fresh ones. */
export interface Replica {
  /** Unique for ever: no later replica or incarnation has it again. */
  readonly id: string
  readonly workload: NamespacedName
  readonly phase: ReplicaPhase
  /** Unix socket that the replica listens on; only the proxy may dial it. At most 107 bytes. */
  readonly inboundSocket?: string
  /** Where the proxy must listen for calls that this replica makes. At most 107 bytes. */
  readonly outboundSocket?: string
  readonly pid?: number
  readonly restarts: number
  /** CamelCase: `CrashLoopBackOff`, `OOMKilled`, `Unresponsive`, `StartTimeout`, `ExitedNonZero`, `ArtifactMissing`. */
  readonly reason?: string
  /** A sentence: exit code, signal, last line of stderr. */
  readonly message?: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Of one in `backoff`: when the incarnation that crashed was ready; absent when it never was. */
  readonly readyAt?: number
  /** When one in `backoff` is started again, in milliseconds since the epoch. */
  readonly restartsAt?: number
  /** Milliseconds of the steps of this start: `spawn`, `listening`, `ready`. */
  readonly steps: readonly { readonly name: string; readonly ms: number }[]
}

/** Told of everything that happens to replicas. */
export interface ReplicaObserver {
  /** Called with each change, in order per replica. Must not block. */
  changed(replica: Replica): void
  /**
   * A replica is about to be drained: resolves when no proxy will send it anything new. The provider waits for it, at most the drain
   * time-out, before it tells the replica to stop accepting.
   */
  retiring(replica: Replica): Promise<void>
}

/** One line of a function's output. */
export interface LogLine {
  readonly workload: NamespacedName
  readonly function: string
  readonly replica: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly stream: 'stdout' | 'stderr' | 'system'
  readonly text: string
}

/** Which log lines are wanted. */
export interface LogQuery {
  readonly namespace: string
  readonly function: string
  /** Id of a replica. */
  readonly replica?: string
  /** Milliseconds since the epoch. */
  readonly since?: number
  /** The last so many lines; absent or below 1: all. */
  readonly tail?: number
  readonly follow: boolean
  readonly signal?: AbortSignal
}

/** What the replicas of a workload use now. */
export interface Usage {
  readonly memoryBytes: number
  /** Thousandths of a core, over the last few seconds. */
  readonly cpuMillis: number
}

/** What this provider really enforces, to be shown to the user. */
export interface Isolation {
  /** `sandbox`: bubblewrap, the mesh cannot be bypassed; `uid`: own user each; `none`: plain processes, identities are advisory. */
  readonly level: 'sandbox' | 'uid' | 'none'
  readonly memoryLimit: 'cgroup' | 'watchdog' | 'none'
  readonly cpuLimit: 'cgroup' | 'none'
  readonly processLimit: 'cgroup' | 'rlimit' | 'none'
  /** One sentence for the start-up message, with what is missing and how to get it. */
  readonly summary: string
}

/**
 * Runs replicas. Transient failures are retried inside (backoff) and shown on the replica; a verb rejects only when the request itself makes no
 * sense or the provider is closed.
 */
export interface Provider {
  /**
   * Declares a workload, at zero replicas when new. A workload is immutable: declaring it again with another spec changes only limits, and the contents of
   * its secrets: for replicas that start from then on, and where a provider can (in sandboxes), in the files of those that run.
   */
  apply(spec: WorkloadSpec): Promise<void>
  /** Sets how many replicas are wanted; returns when the change is under way, not when it is done. @throws WeftError `NOT_FOUND` */
  scale(workload: NamespacedName, replicas: number): Promise<void>
  /** Drains all replicas of a workload and forgets it. Resolves when they are gone. Idempotent. */
  remove(workload: NamespacedName): Promise<void>
  /** All replicas that are not gone, optionally of one workload. Never waits. */
  list(workload?: NamespacedName): readonly Replica[]
  /** At most one observer per provider. @returns the function that ends it */
  watch(observer: ReplicaObserver): () => void
  logs(query: LogQuery): AsyncIterable<LogLine>
  usage(workload: NamespacedName): Promise<Usage>
  /** Drains everything and ends within `deadlineMs`. Idempotent. */
  close(deadlineMs: number): Promise<void>
}
