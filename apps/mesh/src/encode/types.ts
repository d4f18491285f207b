import type { LastGood } from '../credentials/last-good.ts'
import type { ChainKey, CredentialKey, GatewayHostKey, HostKey, ListenerKey, MeshReplica, MeshSnapshot, WorkloadKey } from '@weft/mesh-model'

/** A JSON object in the form that protobufjs' `fromObject` reads (proto field names in snake_case; a nested Any carries its type as `@type`). */
export type Json = { readonly [field: string]: unknown }

/** One xDS resource. */
export interface EnvoyResource {
  /** `type.googleapis.com/envoy.config.…`. */
  readonly typeUrl: string
  readonly name: string
  readonly json: Json
}

/** How much of anything a stranger may use. Bytes, milliseconds or counts as the names say. */
export interface NodeLimits {
  /** All request headers together. */
  readonly maxHeadersKiB: number
  readonly maxHeadersCount: number
  /** From the first byte of a request until its headers are complete (slowloris). */
  readonly requestHeadersTimeoutMs: number
  /** A connection without a stream. */
  readonly connectionIdleTimeoutMs: number
  /** A stream on which no byte moves in either direction, when its route does not say otherwise. WebSockets and event streams included. */
  readonly streamIdleTimeoutMs: number
  /** HTTP/2 streams of one connection. */
  readonly maxConcurrentStreams: number
  /** Bytes that Envoy keeps per connection before it stops reading. */
  readonly bufferBytes: number
  /** Mutual-TLS connections are renewed after this time; below the life of a certificate. */
  readonly maxConnectionDurationMs: number
  /** Longest life of a stream (WebSocket, server-sent events); as long as both sides want it when absent. */
  readonly maxStreamDurationMs?: number
  /** Calls under way, and calls waiting for a connection, per cluster; the call above it is answered 429. */
  readonly maxRequests: number
  /** Connections that one replica may have open to its proxy, so that it cannot take those of others; more are closed as they come. */
  readonly maxReplicaConnections: number
  /** Host names unknown to the mesh that one caller may ask for before its routes are sent as a whole. */
  readonly maxUnknownHosts: number
}

/** Something that takes OTLP. */
export interface Collector {
  readonly protocol: 'http/protobuf' | 'grpc'
  readonly host: string
  readonly port: number
  /** With TLS: the file with the authorities (PEM) that its certificate is checked by. */
  readonly tls?: { readonly authorities: string }
  /** Path before `/v1/traces` and `/v1/logs`, without a slash at its end; for `http/protobuf` only. */
  readonly path: string
}

/** Where a call leaves a trace of itself. Mesh-wide; can be changed while the mesh runs. */
export interface TelemetrySettings {
  /** Absent: no spans, and trace headers pass untouched. */
  readonly tracing?: {
    readonly collector: Collector
    /** Of the calls that begin here and have no decision yet; above 0, at most 100. */
    readonly samplingPercent: number
  }
  readonly accessLog:
    | { readonly format: 'none'; readonly only: 'all' | 'errors' }
    /** Lines of a file. */
    | { readonly format: 'json' | 'text'; readonly only: 'all' | 'errors' }
    | { readonly format: 'otlp'; readonly only: 'all' | 'errors'; readonly collector: Collector }
}

/** Where one proxy (an xDS node) has its things on its machine, and what it serves beside workloads. */
export interface NodeLayout {
  /** Xds node id; `MeshWorkload.proxy` names it. */
  readonly node: string
  /** Private directory of the proxy's own sockets; at most 70 bytes, so that socket paths stay within the 107 that Envoy takes. */
  readonly runDirectory: string
  /** The TCP listener for clients, and the address of all that gateways have bound; absent on a proxy that serves workloads only. */
  readonly ingress?: {
    readonly address: string
    readonly port: number
    /** Where TLS is taken: for gateways, and with a certificate (paths of files) for the platform itself. */
    readonly tls?: { readonly address?: string; readonly port: number; readonly certificate?: { readonly certificate: string; readonly key: string } }
  }
  /** Unix socket of the control API. */
  readonly gatewaySocket: string
  /** JSON lines of every call are appended to this file. */
  readonly accessLogFile: string
  /** How long a call may wait for a replica to wake. */
  readonly activationTimeoutMs: number
  /** Added to a workload's own time-out before the proxy gives a call up: the runtime answers first. */
  readonly timeoutGraceMs: number
  /** Addresses of this machine that are not private (CIDR): never reachable by egress. */
  readonly ownAddresses: readonly string[]
  /** TCP ports on which the platform itself listens on this machine: never reached by a ServiceEntry. */
  readonly platformPorts?: readonly number[]
  /** The name server for registered hosts: it knows no name that stands for a refused address, also among others. */
  readonly outsideNames?: { readonly port: number }
  /** File with the roots that the system trusts; absent: none was found. */
  readonly systemRoots?: string
  /** The name server on loopback that answers the proxy (`../name-guard`). Without one, a name with several addresses can reach a refused one. */
  readonly nameGuard?: { readonly port: number }
  readonly limits: NodeLimits
  readonly telemetry: TelemetrySettings
  /** Grows when a root is dropped. Connections that were opened under a smaller one end: at their next answer, at the latest when Envoy's drain time is over. */
  readonly trustEpoch?: number
}

/** What Envoy has asked for by name, for as long as it is subscribed. Names that the encoder does not know are answered, never removed. */
export interface Demand {
  /** Virtual hosts (`OUTBOUND_ROUTE/AUTHORITY`), as in VHDS subscriptions. */
  readonly virtualHosts: ReadonlySet<string>
  /** Clusters, as in on-demand CDS subscriptions (the wildcard left out). */
  readonly clusters: ReadonlySet<string>
}

/** Everything that the resources of one node are made of. */
export interface EncodeInput {
  readonly snapshot: MeshSnapshot
  readonly node: string
  /** All nodes by id: a caller finds the inbound sockets of another node's workloads by that node's layout. */
  readonly layouts: ReadonlyMap<string, NodeLayout>
  /** Replicas of the node's own workloads, by workload; a list that did not change must be the same object. */
  readonly replicas: ReadonlyMap<WorkloadKey, readonly MeshReplica[]>
  readonly demand: Demand
  /** Keys of issuers that were fetched, by the name of their source. */
  readonly keys?: ReadonlyMap<string, string>
  /** Content of the files that gateways and the layout name, as far as they can be read. */
  readonly files?: ReadonlyMap<string, string>
  /** What could be used before; absent: only what can be used now. */
  readonly lastGood?: LastGood
}

/** What changed since the last look, by name: it came, went, or is another object. Everything else is as it was. */
export interface Touched {
  /** Workloads that changed, or whose list of replicas did. */
  readonly workloads: Iterable<WorkloadKey>
  readonly hosts: Iterable<HostKey>
  /** Names of the outside. */
  readonly externals: Iterable<string>
  /** Names that are asked for now and were not, or the other way round. */
  readonly virtualHosts: Iterable<string>
  readonly clusters: Iterable<string>
  /** Sources of which the keys changed. */
  readonly keys?: Iterable<string>
  readonly listeners?: Iterable<ListenerKey>
  readonly chainNames?: Iterable<ChainKey>
  readonly gatewayHosts?: Iterable<GatewayHostKey>
  readonly credentials?: Iterable<CredentialKey>
  /** Paths. */
  readonly files?: Iterable<string>
}

/** One resource, by name. */
export type ResourceName = Pick<EnvoyResource, 'typeUrl' | 'name'>

/** What is different in the resources of a node. Among `set` may be some that say the same as before. */
export interface ResourceChanges {
  readonly set: readonly EnvoyResource[]
  readonly removed: readonly ResourceName[]
  /** Names of secrets (SDS) that resources refer to now and did not before, and the other way round. */
  readonly secretsAdded: readonly string[]
  readonly secretsRemoved: readonly string[]
  /** What could not be encoded: it stays as it was. */
  readonly failures: readonly { readonly what: string; readonly reason: string }[]
}
