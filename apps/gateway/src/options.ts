import type { ArtifactStore } from '@weft/artifacts'
import type { ImageResolver, SourceBuilder } from '@weft/artifacts/build'
import type { Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'
import type { Provider } from '@weft/provider'
import type { Store } from '@weft/store'

/** Who may use the control API. */
export interface GatewayAuth {
  readonly enabled: boolean
  readonly user: string
  readonly password: string
}

/** What `/system/info` says of the program. */
export interface GatewayVersion {
  readonly release: string
  readonly sha: string
}

/** Bounds on what the control API takes. */
export interface GatewayLimits {
  /** Largest JSON or YAML body, in bytes. Default 4 MiB. */
  readonly bodyBytes: number
  /** Largest source archive, in bytes. Default 256 MiB. */
  readonly archiveBytes: number
}

/** Everything the gateway works with; it constructs none of it and closes none of it. */
export interface GatewayOptions {
  readonly store: Store
  readonly provider: Provider
  readonly mesh: MeshPlane
  readonly artifacts: ArtifactStore
  readonly builder: SourceBuilder
  /** Absent: an image is a reference of the artifact store and nothing else. */
  readonly imageResolver?: ImageResolver
  readonly auth: GatewayAuth
  readonly version: GatewayVersion
  readonly log: Log
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
  /** Waits, for slowing down who guesses passwords. Default a timer. */
  readonly delay?: (ms: number) => Promise<void>
  /** Directory for uploads under way; made and emptied by the caller. Default the system's. */
  readonly uploadDirectory?: string
  readonly limits?: Partial<GatewayLimits>
}

/** Where the gateway listens. */
export interface GatewayAddresses {
  /** Unix socket of the control API, made with mode 0600; what lies there is replaced. */
  readonly socketPath?: string
  /** TCP address of the control API, for tests; port 0 takes a free one. */
  readonly tcp?: { readonly host: string; readonly port: number }
  /** TCP address of `/metrics` and `/healthz`. */
  readonly metrics?: { readonly host: string; readonly port: number }
}

/** Where it really listens. */
export interface GatewayListening {
  readonly tcp?: { readonly host: string; readonly port: number }
  readonly metrics?: { readonly host: string; readonly port: number }
}
