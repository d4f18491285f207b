import type { Protocol } from '@weft/api'
import type { PortKind } from './port-protocol.ts'
import type { ResourceRef } from '@weft/core'
import type { JwtRule } from '../authentication.ts'
import type { ExternalEndpoint, ExternalEntry, PortedSettings, VisibleIn } from '../external.ts'
import type { WorkloadRates, WorkloadTraffic } from '../workload-traffic.ts'
import type {
  CredentialKey,
  GatewayCredential,
  GatewayKey,
  GatewayPlacement,
  GatewayServer,
  GatewayTls,
  HeaderOperations,
  HostKey,
  MeshRoute,
  PolicyRule,
  ResourceFinding,
  RouteMatch,
  TcpMatch,
  WorkloadKey,
} from '../snapshot.ts'

/** What all resources have, once they are read. */
export interface Model {
  readonly ref: ResourceRef
  /** `namespace/name`, the namespace's alias resolved. */
  readonly key: string
  readonly namespace: string
  readonly name: string
  /** Milliseconds since the epoch; `Infinity` when it is not known, so that it loses against what is older. */
  readonly created: number
  readonly findings: readonly ResourceFinding[]
}

/** Labels that must all be there; an empty list selects everything. */
export type Selector = readonly (readonly [key: string, value: string])[]

/** What a running canary has the mesh do beside the split of its function. */
export interface DeliveryModel {
  /** Short name of the revision that is tried. */
  readonly candidate: string
  /** Calls that go to it; none where there are none. */
  readonly matches: readonly RouteMatch[]
  readonly mirror?: { readonly millionths: number; readonly methods: readonly string[] }
  readonly affinity?: { readonly cookie: string; readonly value: string; readonly maxAgeSeconds: number }
  readonly expire?: { readonly cookie: string }
}

/** What the mesh needs of a Function. */
export interface FunctionModel extends Model {
  readonly traffic: readonly { readonly revision: string; readonly weight: number }[]
  readonly matches: readonly { readonly headers: readonly (readonly [name: string, value: string])[]; readonly revision: string }[]
  readonly delivery?: DeliveryModel
  /** Whether its author set a split of his own. */
  readonly pinned: boolean
  readonly port: number | undefined
  readonly protocol: Protocol
  readonly rates: WorkloadRates
  /** Each of its calls is taken for a stream. */
  readonly watchesEveryCall: boolean
  /** Takes no calls from outside. */
  readonly isPrivate: boolean
  /** Takes calls from outside with a verified token only. */
  readonly needsToken: boolean
}

/** Ever proven ready: `active` and `retired`. */
export type RevisionPhase = 'active' | 'retired' | 'pending' | 'failed'

/** What the mesh needs of a Revision. */
export interface RevisionModel extends Model {
  readonly key: WorkloadKey
  /** Key of the Function. */
  readonly function: string
  readonly functionName: string
  readonly revision: string
  readonly number: number
  readonly phase: RevisionPhase
  readonly labels: Readonly<Record<string, string>>
  /** As the template has it; whether it may be used is decided by that account's grant. */
  readonly serviceAccount: string
  readonly timeoutMs: number
  readonly readinessPath: string
  readonly port: number | undefined
  readonly protocol: Protocol
}

/** What the mesh needs of a Service. */
export interface ServiceModel extends Model {
  readonly visibleIn: VisibleIn
  readonly selector: Selector
  readonly ports: readonly ServicePortModel[]
  /** Ports that have a name. */
  readonly portNames: Readonly<Record<string, number>>
  /** Not to be called from outside by its own name. */
  readonly isPrivate: boolean
}

/** One port of a Service; `text` is what said what it carries. */
export interface ServicePortModel {
  readonly port: number
  readonly kind: PortKind | undefined
  readonly text: string
}

/** A ServiceAccount: which functions may use it beside the one of its own name. */
export interface ServiceAccountModel extends Model {
  readonly grantedTo: readonly string[]
}

/** A share of a route before it is resolved. */
export interface Destination {
  /** `undefined`: no name of the mesh. */
  readonly host: HostKey | undefined
  readonly text: string
  readonly subset: string | undefined
  readonly port: number | undefined
  readonly weight: number
  readonly requestHeaders?: HeaderOperations
  readonly responseHeaders?: HeaderOperations
}

/** A copy of calls before it is resolved; its `weight` is its share in millionths. */
export type MirrorDestination = Destination

/** A route of a VirtualService before it is resolved. */
export interface RouteModel {
  /** What does not have to be resolved. */
  readonly route: Omit<MeshRoute, 'targets' | 'mirrors' | 'origin'>
  readonly destinations: readonly Destination[]
  readonly mirrors: readonly MirrorDestination[]
  /** Key of the VirtualService whose routes stand here. */
  readonly delegate?: string
}

/** A route of connections before it is resolved. */
export interface ConnectionRouteModel {
  readonly name: string
  readonly matches: readonly TcpMatch[]
  readonly destinations: readonly Destination[]
}

/** Routes at gateways: of a VirtualService, or of what stands for one. */
export interface FrontModel extends Model {
  /** The gateways; `server` or `port` (as written): only these servers of it. */
  readonly bindings: readonly { readonly gateway: GatewayKey; readonly server?: string; readonly port?: number }[]
  /** `*`, `*.example.com` or whole names, lower-case. */
  readonly names: readonly string[]
  /** `undefined`: not understood. */
  readonly routes: readonly RouteModel[] | undefined
  /** Of raw TCP and of TLS that goes through; absent: none. */
  readonly connections?: readonly ConnectionRouteModel[]
}

/** TLS of a server before its Secret is looked up. */
export interface ServerTlsModel extends Pick<GatewayTls, 'clients' | 'subjectAltNames' | 'minVersion' | 'maxVersion' | 'cipherSuites'> {
  /** Keys of Secrets, the first that is there is meant; or files. */
  readonly certificate: { readonly secrets: readonly CredentialKey[] } | { readonly certificate: string; readonly key: string; readonly roots?: string }
}

/** A port of a gateway before its Secret is looked up. */
export type ServerModel = Omit<GatewayServer, 'tls'> & {
  readonly tls?: ServerTlsModel
  /** Kinds of routes that may be bound to it; absent: all that can. */
  readonly kinds?: readonly string[]
}

/** A Namespace. */
export interface NamespaceModel extends Model {
  readonly labels: Readonly<Record<string, string>>
}

/** A Gateway, or what stands for one. */
export interface GatewayModel extends Model {
  /** `undefined`: of a gateway that is not ours. */
  readonly placement: GatewayPlacement | undefined
  readonly servers: readonly ServerModel[]
}

/** What stands for a Gateway and its routes in one: an Ingress, an HTTPTrigger, a FunctionIngress. */
export interface FrontsModel extends Model {
  readonly gateway: GatewayModel
  readonly fronts: readonly FrontModel[]
}

/** What a Secret has for gateways. */
export type CredentialModel = Model & Pick<GatewayCredential, 'certificate' | 'roots'>

/** A ServiceEntry. */
export interface ServiceEntryModel extends Model {
  readonly entry: Omit<ExternalEntry, 'host'>
  /** What it is known by, and the host that is meant. */
  readonly names: readonly { readonly key: string; readonly host: string }[]
  /** Labels of the WorkloadEntries that are its endpoints. */
  readonly selector?: Selector
}

/** A WorkloadEntry. */
export interface WorkloadEntryModel extends Model {
  readonly endpoint: ExternalEndpoint
}

/** A VirtualService; without routes when it could not be understood. */
export interface VirtualServiceModel extends FrontModel {
  readonly visibleIn: VisibleIn
  /** Names in the mesh or outside (see `nameKeyOf`), wildcards among them. */
  readonly hosts: readonly string[]
  /** Has no hosts: other VirtualServices delegate to it. */
  readonly isDelegate: boolean
}

/** A DestinationRule. */
export interface DestinationRuleModel extends Model {
  /** A name (see `nameKeyOf`). */
  readonly host: string | undefined
  readonly visibleIn: VisibleIn
  readonly traffic: WorkloadTraffic | undefined
  /** What holds for hosts outside alone. */
  readonly outside: OutsideSettings
  readonly subsets: readonly { readonly name: string; readonly labels: Selector; readonly traffic?: WorkloadTraffic; readonly outside?: OutsideSettings }[]
}

/** The parts of a `trafficPolicy` that mean nothing to a function. */
export type OutsideSettings = Pick<PortedSettings, 'tls' | 'ports'>

/** An AuthorizationPolicy. */
export interface AuthorizationPolicyModel extends Model {
  readonly selector: Selector
  readonly action: 'allow' | 'deny' | 'audit'
  /** Tried out, not enforced. */
  readonly dryRun: boolean
  readonly rules: readonly PolicyRule[]
  /** Why it could not be understood. */
  readonly broken: string | undefined
}

/** A RequestAuthentication. */
export interface RequestAuthenticationModel extends Model {
  readonly selector: Selector
  readonly rules: readonly JwtRule[]
  /** Why it could not be understood. */
  readonly broken: string | undefined
}

/** A PeerAuthentication; `mode` is `undefined` when it leaves the choice to the next wider one. */
export interface PeerAuthenticationModel extends Model {
  readonly selector: Selector
  readonly mode: 'strict' | 'permissive' | 'disable' | undefined
  /** By port of the workload; as `mode`. */
  readonly ports: ReadonlyMap<number, PeerAuthenticationModel['mode']>
}
