import type { ResourceRef } from '@weft/core'
import type { MeshRoute, MeshTcpRoute } from './snapshot.ts'
import type { WorkloadTraffic } from './workload-traffic.ts'

/** Namespaces that see something; `undefined`: all. */
export type VisibleIn = readonly string[] | undefined

/** What is spoken on a port outside. `https` and `tls` are passed on by their server name. */
export type ExternalProtocol = 'http' | 'http2' | 'https' | 'tls' | 'tcp'

/** A port of a host outside. */
export interface ExternalPort {
  readonly number: number
  readonly name: string
  readonly protocol: ExternalProtocol
  /** Port of the endpoints that do not say another. */
  readonly targetPort: number
}

/** One place that a host outside stands for. */
export interface ExternalEndpoint {
  /** An address, or (resolution by name) a name in lower case. */
  readonly address: string
  /** By the name of the port. */
  readonly ports: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly weight: number
}

/** Hosts outside, as one ServiceEntry has them. */
export interface ExternalEntry {
  readonly resource: ResourceRef
  readonly namespace: string
  readonly visibleIn: VisibleIn
  /** A name, or `*.NAME`, in lower case; the first one of the ServiceEntry where it was called by its address. */
  readonly host: string
  readonly internal: boolean
  /**
   * `none`: calls go where they were meant to go; `static`: to the endpoints' addresses; `dns`: to every address of every endpoint's name; `dns-round-robin`: to
   * the first address of one name.
   */
  readonly resolution: 'none' | 'static' | 'dns' | 'dns-round-robin'
  readonly ports: readonly ExternalPort[]
  /** Without those that are the platform's own. */
  readonly endpoints: readonly ExternalEndpoint[]
  /** CIDR blocks by which it is called. */
  readonly blocks: readonly string[]
  readonly subjectAltNames: readonly string[]
}

/** How the mesh speaks TLS to a host outside. `mesh`: with the caller's certificate of the mesh. */
export interface ExternalTls {
  readonly mode: 'disable' | 'simple' | 'mutual' | 'mesh'
  readonly sni?: string
  readonly subjectAltNames?: readonly string[]
  /** Secret `NAMESPACE/NAME`: the roots (`ca.crt`), and for `mutual` certificate and key. */
  readonly credential?: string
  /** File with the roots; absent: the system's. */
  readonly roots?: string
  /** Any certificate is taken. */
  readonly unverified?: boolean
}

/** How calls to a host outside are carried. */
export interface ExternalSettings {
  readonly traffic?: WorkloadTraffic
  readonly tls?: ExternalTls
}

/** The same, with what holds for one port in place of the rest. */
export interface PortedSettings extends ExternalSettings {
  readonly ports?: readonly (ExternalSettings & { readonly port: number })[]
}

/** What a DestinationRule says of a host outside. */
export interface ExternalRule extends PortedSettings {
  readonly resource: ResourceRef
  readonly namespace: string
  readonly visibleIn: VisibleIn
  readonly subsets: readonly (PortedSettings & { readonly name: string; readonly labels: readonly (readonly [string, string])[] })[]
}

/** Routes that one VirtualService has for a name. */
export interface ExternalRoutes {
  readonly resource: ResourceRef
  readonly namespace: string
  readonly visibleIn: VisibleIn
  /** Of HTTP; empty: it says nothing of calls. */
  readonly routes: readonly MeshRoute[]
  /** Of connections: TLS that is passed on by its server name, and anything else; absent: it says nothing of them. */
  readonly connections?: readonly MeshTcpRoute[]
}

/** What is known of one name outside of the mesh: a host, `*.NAME`, or a block of addresses. Lists are in the order of age. */
export interface MeshExternal {
  readonly key: string
  readonly entries: readonly ExternalEntry[]
  readonly routes: readonly ExternalRoutes[]
  readonly rules: readonly ExternalRule[]
}

/** A place outside that a route leads to. */
export interface ExternalTarget {
  readonly host: string
  /** Absent: the port that was called, or the only one. */
  readonly port?: number
  readonly subset?: string
  /** Namespace in which the host is known; absent: the caller's. */
  readonly namespace?: string
}
