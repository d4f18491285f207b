import type { Resource } from '@weft/core'
import { Type, type TProperties, type TSchema } from 'typebox'
import { CanarySpec, type CanarySpec as CanarySpecType } from './canary/index.ts'
import { checkCanary } from './checks/canary.ts'
import { checkExportAnnotation, checkService } from './checks/core.ts'
import { checkFunction, checkTemplate } from './checks/function.ts'
import { checkIngressWords } from './checks/function-ingress.ts'
import { checkFunctionIngress, checkHttpTrigger, checkIngress } from './checks/fronts.ts'
import { checkGateway } from './checks/gateway.ts'
import { checkRateLimits } from './checks/rate-limits.ts'
import { checkStreams } from './checks/streams.ts'
import { checkDestinationRule, checkVirtualService } from './checks/traffic.ts'
import { checkApiGateway } from './checks/api-gateway.ts'
import { checkGrpcRoute, checkHttpRoute } from './checks/gateway-routes.ts'
import { checkAuthorizationPolicy, checkPeerAuthentication } from './checks/istio.ts'
import { checkRequestAuthentication } from './checks/jwt.ts'
import { checkServiceEntry, checkWorkloadEntry } from './checks/service-entry.ts'
import { SecretParts } from './core/secret.ts'
import { ServiceSpec } from './core/service.ts'
import { IngressSpec, type IngressSpec as IngressSpecType } from './fronts/ingress.ts'
import {
  FunctionIngressSpec,
  HttpTriggerSpec,
  type FunctionIngressSpec as FunctionIngressSpecType,
  type HttpTriggerSpec as HttpTriggerSpecType,
} from './fronts/triggers.ts'
import { FunctionSpec, FunctionTemplate, type RevisionSpec } from './function.ts'
import { ApiGatewaySpec, GatewayClassSpec } from './gateway-api/gateway.ts'
import { GrpcRouteSpec } from './gateway-api/grpc-route.ts'
import { HttpRouteSpec } from './gateway-api/http-route.ts'
import { ReferenceGrantSpec } from './gateway-api/reference-grant.ts'
import { GATEWAY_API } from './gateway-api/shared.ts'
import { AuthorizationPolicySpec } from './istio/authorization-policy.ts'
import { DestinationRuleSpec } from './istio/destination-rule.ts'
import { GatewaySpec } from './istio/gateway.ts'
import { RequestAuthenticationSpec, type RequestAuthenticationSpec as RequestAuthenticationSpecType } from './istio/request-authentication.ts'
import { PeerAuthenticationSpec, type PeerAuthenticationSpec as PeerAuthenticationSpecType } from './istio/peer-authentication.ts'
import {
  ServiceEntrySpec,
  WorkloadEntrySpec,
  type ServiceEntrySpec as ServiceEntrySpecType,
  type WorkloadEntrySpec as WorkloadEntrySpecType,
} from './istio/service-entry.ts'
import { VirtualServiceSpec } from './istio/virtual-service.ts'
import { ObjectMetaSchema } from './metadata.ts'
import { closed, closedExcept, dnsLabel } from './pieces.ts'
import type { Violation } from './violation.ts'

/** A kind of resource that Weft keeps. */
export interface KindDefinition {
  /** `''` for core. */
  readonly group: string
  /** Versions that are read; the first is the one in which resources are kept. */
  readonly versions: readonly string[]
  readonly kind: string
  readonly plural: string
  readonly singular: string
  /** As kubectl writes them. */
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
  /** Has a status part, which only its controller writes. */
  readonly status: boolean
  /** Of the whole resource. */
  readonly schema: TSchema
  /** What the schema cannot say, of a resource that fits it. */
  readonly check: (resource: Resource) => readonly Violation[]
}

function whole(description: string, content: TProperties, unsupported: readonly string[] = []): TSchema {
  const parts = { apiVersion: Type.String(), kind: Type.String(), metadata: ObjectMetaSchema, ...content, status: Type.Optional(Type.Unknown()) }
  return Type.Object(parts, { ...closedExcept(...unsupported), description })
}

/** Spec of a Revision, as the controller writes it. */
export const RevisionSpecSchema = Type.Object(
  { function: dnsLabel('name of the function'), revision: dnsLabel('short name'), number: Type.Integer({ minimum: 1 }), template: FunctionTemplate },
  closed,
)

const WEFT = { group: 'weft.dev', versions: ['v1alpha1'], namespaced: true, status: true } as const
const CORE = { group: '', versions: ['v1'], status: false } as const
const NETWORKING = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'], namespaced: true, status: true } as const
const SECURITY = { group: 'security.istio.io', versions: ['v1', 'v1beta1'], namespaced: true, status: true } as const
const GATEWAY = { group: GATEWAY_API, versions: ['v1', 'v1beta1'], namespaced: true, status: true } as const
const nothing = () => []

/** Every kind that Weft keeps, in an order in which they can be applied. */
export const KINDS: readonly KindDefinition[] = [
  {
    ...CORE,
    kind: 'Namespace',
    plural: 'namespaces',
    singular: 'namespace',
    shortNames: ['ns'],
    namespaced: false,
    schema: whole('a place for names', { spec: Type.Optional(Type.Object({}, closedExcept('finalizers'))) }),
    check: nothing,
  },
  {
    ...CORE,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    singular: 'serviceaccount',
    shortNames: ['sa'],
    namespaced: true,
    schema: whole('an identity', {}, ['secrets', 'imagePullSecrets', 'automountServiceAccountToken']),
    check: nothing,
  },
  {
    ...CORE,
    kind: 'Secret',
    plural: 'secrets',
    singular: 'secret',
    shortNames: [],
    namespaced: true,
    schema: whole('files that are kept encrypted', SecretParts, ['immutable']),
    check: nothing,
  },
  {
    ...CORE,
    kind: 'Service',
    plural: 'services',
    singular: 'service',
    shortNames: ['svc'],
    namespaced: true,
    schema: whole('a host over workloads', { spec: ServiceSpec }),
    check: ({ spec, metadata }) => [...checkService(spec as ServiceSpec), ...checkExportAnnotation(metadata.annotations)],
  },
  {
    ...WEFT,
    kind: 'Function',
    plural: 'functions',
    singular: 'function',
    shortNames: ['fn'],
    schema: whole('a function', { spec: FunctionSpec }),
    check: (resource) => [
      ...checkFunction(resource.spec as FunctionSpec),
      ...checkRateLimits(resource),
      ...checkStreams(resource),
      ...checkIngressWords(resource),
    ],
  },
  {
    ...WEFT,
    kind: 'Revision',
    plural: 'revisions',
    singular: 'revision',
    shortNames: ['rev'],
    schema: whole('one version of a function', { spec: RevisionSpecSchema }),
    check: ({ spec }) => checkTemplate((spec as RevisionSpec).template, 'spec.template'),
  },
  {
    ...WEFT,
    kind: 'Canary',
    plural: 'canaries',
    singular: 'canary',
    shortNames: ['cn'],
    schema: whole('progressive delivery of a function', { spec: CanarySpec }),
    check: ({ spec }) => checkCanary(spec as CanarySpecType),
  },
  {
    ...NETWORKING,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    singular: 'workloadentry',
    shortNames: ['we'],
    schema: whole('a program or machine outside', { spec: WorkloadEntrySpec }),
    check: ({ spec }) => checkWorkloadEntry(spec as WorkloadEntrySpecType),
  },
  {
    ...NETWORKING,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    singular: 'serviceentry',
    shortNames: ['se'],
    schema: whole('hosts outside of the mesh', { spec: ServiceEntrySpec }),
    check: ({ spec }) => checkServiceEntry(spec as ServiceEntrySpecType),
  },
  {
    ...NETWORKING,
    kind: 'DestinationRule',
    plural: 'destinationrules',
    singular: 'destinationrule',
    shortNames: ['dr'],
    schema: whole('subsets of a host', { spec: DestinationRuleSpec }),
    check: ({ spec }) => checkDestinationRule(spec as DestinationRuleSpec),
  },
  {
    ...NETWORKING,
    kind: 'Gateway',
    plural: 'gateways',
    singular: 'gateway',
    shortNames: ['gw'],
    schema: whole('where calls from outside come in', { spec: GatewaySpec }),
    check: ({ spec }) => checkGateway(spec as GatewaySpec),
  },
  {
    ...NETWORKING,
    kind: 'VirtualService',
    plural: 'virtualservices',
    singular: 'virtualservice',
    shortNames: ['vs'],
    schema: whole('routes of hosts', { spec: VirtualServiceSpec }),
    check: ({ spec }) => checkVirtualService(spec as VirtualServiceSpec),
  },
  {
    ...GATEWAY,
    versions: ['v1beta1'],
    status: false,
    kind: 'ReferenceGrant',
    plural: 'referencegrants',
    singular: 'referencegrant',
    shortNames: ['refgrant'],
    schema: whole('who of another namespace may refer to what of this one', { spec: ReferenceGrantSpec }),
    check: nothing,
  },
  {
    ...GATEWAY,
    namespaced: false,
    kind: 'GatewayClass',
    plural: 'gatewayclasses',
    singular: 'gatewayclass',
    shortNames: ['gc'],
    schema: whole('who implements Gateways', { spec: GatewayClassSpec }),
    check: nothing,
  },
  {
    ...GATEWAY,
    kind: 'Gateway',
    plural: 'gateways',
    singular: 'gateway',
    shortNames: ['gtw'],
    schema: whole('where calls from outside come in', { spec: ApiGatewaySpec }),
    check: ({ spec }) => checkApiGateway(spec as ApiGatewaySpec),
  },
  {
    ...GATEWAY,
    kind: 'HTTPRoute',
    plural: 'httproutes',
    singular: 'httproute',
    shortNames: [],
    schema: whole('where HTTP calls of a host or Gateway go', { spec: HttpRouteSpec }),
    check: ({ spec }) => checkHttpRoute(spec as HttpRouteSpec),
  },
  {
    ...GATEWAY,
    versions: ['v1'],
    kind: 'GRPCRoute',
    plural: 'grpcroutes',
    singular: 'grpcroute',
    shortNames: [],
    schema: whole('where gRPC calls of a host or Gateway go', { spec: GrpcRouteSpec }),
    check: ({ spec }) => checkGrpcRoute(spec as GrpcRouteSpec),
  },
  {
    group: 'networking.k8s.io',
    versions: ['v1'],
    namespaced: true,
    status: true,
    kind: 'Ingress',
    plural: 'ingresses',
    singular: 'ingress',
    shortNames: ['ing'],
    schema: whole('functions under names and paths', { spec: IngressSpec }),
    check: ({ spec }) => checkIngress(spec as IngressSpecType),
  },
  {
    group: 'kubeless.io',
    versions: ['v1beta1'],
    namespaced: true,
    status: true,
    kind: 'HTTPTrigger',
    plural: 'httptriggers',
    singular: 'httptrigger',
    shortNames: [],
    schema: whole('a function under a name and a path (Kubeless)', { spec: HttpTriggerSpec }),
    check: ({ spec }) => checkHttpTrigger(spec as HttpTriggerSpecType),
  },
  {
    group: 'openfaas.com',
    versions: ['v1', 'v1alpha2'],
    namespaced: true,
    status: true,
    kind: 'FunctionIngress',
    plural: 'functioningresses',
    singular: 'functioningress',
    shortNames: ['fni'],
    schema: whole('a function under a domain and a path (OpenFaaS)', { spec: FunctionIngressSpec }),
    check: ({ spec }) => checkFunctionIngress(spec as FunctionIngressSpecType),
  },
  {
    ...SECURITY,
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    singular: 'authorizationpolicy',
    shortNames: ['ap'],
    schema: whole('who may call what', { spec: Type.Optional(AuthorizationPolicySpec) }),
    check: ({ spec }) => checkAuthorizationPolicy(spec ?? {}),
  },
  {
    ...SECURITY,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    singular: 'peerauthentication',
    shortNames: ['pa'],
    schema: whole('whether callers must prove who they are', { spec: Type.Optional(PeerAuthenticationSpec) }),
    check: ({ spec }) => checkPeerAuthentication((spec as PeerAuthenticationSpecType | undefined) ?? {}),
  },
  {
    ...SECURITY,
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    singular: 'requestauthentication',
    shortNames: ['ra'],
    schema: whole('which tokens of callers are verified', { spec: Type.Optional(RequestAuthenticationSpec) }),
    check: ({ spec }) => checkRequestAuthentication((spec as RequestAuthenticationSpecType | undefined) ?? {}),
  },
]

/** The kind of an `apiVersion` and `kind`; `undefined` when Weft does not keep such a thing in that version. */
export function kindOf(apiVersion: string, kind: string): KindDefinition | undefined {
  return KINDS.find((one) => one.kind === kind && one.versions.some((version) => apiVersionOf(one.group, version) === apiVersion))
}

/** The kind that a user means: kind, plural, singular or short name, whatever the case, optionally `NAME.GROUP`. */
export function kindByName(name: string): KindDefinition | undefined {
  const text = name.toLowerCase()
  const dot = text.indexOf('.')
  const [word, group] = dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)]
  return KINDS.find(
    (one) => (group === undefined || one.group === group) && [one.kind.toLowerCase(), one.plural, one.singular, ...one.shortNames].includes(word),
  )
}

/** `GROUP/VERSION`, or the version alone for core. */
export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** The `apiVersion` in which a kind is kept. */
export function storageVersion(definition: KindDefinition): string {
  return apiVersionOf(definition.group, definition.versions[0] ?? 'v1')
}
