import type { NamespacedName } from '@weft/core'
import type {
  AuthorizationAnswer,
  AuthorizationQuestion,
  CertificateStatus,
  Change,
  Delivery,
  HostDescription,
  InvocationStatistics,
  LoadReport,
  MeshChanges,
  MeshReplica,
  MeshStatus,
  ProbeResult,
  SnapshotEntry,
  TapEvent,
  TapRequest,
  RootRotation,
  RuntimeSpan,
  TrafficStatistics,
  WakeResult,
  WorkloadConfiguration,
} from '@weft/mesh-model'
import type { StatusChange } from '../status/writer.ts'
import type { TelemetrySettings } from '../encode/types.ts'
import type { MeshSettings } from '../plane/options.ts'

/** What the thread of the mesh can be asked. */
export type EngineMethods = {
  readonly apply: (changes: readonly Change[]) => void
  readonly start: () => Promise<void>
  readonly setReplicas: (workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs?: number) => Promise<Delivery>
  readonly settled: (deadlineMs: number) => Promise<Delivery>
  readonly probe: (workload: NamespacedName, timeoutMs: number) => Promise<ProbeResult>
  readonly status: () => MeshStatus
  readonly snapshots: () => readonly SnapshotEntry[]
  readonly changes: (from?: number, to?: number) => MeshChanges | undefined
  readonly configuration: (host: NamespacedName) => readonly WorkloadConfiguration[]
  readonly openTap: (request: TapRequest) => Promise<number | undefined>
  readonly readTap: (id: number) => Promise<readonly TapEvent[] | undefined>
  readonly closeTap: (id: number) => Promise<void>
  readonly authorize: (question: AuthorizationQuestion) => AuthorizationAnswer | undefined
  readonly referred: (workloads: readonly NamespacedName[]) => readonly NamespacedName[]
  readonly describe: (host: NamespacedName) => HostDescription | undefined
  readonly certificates: () => readonly CertificateStatus[]
  readonly rotate: () => Promise<void>
  readonly rotateRoot: (deadlineMs: number) => Promise<RootRotation>
  readonly invocations: () => Promise<readonly InvocationStatistics[]>
  readonly traffic: () => Promise<readonly TrafficStatistics[]>
  readonly record: (spans: readonly RuntimeSpan[]) => void
  readonly telemetry: (settings: TelemetrySettings) => void
  readonly reopenLogs: () => Promise<void>
  readonly envoyPid: () => number | undefined
  readonly stop: (drainMs: number) => Promise<void>
}

/** What the thread of the mesh asks and tells the main thread. */
export type HostMethods = {
  readonly wake: (workload: NamespacedName) => Promise<WakeResult>
  readonly load: (reports: readonly LoadReport[]) => void
  /** What statuses of resources are to say. */
  readonly statuses: (change: StatusChange) => void
  /** One line of the log, JSON. */
  readonly log: (line: string) => void
}

/** What a worker thread is started with. */
export interface WorkerInput {
  readonly settings: MeshSettings
  readonly logLevel: string
}

/** The names of {@link EngineMethods}. */
export const ENGINE_METHODS = [
  'apply',
  'start',
  'setReplicas',
  'settled',
  'probe',
  'status',
  'snapshots',
  'changes',
  'configuration',
  'openTap',
  'readTap',
  'closeTap',
  'authorize',
  'referred',
  'describe',
  'certificates',
  'rotate',
  'rotateRoot',
  'invocations',
  'traffic',
  'record',
  'telemetry',
  'reopenLogs',
  'envoyPid',
  'stop',
] as const satisfies readonly (keyof EngineMethods)[]
