import type { ResourceRef } from '@weft/core'
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

/** How a path is compared: as other texts, or by a template in which `{*}` stands for one segment and a final `{**}` for any number of them. */
export type PathMatch = StringMatch | { readonly kind: 'template'; readonly value: string }

/** Addresses with the same first bits. */
export interface AddressBlock {
  /** IPv4 or IPv6, as text. */
  readonly address: string
  readonly bits: number
}

/** Who calls, as far as mutual TLS, a JWT or the ingress proves it. Every field that is there must hold; one value of a list is enough; none of a `not…` list may hold. */
export interface SourceMatch {
  /** Compared with the SPIFFE ID without its `spiffe://`, as Istio writes principals. */
  readonly principals?: readonly StringMatch[]
  readonly notPrincipals?: readonly StringMatch[]
  readonly namespaces?: readonly StringMatch[]
  readonly notNamespaces?: readonly StringMatch[]
  /** `ISSUER/SUBJECT` of the verified JWT. */
  readonly requestPrincipals?: readonly StringMatch[]
  readonly notRequestPrincipals?: readonly StringMatch[]
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
  /** How calls reach its replicas, where a DestinationRule says so. */
  readonly traffic?: WorkloadTraffic
  /** How many calls it takes in a time, where its Function says so. */
  readonly rates?: WorkloadRates
  /** Longest time of one call. */
  readonly timeoutMs: number
  /** Path that the mesh's probe is rewritten to. */
  readonly readinessPath: string
  /** Xds node id of the proxy that serves it. */
  readonly proxy: string
}

/** A condition on a call; every part that is there must hold. */
export interface RouteMatch {
  readonly path?: { readonly match: StringMatch; readonly ignoreCase: boolean }
  /** `http` or `https`. */
  readonly scheme?: StringMatch
  /** `exact` on the method. */
  readonly methods?: readonly StringMatch[]
  /** Lower-case header name; several values: all must match. `invert`: must not match (absent counts as not matching). */
  readonly headers: readonly { readonly name: string; readonly match: StringMatch; readonly invert: boolean }[]
  readonly queryParameters: readonly { readonly name: string; readonly match: StringMatch }[]
  /** Labels that the calling workload must have; absent: any caller. */
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  readonly port?: number
  /** On the host as the caller wrote it, in lower case, without a port. */
  readonly authority?: StringMatch
}

/** A share of a route. */
export interface RouteTarget {
  /** At least 0; shares are relative to the sum over the route's targets. */
  readonly weight: number
  /** Where it goes; `undefined` when the host or subset does not exist (yet): this share answers 503 with `missing` as its reason. */
  readonly workload: WorkloadKey | undefined
  readonly missing?: string
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
  readonly retries?: RetryPolicy
  readonly requestHeaders?: HeaderOperations
  readonly responseHeaders?: HeaderOperations
  /** The resource that it came from: a VirtualService, a Function or a Service. */
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
  readonly trustDomain: string
  /** Path of a hop between workloads of the same proxy: `encrypted` = mutual TLS between two listeners, `direct` = one hop with the callee's policy. */
  readonly path: 'encrypted' | 'direct'
  readonly workloads: ReadonlyMap<WorkloadKey, MeshWorkload>
  readonly hosts: ReadonlyMap<HostKey, MeshHost>
  /** Namespaces that exist. */
  readonly namespaces: ReadonlySet<string>
  readonly outbound: { readonly policy: 'ALLOW_ANY' | 'REGISTRY_ONLY' }
  readonly findings: readonly ResourceFinding[]
}

/** What changed between two snapshots. */
export interface SnapshotDifference {
  readonly workloads: { readonly set: readonly WorkloadKey[]; readonly removed: readonly WorkloadKey[] }
  readonly hosts: { readonly set: readonly HostKey[]; readonly removed: readonly HostKey[] }
}
