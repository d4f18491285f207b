import type { CausedChange } from './diff/describe-changes.ts'
import type { NamespacedName, ResourceRef } from '@weft/core'
import type { AuthorizationAnswer, AuthorizationQuestion } from './explain/authorize.ts'
import type { HostDescription } from './explain/describe.ts'
import type { ResourceFinding } from './snapshot.ts'
import type { LiveTap, TapRequest } from './tap.ts'

/** A live replica, as the mesh needs it. */
export interface MeshReplica {
  readonly id: string
  /** Unix socket that the proxy dials. */
  readonly inboundSocket: string
  /** Where the proxy listens for calls that this replica makes; absent when it makes none. */
  readonly outboundSocket?: string
  /** Whether it may receive calls (ready and not draining). Its outbound socket is served as long as it is listed. */
  readonly serving: boolean
}

/** How far a change got. */
export interface Delivery {
  /** Whether every connected proxy that needs it has acknowledged within the deadline. */
  readonly complete: boolean
  /** Proxies that were not waited for any longer, and why. */
  readonly stragglers: readonly { readonly proxy: string; readonly reason: string }[]
  /** Milliseconds: `listeners` (outbound listeners and certificates), `endpoints`. */
  readonly steps: readonly { readonly name: string; readonly ms: number }[]
}

/** Answer of a probe through the mesh by the identity `weft-system/prober`. */
export type ProbeResult = { readonly ok: true; readonly ms: number } | { readonly ok: false; readonly ms: number; readonly reason: string }

/** A step of an activation; milliseconds since the epoch, and how long it took. */
export interface WakeStep {
  readonly name: string
  readonly startedAt: number
  readonly ms: number
}

/** A part of a traced call that was measured inside of a replica. */
export interface RuntimeSpan {
  readonly workload: NamespacedName
  /** Name of the function. */
  readonly function: string
  readonly revision: string
  readonly replica: string
  /** Hexadecimal. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  /** Microseconds since the epoch. */
  readonly startUs: number
  readonly endUs: number
  readonly status?: number
  /** The answer was not sent to its end. */
  readonly cut: boolean
}

/** Answer to a wake-up call: the workload has a proven replica (and what was done for it, when anything was), or why it has none. */
export type WakeResult = { readonly ok: true; readonly steps?: readonly WakeStep[] } | { readonly ok: false; readonly status: number; readonly reason: string }

/** What the proxies counted for one workload since the last report. */
export interface LoadReport {
  readonly workload: NamespacedName
  /** Calls under way now (held ones included). */
  readonly inProgress: number
  /** Calls that began since the last report. */
  readonly started: number
  readonly intervalMs: number
}

/** Counters of calls that came through the ingress, for `gateway_function_*`; cumulative since the proxy started. */
export interface InvocationStatistics {
  readonly function: NamespacedName
  readonly revision: string
  /** HTTP status → number of calls. */
  readonly byCode: Readonly<Record<string, number>>
  readonly started: number
  /** Upper bound in seconds → cumulative count, as Prometheus histograms are. */
  readonly durationBuckets: readonly { readonly le: number; readonly count: number }[]
  readonly durationSumSeconds: number
  readonly durationCount: number
}

/** One end of calls, in the words of Istio's metrics; `unknown` where nothing proves it. */
export interface TrafficEnd {
  /** Name of the Revision; of the identity, where only that is known. */
  readonly workload: string
  readonly namespace: string
  /** SPIFFE ID. */
  readonly principal: string
  readonly app: string
  readonly version: string
  /** The function; of a place outside, its host. */
  readonly service: string
  /** Not of the mesh: `workload` is its host too. */
  readonly outside?: true
}

/** A histogram as Prometheus has it: upper bound → cumulative count. */
export interface TrafficHistogram {
  readonly buckets: readonly { readonly le: number; readonly count: number }[]
  readonly sum: number
  readonly count: number
}

/** Calls between two ends that ended alike, counted by one side; cumulative since that proxy started. */
export interface TrafficStatistics {
  readonly reporter: 'source' | 'destination'
  readonly source: TrafficEnd
  readonly destination: TrafficEnd
  /** HTTP status; `0` when there was none. */
  readonly code: string
  /** Envoy's response flags; `-` for none. */
  readonly flags: string
  readonly security: 'mutual_tls' | 'none' | 'unknown'
  readonly requests: number
  /** Milliseconds. */
  readonly duration: TrafficHistogram
  /** Status of gRPC, where the callee said one that there is. */
  readonly grpcStatus?: string
  /** Set: these are connections of raw TCP, not calls; there are no {@link requests} then. Bytes are counted when a connection has ended. */
  readonly connections?: ConnectionStatistics
  /** Set: these are messages of gRPC calls, not the calls; there are no {@link requests} then. Counted as they come by. */
  readonly messages?: MessageStatistics
  /** They waited for a replica; told by the side that chooses it. */
  readonly held?: true
  /** Bodies; counted by the destination. */
  readonly requestBytes?: TrafficHistogram
  readonly responseBytes?: TrafficHistogram
}

/** Messages of gRPC, as callers and callees sent them. */
export interface MessageStatistics {
  readonly requests: number
  readonly responses: number
}

/** Connections of raw TCP; sizes in bytes as the caller sees them. */
export interface ConnectionStatistics {
  readonly opened: number
  readonly closed: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** One proxy, as `weft mesh status` shows it. */
export interface ProxyStatus {
  readonly proxy: string
  readonly connected: boolean
  /** Milliseconds since the epoch of the present connection. */
  readonly connectedAt?: number
  readonly version?: string
  readonly restarts: number
  /** Per resource type (LDS, CDS, …): how many resources it holds, the last version sent and acknowledged, milliseconds since that. */
  readonly types: readonly {
    readonly type: string
    readonly resources: number
    readonly sentVersion: string
    readonly ackedVersion: string
    readonly ackAgeMs?: number
  }[]
  /** Resources that it refused and that are set aside, with the proxy's own words. */
  readonly rejected: readonly { readonly type: string; readonly resource: string; readonly message: string; readonly cause?: ResourceRef }[]
}

/** One snapshot that is remembered. */
export interface SnapshotEntry {
  readonly version: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The resources whose change made it. */
  readonly cause: readonly ResourceRef[]
}

/** What changed from one snapshot to another. */
export interface MeshChanges {
  readonly from: number
  readonly to: number
  /** Those after `from` up to `to`, oldest first. */
  readonly snapshots: readonly SnapshotEntry[]
  readonly changes: readonly CausedChange[]
}

/** State of the mesh. */
export interface MeshStatus {
  readonly snapshotVersion: number
  readonly trustDomain: string
  readonly path: 'encrypted' | 'direct'
  readonly proxies: readonly ProxyStatus[]
  readonly findings: readonly ResourceFinding[]
  /** Certificates that end soon, in words; the first twenty. */
  readonly certificateWarnings: readonly string[]
}

/** One certificate, as `weft mesh certs` shows it. */
export interface CertificateStatus {
  readonly kind: 'root' | 'intermediate' | 'leaf'
  /** SPIFFE ID, `root`, or the name of an intermediate. */
  readonly identity: string
  /** Hexadecimal. */
  readonly serial: string
  /** RFC 3339. */
  readonly notBefore: string
  readonly notAfter: string
  /** Whole days, rounded down; below zero when it has ended. */
  readonly daysLeft: number
  /** When a leaf is replaced. RFC 3339. */
  readonly rotatesAt?: string
  /** Serial number of the root that a leaf chains to. */
  readonly root?: string
  /** Of a root: `announced` is trusted and does not sign yet, `retiring` was replaced and is trusted for some time still. */
  readonly state?: 'signs' | 'announced' | 'retiring'
  /** Until when a retiring root is trusted. RFC 3339. */
  readonly trustedUntil?: string
  /** What should be done, when its end comes near. */
  readonly warning?: string
}

/** How far a rotation of the root got. */
export interface RootRotation {
  /** `announced`: every proxy is to trust it first; `signs`: all certificates are issued anew, by it. */
  readonly phase: 'announced' | 'signs'
  /** Serial number of the new root. */
  readonly root: string
  /** Proxies that have not acknowledged yet; the rotation goes on when they do. */
  readonly stragglers: readonly { readonly proxy: string; readonly reason: string }[]
  /** Until when old roots are trusted. RFC 3339. */
  readonly oldTrustedUntil?: string
}

/** Configuration of one workload as the proxy has it; secrets without keys. Values are the JSON form of Envoy's resources. */
export interface WorkloadConfiguration {
  readonly workload: NamespacedName
  readonly listeners: readonly unknown[]
  readonly routes: readonly unknown[]
  readonly clusters: readonly unknown[]
  readonly endpoints: readonly unknown[]
  /** Filters that are resources of their own. */
  readonly extensions: readonly unknown[]
  readonly secrets: readonly unknown[]
  /** What the compiler made of it (`MeshWorkload`, `MeshHost`), before Envoy. */
  readonly model: { readonly workload: unknown; readonly hosts: readonly unknown[] }
}

/**
 * The mesh as the controller, the gateway and the metrics see it. It reads resources from the store by itself; only what is ephemeral goes through
 * here. Implemented by `@weft/mesh`, in its own worker thread.
 */
export interface MeshPlane {
  /**
   * Replaces what is known of a workload's replicas. Resolves when it is in force at every proxy that needs it, or at the deadline with the
   * stragglers. Later calls supersede earlier ones: replicas that they take back are not waited for any more.
   */
  setReplicas(workload: NamespacedName, replicas: readonly MeshReplica[], deadlineMs?: number): Promise<Delivery>
  /** One call through the inbound listener to a replica of the workload, on the reserved path, as the prober. */
  probe(workload: NamespacedName, timeoutMs: number): Promise<ProbeResult>
  /** Who wakes workloads that are called at zero: called once per workload however many calls are held, until it resolves. */
  onWake(handler: (workload: NamespacedName) => Promise<WakeResult>): void
  /** Load reports, every 100 ms while there is something to report, and one of zero when it ends. @returns the function that ends it */
  onLoad(listener: (reports: readonly LoadReport[]) => void): () => void
  /**
   * Resolves when the snapshot that contains this version of the store (a `resourceVersion`) is in force at every connected proxy, or at the deadline.
   */
  settled(resourceVersion: string, deadlineMs: number): Promise<Delivery>
  status(): Promise<MeshStatus>
  /** Snapshots that are remembered, oldest first: the newest fifty. */
  snapshots(): Promise<readonly SnapshotEntry[]>
  /** What changed between two of them; by default the last change. @returns `undefined` when one is not remembered, or they are not in order */
  changes(from?: number, to?: number): Promise<MeshChanges | undefined>
  /** @returns one entry per workload of that function (or Service) */
  configuration(host: NamespacedName): Promise<readonly WorkloadConfiguration[]>
  /** Asks the policies in force. @returns `undefined` when there is no such host */
  authorize(question: AuthorizationQuestion): Promise<AuthorizationAnswer | undefined>
  /** Which of the workloads routes of others than their function (a VirtualService, a route of the Gateway API …) lead to. */
  referred(workloads: readonly NamespacedName[]): Promise<readonly NamespacedName[]>
  /** A host in plain words. @returns `undefined` when there is none of that name */
  describe(host: NamespacedName): Promise<HostDescription | undefined>
  certificates(): Promise<readonly CertificateStatus[]>
  /** Issues new certificates for all identities now (for tests and emergencies). */
  rotate(): Promise<void>
  /**
   * Replaces the root: by one that is made now, or by the brought files as they are now. No call is lost.
   * @returns how far it got until the deadline
   * @throws WeftError `CA_UNCHANGED`, `CA_UNUSABLE`
   */
  rotateRoot(deadlineMs: number): Promise<RootRotation>
  /** Takes spans of replicas, to be sent where the proxies' own go. Never fails: spans may be lost. */
  record(spans: readonly RuntimeSpan[]): void
  invocations(): Promise<readonly InvocationStatistics[]>
  /** Who called whom, how often, with which outcome; only what was called. */
  traffic(): Promise<readonly TrafficStatistics[]>
  /**
   * Shows calls of a workload as they end. Costs nothing when nobody looks.
   * @returns `undefined` when the mesh knows no workload of that name
   * @throws WeftError `TOO_MANY_TAPS`
   */
  tap(request: TapRequest): Promise<LiveTap | undefined>
}
