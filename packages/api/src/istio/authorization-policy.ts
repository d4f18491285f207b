import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, UNSUPPORTED_VALUES } from '../pieces.ts'
import { WorkloadSelector } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/security/authorization-policy/ (API v1).

const patterns = (description: string) => Type.Optional(nonEmpty(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 256, description }))

const addressBlocks = (description: string) => Type.Optional(nonEmpty(Type.String({ minLength: 2, maxLength: 64 }), { maxItems: 256, description }))

/** Who calls; all fields that are there must hold (Istio `Source`). */
export const PolicySource = Type.Object(
  {
    principals: patterns('identities TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT; "*" at one end stands for anything, alone for any identity'),
    notPrincipals: patterns('none of these identities'),
    namespaces: patterns('namespaces of the caller'),
    notNamespaces: patterns('none of these namespaces'),
    requestPrincipals: patterns('ISSUER/SUBJECT of the verified token; "*" alone for any token'),
    notRequestPrincipals: patterns('none of these; "*" alone: no verified token'),
    ipBlocks: addressBlocks('addresses of clients outside, as the ingress sees them: "203.0.113.7" or "203.0.113.0/24"'),
    notIpBlocks: addressBlocks('none of these'),
    remoteIpBlocks: addressBlocks('as ipBlocks: the ingress believes no X-Forwarded-For'),
    notRemoteIpBlocks: addressBlocks('none of these'),
    serviceAccounts: patterns('callers as SERVICE-ACCOUNT (of the own namespace) or NAMESPACE/SERVICE-ACCOUNT'),
    notServiceAccounts: patterns('none of these'),
  },
  { ...closedExcept('trustDomains', 'notTrustDomains'), minProperties: 1 },
)
/** {@link PolicySource} as a type. */
export type PolicySource = Static<typeof PolicySource>

const ports = (description: string) =>
  Type.Optional(
    nonEmpty(Type.String({ pattern: '^([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$' }), { maxItems: 256, description }),
  )

/** What is asked for; all fields that are there must hold (Istio `Operation`). */
export const PolicyOperation = Type.Object(
  {
    methods: patterns('HTTP methods'),
    notMethods: patterns('none of these methods'),
    paths: patterns('paths, without the query; "{*}" stands for one segment, "{**}", the last of them, for any number'),
    notPaths: patterns('none of these paths'),
    hosts: patterns('hosts, compared without regard to case'),
    notHosts: patterns('none of these hosts'),
    ports: ports('ports, written as text'),
    notPorts: ports('none of these ports'),
  },
  { ...closed, minProperties: 1 },
)
/** {@link PolicyOperation} as a type. */
export type PolicyOperation = Static<typeof PolicyOperation>

/** One more condition of a rule; both lists, where they are there, must hold (Istio `Condition`). */
export const PolicyConditionSpec = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 1024, description: 'what is compared, such as request.headers[x-version] or request.auth.claims[groups]' }),
    values: patterns('one of these'),
    notValues: patterns('none of these'),
  },
  closed,
)
/** {@link PolicyConditionSpec} as a type. */
export type PolicyConditionSpec = Static<typeof PolicyConditionSpec>

/** One rule: a source and an operation must match (Istio `Rule`). An empty rule matches every call. */
export const PolicyRuleSpec = Type.Object(
  {
    from: Type.Optional(nonEmpty(Type.Object({ source: PolicySource }, closed), { maxItems: 256, description: 'any of these; absent: anyone' })),
    to: Type.Optional(nonEmpty(Type.Object({ operation: PolicyOperation }, closed), { maxItems: 256, description: 'any of these; absent: anything' })),
    when: Type.Optional(nonEmpty(PolicyConditionSpec, { maxItems: 64, description: 'all of these as well' })),
  },
  closed,
)
/** {@link PolicyRuleSpec} as a type. */
export type PolicyRuleSpec = Static<typeof PolicyRuleSpec>

/** Spec of an AuthorizationPolicy. Empty: an ALLOW policy without rules, which allows nothing. */
export const AuthorizationPolicySpec = Type.Object(
  {
    selector: Type.Optional(WorkloadSelector),
    action: Type.Optional(
      Type.Enum(['ALLOW', 'DENY', 'AUDIT'], { description: 'default ALLOW; AUDIT only writes to the access log', [UNSUPPORTED_VALUES]: ['CUSTOM'] }),
    ),
    rules: Type.Optional(Type.Array(PolicyRuleSpec, { maxItems: 512, description: 'any of these' })),
  },
  { ...closedExcept('targetRef', 'targetRefs', 'provider'), description: 'who may call what' },
)
/** {@link AuthorizationPolicySpec} as a type. */
export type AuthorizationPolicySpec = Static<typeof AuthorizationPolicySpec>

/** An AuthorizationPolicy of Istio. */
export interface AuthorizationPolicyResource {
  readonly apiVersion: string
  readonly kind: 'AuthorizationPolicy'
  readonly metadata: ObjectMeta
  readonly spec: AuthorizationPolicySpec
  readonly status?: unknown
}
