import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, UNSUPPORTED_VALUES } from '../pieces.ts'
import { WorkloadSelector } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/security/authorization-policy/ (API v1).

const patterns = (description: string) => Type.Optional(nonEmpty(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 256, description }))

/** Who calls; all fields that are there must hold (Istio `Source`). */
export const PolicySource = Type.Object(
  {
    principals: patterns('identities TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT; "*" at one end stands for anything, alone for any identity'),
    notPrincipals: patterns('none of these identities'),
    namespaces: patterns('namespaces of the caller'),
    notNamespaces: patterns('none of these namespaces'),
  },
  {
    ...closedExcept(
      'requestPrincipals',
      'notRequestPrincipals',
      'ipBlocks',
      'notIpBlocks',
      'remoteIpBlocks',
      'notRemoteIpBlocks',
      'serviceAccounts',
      'notServiceAccounts',
      'trustDomains',
      'notTrustDomains',
    ),
    minProperties: 1,
  },
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
    paths: patterns('paths, without the query'),
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

/** One rule: a source and an operation must match (Istio `Rule`). An empty rule matches every call. */
export const PolicyRuleSpec = Type.Object(
  {
    from: Type.Optional(nonEmpty(Type.Object({ source: PolicySource }, closed), { maxItems: 256, description: 'any of these; absent: anyone' })),
    to: Type.Optional(nonEmpty(Type.Object({ operation: PolicyOperation }, closed), { maxItems: 256, description: 'any of these; absent: anything' })),
  },
  closedExcept('when'),
)
/** {@link PolicyRuleSpec} as a type. */
export type PolicyRuleSpec = Static<typeof PolicyRuleSpec>

/** Spec of an AuthorizationPolicy. Empty: an ALLOW policy without rules, which allows nothing. */
export const AuthorizationPolicySpec = Type.Object(
  {
    selector: Type.Optional(WorkloadSelector),
    action: Type.Optional(Type.Enum(['ALLOW', 'DENY'], { description: 'default ALLOW', [UNSUPPORTED_VALUES]: ['AUDIT', 'CUSTOM'] })),
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
