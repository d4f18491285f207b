import type { GatewayPlacement, Protocol } from '@weft/api'
import type { ResourceRef } from '@weft/core'
import type { ResourceStatus } from './resource-status.ts'
import type { IngressAuthentication, JwtRule } from './authentication.ts'
import type { ExternalTarget, MeshExternal } from './external.ts'
import type { RouteActions } from './route-actions.ts'
import type { WorkloadRates, WorkloadTraffic } from './workload-traffic.ts'

/** `namespace/name` of a Revision: the unit of replicas, routing, policy and identity on the wire. */
export type WorkloadKey = string
/** `namespace/name` of a Function or Service. */
export type HostKey = string

/** How a text is compared. Values are literal: no pattern of a user reaches a regular expression by this type. */
export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  /** RE2 syntax, whole text, at most 1,024 characters (VirtualService only). */
  | { readonly kind: 'regex'; readonly value: string }
  /** There, and not empty (Istio's `*`). */
  | { readonly kind: 'present' }

/** How a path is compared: as other texts, or by a template in which `{*}` stands for one segment and `{**}`, the last of them, for any number. */
export type PathMatch = StringMatch | { readonly kind: 'template'; readonly value: string }

/** How a route compares a path: as other texts, or by whole segments, `/a` being the beginning of `/a` and `/a/b` and not of `/ab` (no slash at its end; `''` is any path). */
export type RoutePath = StringMatch | { readonly kind: 'segments'; readonly value: string }

/** Addresses with the same first bits. */
export interface AddressBlock {
  /** IPv4 or IPv6, as text. */
  readonly address: string
  readonly bits: number
}

/** On issuer and subject of the verified JWT (Istio's `ISSUER/SUBJECT`, parted at the last slash); both must hold. */
export interface RequestPrincipalMatch {
  readonly issuer: StringMatch
  readonly subject: StringMatch
}

/** Who calls, as far as mutual TLS, a JWT or the ingress proves it. Every field that is there must hold; one value of a list is enough; none of a `not…` list may hold. */
export interface SourceMatch {
  /** Compared with the SPIFFE ID without its `spiffe://`, as Istio writes principals. */
  readonly principals?: readonly StringMatch[]
  readonly notPrincipals?: readonly StringMatch[]
  readonly namespaces?: readonly StringMatch[]
  readonly notNamespaces?: readonly StringMatch[]
  readonly requestPrincipals?: readonly RequestPrincipalMatch[]
  readonly notRequestPrincipals?: readonly RequestPrincipalMatch[]
  /** Address of the client outside as the ingress saw it. Calls that a function makes have none, and are in no block. */
  readonly ipBlocks?: readonly AddressBlock[]
  readonly notIpBlocks?: readonly AddressBlock[]
  readonly remoteIpBlocks?: readonly AddressBlock[]
  readonly notRemoteIpBlocks?: readonly AddressBlock[]
}

/** What is asked for. Reads like {@link SourceMatch}. Paths are compared without the query, after normalisation. */
export interface OperationMatch {
  readonly methods?: readonly StringMatch[]
  readonly notMethods?: readonly StringMatch[]
  readonly paths?: readonly PathMatch[]
  readonly notPaths?: readonly PathMatch[]
  readonly hosts?: readonly StringMatch[]
  readonly notHosts?: readonly StringMatch[]
  readonly ports?: readonly number[]
  readonly notPorts?: readonly number[]
}

/** One more condition of a rule (Istio's `when`); `values` and `notValues` must both hold where they are there. */
export type PolicyCondition =
  | { readonly kind: 'source'; readonly source: SourceMatch }
  | { readonly kind: 'operation'; readonly operation: OperationMatch }
  /**
   * A request header, which may have been sent several times: a rule that allows wants every value to be one of `values`, one that denies is content with
   * one; and the other way round for `notValues`.
   */
  | { readonly kind: 'header'; readonly name: string; readonly values?: readonly StringMatch[]; readonly notValues?: readonly StringMatch[] }
  /** A claim of the verified JWT, by its path; of a list, one element is enough. */
  | { readonly kind: 'claim'; readonly path: readonly string[]; readonly values?: readonly StringMatch[]; readonly notValues?: readonly StringMatch[] }

/** One rule: it matches when one source matches (or none is named), one operation matches (or none is named), and all conditions hold. */
export interface PolicyRule {
  /** The resource it came from and the rule's number in it; shown in statistics and `authz` answers. */
  readonly policy: ResourceRef
  readonly index: number
  readonly sources: readonly SourceMatch[]
  readonly operations: readonly OperationMatch[]
  readonly conditions?: readonly PolicyCondition[]
}

/** Who may call a workload. Evaluated deny first, then allow; the prober's reserved path is outside of it. */
export interface WorkloadPolicy {
  readonly deny: readonly PolicyRule[]
  /** `undefined`: no ALLOW policy selects the workload, so everything not denied is allowed. An empty list allows nothing. */
  readonly allow: readonly PolicyRule[] | undefined
  /** Set when a policy that selects the workload could not be understood: everything is denied. */
  readonly broken?: { readonly policy: ResourceRef; readonly reason: string }
  /** Rules that decide nothing: calls that one of them matches are marked in the access log. */
  readonly audit?: readonly PolicyRule[]
  /** Policies that are tried out (`istio.io/dry-run`): what they would say is in the access log, and decides nothing. */
  readonly dryRun?: { readonly deny: readonly PolicyRule[]; readonly allow: readonly PolicyRule[] | undefined }
}

/** One version of a function, as the mesh sees it. Its replicas are not here: they are ephemeral (see `MeshPlane.setReplicas`). */
export interface MeshWorkload {
  readonly key: WorkloadKey
  readonly namespace: string
  /** `metadata.name` of the Revision. */
  readonly name: string
  readonly function: string
  /** Short name of the revision. */
  readonly revision: string
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  /** `strict`: mutual TLS or nothing; `permissive`: plain text too; `disable`: plain text only. */
  readonly mtls: 'strict' | 'permissive' | 'disable'
  readonly policy: WorkloadPolicy
  /** Tokens that are verified, where a RequestAuthentication selects it; never empty. */
  readonly authentication?: readonly JwtRule[]
  /** How calls reach its replicas, where a DestinationRule says so. */
  readonly traffic?: WorkloadTraffic
  /** How many calls it takes in a time, where its Function says so. */
  readonly rates?: WorkloadRates
  /** Each of its calls is taken for a stream, which a change of policy can end; absent: those that ask for one. */
  readonly watched?: 'every-call'
  /** Longest time of one call. */
  readonly timeoutMs: number
  /** What its replicas speak on their sockets; absent: HTTP/1.1. */
  readonly protocol?: Exclude<Protocol, 'http'>
  /** The port by which policies know it; absent: 8080. */
  readonly port?: number
  /** Path that the mesh's probe is rewritten to. */
  readonly readinessPath: string
  /** Xds node id of the proxy that serves it. */
  readonly proxy: string
  /** Set: it is a port of the egress gateway. It has no replicas; its calls go on by the routes of this listener. */
  readonly gateway?: ListenerKey
}

/** A condition on a call; every part that is there must hold. */
export interface RouteMatch {
  readonly path?: { readonly match: RoutePath; readonly ignoreCase: boolean }
  /** `http` or `https`. */
  readonly scheme?: StringMatch
  /** `exact` on the method. */
  readonly methods?: readonly StringMatch[]
  /** Lower-case header name; several values: all must match. `invert`: must not match (absent counts as not matching). */
  readonly headers: readonly { readonly name: string; readonly match: StringMatch; readonly invert: boolean }[]
  readonly queryParameters: readonly { readonly name: string; readonly match: StringMatch }[]
  /** Claims of the token that the ingress has verified; calls that do not come through it have none. */
  readonly claims?: readonly { readonly path: readonly string[]; readonly match: StringMatch; readonly invert: boolean }[]
  /** Labels that the calling workload must have; absent: any caller. */
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  readonly port?: number
  /** On the host as the caller wrote it, in lower case, without a port. */
  readonly authority?: StringMatch
  /** Where calls come in, `mesh` or keys of gateways; absent: wherever its routes hold. Decided by the compiler: never in a snapshot. */
  readonly gateways?: readonly string[]
}

/** A share of a route. */
export interface RouteTarget {
  /** At least 0; shares are relative to the sum over the route's targets. */
  readonly weight: number
  /** Where it goes; `undefined` when the host or subset does not exist (yet): this share answers 503 with `missing` as its reason. */
  readonly workload: WorkloadKey | undefined
  /** Set: it goes there, outside of the mesh, and `workload` is `undefined`. */
  readonly external?: ExternalTarget
  readonly missing?: string
  /** Status of that answer where it is another. */
  readonly missingStatus?: 500
  /** Changed for this share alone, after those of the route. */
  readonly requestHeaders?: HeaderOperations
  readonly responseHeaders?: HeaderOperations
}

/** Headers to change; names lower-case, values literal (a percent sign is one). */
export interface HeaderOperations {
  readonly set: readonly { readonly name: string; readonly value: string }[]
  readonly add: readonly { readonly name: string; readonly value: string }[]
  readonly remove: readonly string[]
}

/** When a failed call is tried again. Calls that are not idempotent are retried only when nothing was sent, whatever stands here. */
export interface RetryPolicy {
  /** 0 switches retries off. */
  readonly attempts: number
  readonly perTryTimeoutMs?: number
  /** Envoy's conditions or status codes, separated by commas (`retryOn` of Istio), where a VirtualService names them. */
  readonly retryOn?: string
  /** Pause before the first retry; absent: the mesh's own. */
  readonly backoffMs?: number
}

/** One route of a host; the first whose matches hold wins. */
export interface MeshRoute extends RouteActions {
  readonly name: string
  /** Any of these; empty: every call. */
  readonly matches: readonly RouteMatch[]
  readonly targets: readonly RouteTarget[]
  /** Absent: the longest time-out of its workloads. 0: none. */
  readonly timeoutMs?: number
  /** Longest time of one try. */
  readonly tryTimeoutMs?: number
  readonly retries?: RetryPolicy
  readonly requestHeaders?: HeaderOperations
  readonly responseHeaders?: HeaderOperations
  /** The resource that it came from: a VirtualService, a route of the Gateway API, a Function or a Service. */
  readonly origin: ResourceRef
}

/** A condition on a connection, which is decided when the routes of a caller are made; every part that is there must hold. */
export interface TcpMatch {
  readonly port?: number
  /** Server names of TLS (`*.example.com` too). In the mesh, the name that the caller connects to. */
  readonly serverNames?: readonly string[]
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  /** As in {@link RouteMatch}. */
  readonly gateways?: readonly string[]
}

/** Where connections of raw TCP go; the first whose matches hold wins. */
export interface MeshTcpRoute {
  readonly name: string
  /** Any of these; empty: every connection. */
  readonly matches: readonly TcpMatch[]
  readonly targets: readonly RouteTarget[]
  readonly origin: ResourceRef
}

/** A name that callers use, and where its calls go. */
export interface MeshHost {
  readonly key: HostKey
  readonly namespace: string
  readonly name: string
  /** `NAME.NAMESPACE.svc.cluster.local`. */
  readonly fqdn: string
  /** Ports that it answers on (80 and 8080 for a function). */
  readonly ports: readonly number[]
  readonly routes: readonly MeshRoute[]
  /** Not to be called from outside by this name; absent: it may be. */
  readonly isPrivate?: true
  /** The ports, among those above, on which it carries raw TCP, and where connections to them go. */
  readonly tcp?: { readonly ports: readonly number[]; readonly routes: readonly MeshTcpRoute[] }
  /** Namespaces whose calls may know it (`networking.istio.io/exportTo` of its Service); absent: all. */
  readonly visibleIn?: readonly string[]
}

/** `namespace/name` of a Gateway. */
export type GatewayKey = string
/** `PLACEMENT:PORT`, for a listener that the platform binds: `ingress:8080`. */
export type ListenerKey = string
/** One set of certificates of a listener: the listener's key, and for TLS the gateway and the server: `ingress:8443/shop/web/https`. */
export type ChainKey = string
/** `CHAIN|NAME`. */
export type GatewayHostKey = string
/** `namespace/name` of a Secret. */
export type CredentialKey = string

export type { GatewayPlacement } from '@weft/api'

/** A Secret: the first of several that is there. */
export interface SecretSource {
  readonly kind: 'secret'
  readonly key: CredentialKey
  /** The others that it may be. */
  readonly others?: readonly CredentialKey[]
}

/** Where a certificate and its key are. */
export type CertificateSource = SecretSource | { readonly kind: 'files'; readonly certificate: string; readonly key: string }

/** Where the roots are that client certificates are checked by. */
export type RootsSource = SecretSource | { readonly kind: 'file'; readonly path: string }

/** A version of TLS. */
export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3'

/** TLS that a gateway ends. */
export interface GatewayTls {
  /** `simple`: clients show no certificate; `optional`: they may; `mutual`: they must. */
  readonly clients: 'simple' | 'optional' | 'mutual'
  readonly certificate: CertificateSource
  /** Of client certificates; there unless `simple`. */
  readonly roots?: RootsSource
  /** Of which a client certificate must have one; empty: any name. */
  readonly subjectAltNames: readonly string[]
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** Up to TLS 1.2; empty: the proxy's. */
  readonly cipherSuites: readonly string[]
}

/** What a port of a gateway carries. `tls` goes through as it is, chosen by the server name. */
export type ServerProtocol = 'http' | 'https' | 'tls' | 'tcp'

/** One port of a gateway. */
export interface GatewayServer {
  /** Unique in the gateway. */
  readonly name: string
  /** As written. */
  readonly port: number
  readonly protocol: ServerProtocol
  /** Names under which it answers (`*`, `*.example.com` or a whole name), each for routes of one namespace or (`*`) of all. */
  readonly hosts: readonly { readonly namespace: string; readonly name: string }[]
  /** Where TLS ends here. */
  readonly tls?: GatewayTls
  /** Calls are sent to https. */
  readonly httpsRedirect: boolean
}

/** A Gateway as it was understood. */
export interface MeshGateway {
  readonly key: GatewayKey
  readonly namespace: string
  readonly name: string
  readonly placement: GatewayPlacement
  readonly servers: readonly GatewayServer[]
  readonly origin: ResourceRef
}

/** Part of a listener: all of its calls (`http`, `tcp`), or those with one of its server names. */
export interface ListenerChain {
  readonly key: ChainKey
  readonly protocol: ServerProtocol
  /** The (oldest) server that it is made of. */
  readonly gateway: GatewayKey
  readonly server: string
  /** SNI; empty: any. */
  readonly serverNames: readonly string[]
  readonly tls?: GatewayTls
}

/** A port that gateways have the platform bind, with the servers of all gateways on it. */
export interface MeshListener {
  readonly key: ListenerKey
  readonly placement: GatewayPlacement
  readonly port: number
  readonly chains: readonly ListenerChain[]
  /** The gateways that it is made of, the oldest first. */
  readonly origins: readonly ResourceRef[]
}

/** Which name means what on one chain (HTTP). */
export interface ChainNames {
  readonly key: ChainKey
  /** Names that have a {@link GatewayHost} here. */
  readonly domains: readonly string[]
  /** Names that another chain of the listener has, perhaps with other demands on clients: asked for here they are misdirected (421). */
  readonly elsewhere: readonly string[]
  /** Names that gateways have on other listeners: under them no path of the platform is reachable. */
  readonly claimed: readonly string[]
}

/** A name under which a chain answers, and what happens with its calls. Of several that fit the most specific one is meant. */
export interface GatewayHost {
  readonly key: GatewayHostKey
  readonly chain: ChainKey
  /** `*`, `*.example.com` or a whole name; lower-case. */
  readonly domain: string
  /** Calls that none of them takes are answered 404. */
  readonly routes: readonly MeshRoute[]
  /** Where connections go, on a chain that carries no HTTP. */
  readonly tcp?: readonly MeshTcpRoute[]
  /** Set: every call is sent to https, on this port where the client named a port. */
  readonly httpsPort?: number
  readonly origin: ResourceRef
}

/** Certificates of a Secret, PEM in base64, unchecked. Never shown. */
export interface GatewayCredential {
  readonly key: CredentialKey
  readonly certificate?: { readonly chain: string; readonly privateKey: string }
  /** Of client certificates, and those that are revoked (`ca.crl`). */
  readonly roots?: { readonly certificates: string; readonly revoked?: string }
}

/** What the compiler has to say about one resource. */
export interface ResourceFinding {
  readonly resource: ResourceRef
  readonly severity: 'error' | 'warning'
  /** CamelCase, stable: `HostNotFound`, `SubsetNotFound`, `FieldNotSupported`, `PolicyBroken`, `SplitOwned` and the others of `FindingReason`. */
  readonly reason: string
  readonly message: string
}

/**
 * Everything that the proxies are to do, checked, immutable and numbered. Entries that did not change from one snapshot to the next are the *same
 * objects*, so that what follows (encoding, differences) can go by identity and a change costs what it touches.
 */
export interface MeshSnapshot {
  readonly version: number
  /** The resources whose change made it. */
  readonly cause: readonly ResourceRef[]
  /** Where several resources caused it: by `MAP KEY`, those that touched an entry themselves. Not carried on to the next. */
  readonly causes?: ReadonlyMap<string, readonly ResourceRef[]>
  readonly trustDomain: string
  /** Path of a hop between workloads of the same proxy: `encrypted` = mutual TLS between two listeners, `direct` = one hop with the callee's policy. */
  readonly path: 'encrypted' | 'direct'
  readonly workloads: ReadonlyMap<WorkloadKey, MeshWorkload>
  readonly hosts: ReadonlyMap<HostKey, MeshHost>
  readonly gateways: ReadonlyMap<GatewayKey, MeshGateway>
  readonly listeners: ReadonlyMap<ListenerKey, MeshListener>
  readonly chainNames: ReadonlyMap<ChainKey, ChainNames>
  readonly gatewayHosts: ReadonlyMap<GatewayHostKey, GatewayHost>
  /** Those that gateways refer to and that are there. */
  readonly credentials: ReadonlyMap<CredentialKey, GatewayCredential>
  /** What is registered of the outside, by name (see {@link externalKeysOf}). */
  readonly externals: ReadonlyMap<string, MeshExternal>
  /** Namespaces that exist. */
  readonly namespaces: ReadonlySet<string>
  readonly outbound: { readonly policy: 'ALLOW_ANY' | 'REGISTRY_ONLY' }
  /** Tokens that the ingress verifies, where a RequestAuthentication selects it. */
  readonly ingressAuthentication?: IngressAuthentication
  readonly findings: readonly ResourceFinding[]
  /** What the status of resources of the Gateway API is to say, by `refKey`. */
  readonly statuses: ReadonlyMap<string, ResourceStatus>
}

/** Keys of entries that came or changed, and of those that went. */
export interface MapDifference {
  readonly set: readonly string[]
  readonly removed: readonly string[]
}

/** The entries of a snapshot that have keys. */
export const SNAPSHOT_MAPS = ['workloads', 'hosts', 'gateways', 'listeners', 'chainNames', 'gatewayHosts', 'credentials', 'externals'] as const
/** One of {@link SNAPSHOT_MAPS}. */
export type SnapshotMap = (typeof SNAPSHOT_MAPS)[number]

/** What changed between two snapshots. */
export type SnapshotDifference = Readonly<Record<SnapshotMap, MapDifference>>
