import { toldOf, type Told } from './told.ts'
import { canonicalNamespace, DEFAULT_NAMESPACE, refKey, SYSTEM_NAMESPACE, type Resource, type ResourceRef } from '@weft/core'
import { GATEWAY_NAMESPACES } from '../compile/authentication.ts'
import { EGRESS_HOSTS } from '../egress.ts'
import { equal } from '../equal.ts'
import { readFunctionIngress, readHttpTrigger, readIngress } from '../read/fronts.ts'
import { readCredential, readGateway } from '../read/gateways.ts'
import { readFunction, readNamespace, readRevision, readService, readServiceAccount, type Read } from '../read/core-kinds.ts'
import type { GatewayRouteModel, ReferenceGrantModel } from '../read/gateway-api/models.ts'
import { readReferenceGrant } from '../read/gateway-api/reference-grant.ts'
import { apiGatewayKey, readApiGateway, readGatewayClass, type ApiGatewayModel } from '../read/gateway-api/gateways.ts'
import { readGrpcRoute, readHttpRoute } from '../read/gateway-api/routes.ts'
import type {
  AuthorizationPolicyModel,
  CredentialModel,
  DestinationRuleModel,
  FrontModel,
  FrontsModel,
  FunctionModel,
  GatewayModel,
  Model,
  NamespaceModel,
  PeerAuthenticationModel,
  RequestAuthenticationModel,
  RevisionModel,
  Selector,
  ServiceAccountModel,
  ServiceEntryModel,
  ServiceModel,
  VirtualServiceModel,
  WorkloadEntryModel,
} from '../read/models.ts'
import { readRequestAuthentication } from '../read/authentication.ts'
import { readAuthorizationPolicy, readPeerAuthentication } from '../read/policies.ts'
import { readDestinationRule, readVirtualService } from '../read/routing.ts'
import { readServiceEntry, readWorkloadEntry } from '../read/service-entry.ts'
import type { HostKey, ResourceFinding, WorkloadKey } from '../snapshot.ts'
import { ApiGateways } from './api-gateways.ts'
import { kindOf, refOfChange, type Change } from './change.ts'
import { Dependencies, type Dependency } from './dependencies.ts'
import { frontKey, GatewayBook, isGatewayHostKey, type GatewayMarks, type IngressPorts } from './gateways.ts'
import { addMarks, causesOf, MOST_NARROWED, noMarks, type Causes, type Marks } from './marks.ts'
import { Multimap } from './multimap.ts'
import { RevisionIndex } from './revisions.ts'
import { labelKey, SelectorIndex } from './selectors.ts'

/** What must be compiled again after some changes. */
export interface Dirt {
  /** Whether Gateways of the Gateway API may have changed. */
  readonly apiGateways: boolean
  readonly hosts: ReadonlySet<HostKey>
  readonly workloads: ReadonlySet<WorkloadKey>
  /** Names of the outside. */
  readonly externals: ReadonlySet<string>
  /** Resources whose own findings changed. */
  readonly findings: ReadonlySet<string>
  /** Resources of which the status says what was found out of another generation, or for the first time. */
  readonly told: ReadonlySet<string>
  readonly namespaces: boolean
  /** What gateways have. */
  readonly gateways: Readonly<Record<keyof GatewayMarks, ReadonlySet<string>>>
  /** Something that may be about the platform's own gateways. */
  readonly edges: boolean
  readonly causes: Causes
}

/**
 * The resources as the mesh reads them, with the indexes by which a change finds what it touches. Written only by {@link World.apply}; deterministic, and the
 * same whatever the order in which resources came.
 */
export class World {
  readonly functions = new Map<string, FunctionModel>()
  readonly services = new Map<string, ServiceModel>()
  readonly serviceAccounts = new Map<string, ServiceAccountModel>()
  readonly revisions = new RevisionIndex()
  readonly virtualServices = new Multimap<VirtualServiceModel>()
  /** VirtualServices without hosts, by their keys. */
  readonly delegates = new Map<string, VirtualServiceModel>()
  readonly destinationRules = new Multimap<DestinationRuleModel>()
  /** HTTPRoutes and GRPCRoutes, by the hosts and functions that they are attached to. */
  readonly gatewayRoutes = new Multimap<GatewayRouteModel>()
  /** ReferenceGrants, by their namespaces. */
  readonly grants = new Multimap<ReferenceGrantModel>()
  /** By name. */
  readonly serviceEntries = new Multimap<ServiceEntryModel>()
  /** By namespace. */
  readonly workloadEntries = new Multimap<WorkloadEntryModel>()
  readonly authorization = new SelectorIndex<AuthorizationPolicyModel>()
  readonly requestAuthentication = new SelectorIndex<RequestAuthenticationModel>()
  readonly peerAuthentication = new SelectorIndex<PeerAuthenticationModel>()
  readonly namespaces = new Map<string, NamespaceModel>()
  readonly gateways: GatewayBook
  readonly apiGateways = new ApiGateways()
  /** Secrets with certificates, by their keys. */
  readonly credentials = new Map<string, CredentialModel>()
  /** What has routes for gateways, by {@link frontKey}. */
  readonly fronts = new Map<string, FrontModel>()
  readonly dependencies = new Dependencies()
  /** What is to be said about resources by themselves, by {@link refKey}. */
  readonly findings = new Map<string, readonly ResourceFinding[]>()
  /** What the status of a resource carries is said of, by {@link refKey}. */
  readonly told = new Map<string, Told>()
  readonly #models = new Map<string, Model>()
  readonly #kinds: ReadonlyMap<string, Kind<Model>>

  readonly trustDomain: string

  constructor(trustDomain: string, ports: IngressPorts) {
    this.trustDomain = trustDomain
    this.gateways = new GatewayBook(ports)
    this.#kinds = kindsOf(this, trustDomain)
  }

  /** Takes in changes and says what they touch. A resource of a kind that the mesh does not read touches nothing. */
  apply(changes: readonly Change[]): Dirt {
    return changes.length > MOST_NARROWED ? this.#applyTogether(changes) : this.#applyEach(changes)
  }

  #applyTogether(changes: readonly Change[]): Dirt {
    const marks = noMarks()
    for (const change of changes) this.#applyOne(change, marks)
    this.#select(marks)
    if (marks.apiGateways) this.apiGateways.refresh(this, this.gateways, marks.gateways)
    return { ...marks, causes: { all: changes.map(refOfChange), of: new Map() } }
  }

  /** Remembers what each did. */
  #applyEach(changes: readonly Change[]): Dirt {
    const each = changes.map((change) => {
      const own = noMarks()
      this.#applyOne(change, own)
      return { change, own }
    })
    for (const { own } of each) this.#select(own)
    const marks = noMarks()
    for (const { own } of each) addMarks(marks, own)
    if (marks.apiGateways) this.apiGateways.refresh(this, this.gateways, marks.gateways)
    return { ...marks, causes: causesOf(each) }
  }

  #select({ selections, workloads }: Marks): void {
    for (const { namespace, selector } of selections) {
      const scope = namespace === SYSTEM_NAMESPACE ? undefined : namespace
      for (const revision of this.revisions.selected(scope, selector)) workloads.add(revision.key)
    }
  }

  #applyOne(change: Change, marks: Marks): void {
    const handler = this.#kinds.get(kindOf(change))
    if (handler === undefined) return
    const key = modelKey(change)
    const read = change.type === 'set' ? handler.read(change.resource) : undefined
    this.#say(key, read?.model?.findings ?? read?.findings ?? [], marks)
    this.#tell(key, change, marks)
    const before = this.#models.get(key)
    const after = read?.model
    if (after !== undefined && before !== undefined && equal(before, after)) return
    if (before !== undefined) {
      this.#models.delete(key)
      handler.remove(before)
      handler.mark(before, marks)
    }
    if (after !== undefined) {
      this.#models.set(key, after)
      handler.add(after)
      handler.mark(after, marks)
    }
  }

  #tell(key: string, change: Change, marks: Marks): void {
    const told = change.type === 'set' ? toldOf(change.resource) : undefined
    if (equal(this.told.get(key), told)) return
    if (told === undefined) this.told.delete(key)
    else this.told.set(key, told)
    marks.told.add(key)
  }

  #say(key: string, findings: readonly ResourceFinding[], marks: Marks): void {
    if (equal(this.findings.get(key) ?? [], findings)) return
    if (findings.length === 0) this.findings.delete(key)
    else this.findings.set(key, findings)
    marks.findings.add(key)
  }
}

/** How a kind is read, kept, and what depends on it. */
interface Kind<M extends Model> {
  read(resource: Resource): Read<M>
  add(model: M): void
  remove(model: M): void
  mark(model: M, marks: Marks): void
}

function kindsOf(world: World, trustDomain: string): ReadonlyMap<string, Kind<Model>> {
  return new Map([
    ['/Namespace', kind(mapped(readNamespace, world.namespaces, (_model, marks) => void (marks.namespaces = marks.apiGateways = true)))],
    ['/Secret', kind(credentialKind(world))],
    ['/Service', kind(mapped(readService, world.services, ({ key }, marks) => touch(world, marks, key, `service ${key}`)))],
    ['/ServiceAccount', kind(mapped(readServiceAccount, world.serviceAccounts, ({ key }, marks) => markAll(marks, world.revisions.usingAccount(key))))],
    ['weft.dev/Function', kind(functionKind(world))],
    ['weft.dev/Revision', kind(revisionKind(world))],
    ['networking.istio.io/Gateway', kind(gatewayKind(world))],
    ['networking.k8s.io/Ingress', kind(frontsKind(world, readIngress))],
    ['kubeless.io/HTTPTrigger', kind(frontsKind(world, readHttpTrigger))],
    ['openfaas.com/FunctionIngress', kind(frontsKind(world, readFunctionIngress))],
    ['networking.istio.io/VirtualService', kind(virtualServiceKind(world))],
    ['networking.istio.io/DestinationRule', kind(destinationRuleKind(world))],
    ['gateway.networking.k8s.io/GatewayClass', kind(mapped(readGatewayClass, world.apiGateways.classes, (_model, marks) => void (marks.apiGateways = true)))],
    ['gateway.networking.k8s.io/Gateway', kind(apiGatewayKind(world))],
    ['gateway.networking.k8s.io/HTTPRoute', kind(gatewayRouteKind(world, readHttpRoute))],
    ['gateway.networking.k8s.io/GRPCRoute', kind(gatewayRouteKind(world, readGrpcRoute))],
    ['gateway.networking.k8s.io/ReferenceGrant', kind(grantKind(world))],
    ['networking.istio.io/ServiceEntry', kind(serviceEntryKind(world))],
    ['networking.istio.io/WorkloadEntry', kind(workloadEntryKind(world))],
    [
      'security.istio.io/AuthorizationPolicy',
      kind(alsoAtGateways(selecting((resource) => readAuthorizationPolicy(resource, trustDomain), world.authorization))),
    ],
    ['security.istio.io/RequestAuthentication', kind(alsoAtGateways(selecting(readRequestAuthentication, world.requestAuthentication)))],
    ['security.istio.io/PeerAuthentication', kind(alsoAtGateways(selecting(readPeerAuthentication, world.peerAuthentication)))],
  ])
}

/** Forgets which model a kind has: the table above and {@link World.apply} only ever give a kind what it has read. */
function kind<M extends Model>(it: Kind<M>): Kind<Model> {
  return it
}

function mapped<M extends Model>(read: (resource: Resource) => Read<M>, map: Map<string, M>, mark: (model: M, marks: Marks) => void): Kind<M> {
  return { read, add: (model) => void map.set(model.key, model), remove: (model) => void map.delete(model.key), mark }
}

function touch(world: World, marks: Marks, host: HostKey, dependency: Dependency): void {
  marks.hosts.add(host)
  markDependents(world, marks, dependency)
}

/** Marks a name, of the mesh or not, and what was made of it. */
function touchName(world: World, marks: Marks, name: string, dependency: Dependency): void {
  if (name.includes('/') && !/[.:]/.test(name)) marks.hosts.add(name)
  marks.externals.add(name)
  markDependents(world, marks, dependency)
}

/** What the name of a front begins with among those who depend on something. */
export const FRONT = 'front '

/** Hosts, names of gateways and fronts that were made of it. */
function markDependents(world: World, marks: Marks, dependency: Dependency): void {
  for (const dependent of world.dependencies.on(dependency)) {
    if (dependent.startsWith(FRONT)) marks.gateways.fronts.add(dependent.slice(FRONT.length))
    else if (isGatewayHostKey(dependent)) marks.gateways.gatewayHosts.add(dependent)
    else if (dependent.startsWith(OUTSIDE)) marks.externals.add(dependent.slice(OUTSIDE.length))
    else marks.hosts.add(dependent)
  }
}

/** Stands before a name of the outside where names of hosts stand too. */
export const OUTSIDE = 'outside '

function markAll(marks: Marks, revisions: Iterable<RevisionModel>): void {
  for (const revision of revisions) marks.workloads.add(revision.key)
}

/** A change of it touches its revisions too: their rate limits are its annotations, and what is asked of calls from outside. */
function functionKind(world: World): Kind<FunctionModel> {
  return mapped(readFunction, world.functions, ({ key, rates, watchesEveryCall, isPrivate, needsToken }, marks) => {
    touch(world, marks, key, `function ${key}`)
    if (Object.keys(rates).length > 0 || watchesEveryCall || isPrivate || needsToken) markAll(marks, world.revisions.ofFunction(key))
  })
}

function revisionKind(world: World): Kind<RevisionModel> {
  return {
    read: readRevision,
    add: (model) => world.revisions.add(model),
    remove: (model) => world.revisions.delete(model),
    mark: (model, marks) => {
      marks.workloads.add(model.key)
      markDependents(world, marks, `revisions ${model.function}`)
      for (const [key, value] of Object.entries(model.labels)) {
        markDependents(world, marks, `label ${labelKey(model.namespace, key, value)}`)
      }
    },
  }
}

function virtualServiceKind(world: World): Kind<VirtualServiceModel> {
  return {
    read: readVirtualService,
    add: (model) => {
      for (const host of model.hosts) world.virtualServices.add(host, model)
      addFront(world, model)
      if (model.isDelegate) world.delegates.set(model.key, model)
    },
    remove: (model) => {
      for (const host of model.hosts) world.virtualServices.delete(host, model)
      removeFront(world, model)
      if (model.isDelegate) world.delegates.delete(model.key)
    },
    mark: (model, marks) => {
      for (const host of model.hosts) touchName(world, marks, host, `virtual-services ${host}`)
      if (model.isDelegate) markDependents(world, marks, `delegate ${model.key}`)
      world.gateways.markFront(model, marks.gateways)
    },
  }
}

/** Takes in what has routes for gateways. */
function addFront(world: World, front: FrontModel): void {
  world.fronts.set(frontKey(front), front)
  world.gateways.addFront(front)
}

function removeFront(world: World, front: FrontModel): void {
  world.fronts.delete(frontKey(front))
  world.gateways.removeFront(front)
}

function gatewayKind(world: World): Kind<GatewayModel> {
  const { gateways } = world
  return {
    read: readGateway,
    add: (model) => gateways.addGateway(model),
    remove: (model) => gateways.removeGateway(model),
    mark: (model, marks) => {
      gateways.markGateway(model, marks.gateways)
      if (model.placement !== 'egress') return
      markDependents(world, marks, 'egress')
      for (const host of EGRESS_HOSTS) marks.hosts.add(host)
    },
  }
}

/** A gateway and its routes in one. */
function frontsKind(world: World, read: (resource: Resource) => Read<FrontsModel>): Kind<FrontsModel> {
  return {
    read,
    add: ({ gateway, fronts }) => {
      world.gateways.addGateway(gateway)
      for (const front of fronts) addFront(world, front)
    },
    remove: ({ gateway, fronts }) => {
      for (const front of fronts) removeFront(world, front)
      world.gateways.removeGateway(gateway)
    },
    mark: ({ gateway, fronts }, marks) => {
      world.gateways.markGateway(gateway, marks.gateways)
      for (const front of fronts) world.gateways.markFrontAt(front, gateway, marks.gateways)
    },
  }
}

/** A change touches the gateways that refer to it, and those that refer to it by the name of which it is the `-cacert`. */
function credentialKind(world: World): Kind<CredentialModel> {
  return mapped(readCredential, world.credentials, ({ key }, marks) => {
    for (const gateway of world.gateways.users.get(key)) marks.gateways.gateways.add(gateway)
    for (const one of [key, key.replace(/-cacert$/, '')]) marks.gateways.credentials.add(one)
  })
}

/** As a user of Secrets; no Gateway has such a name. */
const ruleUser = ({ key }: DestinationRuleModel) => `destination-rule ${key}`

/** Keys of the Secrets that a rule's TLS names. */
function secretsOfRule({ outside, subsets }: DestinationRuleModel): readonly string[] {
  const all = [outside, ...subsets.map((subset) => subset.outside)]
  return all.flatMap((settings) => [settings?.tls, ...(settings?.ports ?? []).map(({ tls }) => tls)].flatMap((tls) => tls?.credential ?? []))
}

function destinationRuleKind(world: World): Kind<DestinationRuleModel> {
  return {
    read: readDestinationRule,
    add: (model) => {
      if (model.host !== undefined) world.destinationRules.add(model.host, model)
      for (const secret of secretsOfRule(model)) world.gateways.users.add(secret, ruleUser(model))
    },
    remove: (model) => {
      if (model.host !== undefined) world.destinationRules.delete(model.host, model)
      for (const secret of secretsOfRule(model)) world.gateways.users.delete(secret, ruleUser(model))
    },
    mark: (model, marks) => {
      if (model.host !== undefined) touchName(world, marks, model.host, `destination-rules ${model.host}`)
      for (const secret of secretsOfRule(model)) marks.gateways.credentials.add(secret)
    },
  }
}

function serviceEntryKind(world: World): Kind<ServiceEntryModel> {
  return {
    read: readServiceEntry,
    add: (model) => {
      for (const { key } of model.names) world.serviceEntries.add(key, model)
    },
    remove: (model) => {
      for (const { key } of model.names) world.serviceEntries.delete(key, model)
    },
    mark: (model, marks) => {
      for (const { key } of model.names) touchName(world, marks, key, `service-entries ${key}`)
    },
  }
}

function workloadEntryKind(world: World): Kind<WorkloadEntryModel> {
  return {
    read: readWorkloadEntry,
    add: (model) => world.workloadEntries.add(model.namespace, model),
    remove: (model) => world.workloadEntries.delete(model.namespace, model),
    mark: ({ namespace }, marks) => markDependents(world, marks, `workload-entries ${namespace}`),
  }
}

function gatewayRouteKind(world: World, read: (resource: Resource) => Read<GatewayRouteModel>): Kind<GatewayRouteModel> {
  const hosts = (model: GatewayRouteModel) => model.parents.flatMap(({ target }) => (target.kind === 'gateway' ? [] : [target.key]))
  return {
    read,
    add: (model) => {
      for (const host of hosts(model)) world.gatewayRoutes.add(host, model)
      addFront(world, model)
    },
    remove: (model) => {
      for (const host of hosts(model)) world.gatewayRoutes.delete(host, model)
      removeFront(world, model)
    },
    mark: (model, marks) => {
      for (const host of hosts(model)) touch(world, marks, host, `gateway-routes ${host}`)
      world.gateways.markFront(model, marks.gateways)
    },
  }
}

function apiGatewayKind(world: World): Kind<ApiGatewayModel> {
  return mapped(readApiGateway, world.apiGateways.models, ({ key }, marks) => {
    marks.apiGateways = true
    world.gateways.markFrontsOf(apiGatewayKey(key), marks.gateways)
  })
}

function grantKind(world: World): Kind<ReferenceGrantModel> {
  return {
    read: readReferenceGrant,
    add: (model) => world.grants.add(model.namespace, model),
    remove: (model) => world.grants.delete(model.namespace, model),
    mark: ({ namespace }, marks) => {
      markDependents(world, marks, `grants ${namespace}`)
      marks.apiGateways = true
    },
  }
}

function selecting<M extends Model & { readonly selector: Selector }>(read: (resource: Resource) => Read<M>, index: SelectorIndex<M>): Kind<M> {
  return {
    read,
    add: (model) => index.add(model),
    remove: (model) => index.delete(model),
    mark: ({ namespace, selector }, marks) => void marks.selections.push({ namespace, selector }),
  }
}

/** What may select the platform's gateways too. */
function alsoAtGateways<M extends Model>(plain: Kind<M>): Kind<M> {
  return {
    ...plain,
    mark: (model, marks) => {
      plain.mark(model, marks)
      if (GATEWAY_NAMESPACES.includes(model.namespace)) marks.edges = true
    },
  }
}

/** Key of a resource, the alias of its namespace resolved. */
function modelKey(change: Change): string {
  const ref: ResourceRef =
    change.type === 'removed'
      ? change.ref
      : {
          group: kindOf(change).split('/')[0] ?? '',
          kind: change.resource.kind,
          namespace: change.resource.metadata.namespace ?? '',
          name: change.resource.metadata.name,
        }
  return refKey({ ...ref, namespace: ref.kind === 'Namespace' ? DEFAULT_NAMESPACE : canonicalNamespace(ref.namespace) })
}
