import type { CompilerSettings } from '@weft/mesh-model'
import type { NodeLayout } from '../encode/types.ts'

/** How the mesh runs: plain data, so that it can be handed to a worker thread. */
export interface MeshSettings {
  /** The proxy that has the ingress. */
  readonly layout: NodeLayout
  /** Further proxies of this machine; the workloads are placed over all of them. */
  readonly others?: readonly NodeLayout[]
  /** Where the certificate authority keeps its roots, in a directory `ca` (0700; keys 0600). */
  readonly authorityDirectory: string
  /** Life of a certificate; 24 hours unless set, never more. */
  readonly leafLifetimeMs?: number
  /** Directory with a certificate authority that somebody brings; without it roots are made here. */
  readonly broughtAuthority?: string
  /** How long an old root is trusted after its successor began to sign; an hour unless set. */
  readonly rootOverlapMs?: number
  /** How often it is looked whether the files of a brought authority were replaced; 10 s unless set. */
  readonly lookEveryMs?: number
  /** How long connections live on that were opened under a root that was dropped, and those of a listener that was changed; ten minutes unless set. */
  readonly connectionDrainMs?: number
  readonly trustDomain: string
  readonly path: NonNullable<CompilerSettings['path']>
  readonly outbound: NonNullable<CompilerSettings['outbound']>
  /** How public keys of issuers (RequestAuthentication) are fetched. */
  readonly keys?: {
    /** Blocks of private addresses (CIDR) that may be asked nevertheless; none unless set. */
    readonly allowedAddresses?: readonly string[]
    /** Time from one fetch to the next; 5 minutes unless set. */
    readonly refreshMs?: number
    /** Certificates (PEM) to trust in place of the system's. */
    readonly roots?: string
  }
  /** Path of Envoy; absent when the proxy is run by somebody else. */
  readonly program?: string
  /** Envoy's worker threads. */
  readonly concurrency: number
  /** Connections that an Envoy takes from clients and functions, all listeners together. */
  readonly maxConnections: number
  /** How long Envoy's first start may take. */
  readonly startTimeoutMs: number
}
