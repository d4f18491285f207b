import { DEFAULT_NAMESPACE, keyOf, parseSpiffeId, spiffeId, SYSTEM_NAMESPACE, type NamespacedName, type ResourceRef } from '@weft/core'
import { WORKLOAD_PORT } from '../read/workload-port.ts'
import { evaluatePolicy, type PolicyCall, type Verdict } from '../policy/evaluate.ts'
import type { MeshHost, MeshSnapshot, MeshWorkload, WorkloadKey } from '../snapshot.ts'
import { describedHost } from './egress-host.ts'
import { claimsTakenBy, tokenFate } from './tokens.ts'
import { resourceText } from './words.ts'

/** Who calls, in a question: a function or Service, an identity, or the ingress. */
export type AskedCaller =
  | { readonly kind: 'workload'; readonly name: NamespacedName }
  | { readonly kind: 'identity'; readonly principal: string }
  | { readonly kind: 'ingress' }

/** "May this caller make this call?" */
export interface AuthorizationQuestion {
  readonly from: AskedCaller
  /** A function or Service. */
  readonly to: NamespacedName
  readonly method: string
  readonly path: string
  /** As the caller writes it; default the host's full name. */
  readonly host?: string
  /** Request headers, names in lower case. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
  /** Address of the client; of calls through the ingress. */
  readonly address?: string
  /** Payload of the call's token, taken for a good one; absent: it has none. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** The answer for one identity of the caller and one workload that its call may reach. */
export interface AuthorizationCheck {
  readonly workload: WorkloadKey
  readonly revision: string
  /** SPIFFE ID that the callee verifies; absent where it takes plain text only and verifies nobody. */
  readonly principal?: string
  readonly allowed: boolean
  readonly because: Verdict['because'] | 'token-refused'
  /** The rule that decided, numbered from 0 in its resource. */
  readonly rule?: { readonly policy: ResourceRef; readonly index: number }
  /** Policies that allow something and did not allow this, where none of them did. */
  readonly allowing: readonly ResourceRef[]
  /** The answer for a person. */
  readonly sentence: string
}

/** The answer to an {@link AuthorizationQuestion}. */
export interface AuthorizationAnswer {
  readonly host: string
  /** Whether every check is allowed. */
  readonly allowed: boolean
  /** `false`: nothing of the caller's name is deployed; the answer is for the identity that a function of that name would have. */
  readonly callerKnown: boolean
  readonly checks: readonly AuthorizationCheck[]
}

/**
 * Asks the policy evaluator, which does what Envoy does, for every workload that a call to the host may reach.
 * @returns `undefined` when the mesh has no such host
 */
export function authorize(snapshot: MeshSnapshot, question: AuthorizationQuestion): AuthorizationAnswer | undefined {
  const host = describedHost(snapshot, question.to)
  if (host === undefined) return undefined
  const { principals, known } = principalsOf(snapshot, question.from)
  const checks = workloadsOf(snapshot, host).flatMap((workload) => principals.map((principal) => check(snapshot, workload, { question, host, principal })))
  return { host: host.key, allowed: checks.length > 0 && checks.every((one) => one.allowed), callerKnown: known, checks }
}

/** The workloads that routes of a host may choose, those that are there, by name. */
export function workloadsOf(snapshot: Pick<MeshSnapshot, 'workloads'>, host: MeshHost): readonly MeshWorkload[] {
  const keys = new Set([...host.routes, ...(host.tcp?.routes ?? [])].flatMap((route) => route.targets.flatMap((target) => target.workload ?? [])))
  return [...keys].toSorted().flatMap((key) => snapshot.workloads.get(key) ?? [])
}

/** SPIFFE ID of a workload. */
export function identityOf(snapshot: Pick<MeshSnapshot, 'trustDomain'>, workload: Pick<MeshWorkload, 'namespace' | 'serviceAccount'>): string {
  return spiffeId({ trustDomain: snapshot.trustDomain, namespace: workload.namespace, serviceAccount: workload.serviceAccount })
}

function principalsOf(snapshot: MeshSnapshot, from: AskedCaller): { readonly principals: readonly string[]; readonly known: boolean } {
  const { trustDomain } = snapshot
  switch (from.kind) {
    case 'ingress':
      return { principals: [spiffeId({ trustDomain, namespace: SYSTEM_NAMESPACE, serviceAccount: 'ingress' })], known: true }
    case 'identity':
      return { principals: [from.principal.startsWith('spiffe://') ? from.principal : `spiffe://${from.principal}`], known: true }
    case 'workload': {
      const host = snapshot.hosts.get(keyOf(from.name))
      const own = host === undefined ? [] : workloadsOf(snapshot, host).map((workload) => identityOf(snapshot, workload))
      const assumed = spiffeId({ trustDomain, namespace: from.name.namespace, serviceAccount: from.name.name })
      return own.length > 0 ? { principals: [...new Set(own)], known: true } : { principals: [assumed], known: false }
    }
    default:
      return from satisfies never
  }
}

function check(snapshot: MeshSnapshot, workload: MeshWorkload, asked: Asked): AuthorizationCheck {
  const { question, host, principal } = asked
  const verified = workload.mtls === 'disable' ? undefined : principal
  const { method, path, claims: sent } = question
  const fate = sent === undefined ? undefined : tokenFate(snapshot, workload, { claims: sent, throughIngress: question.from.kind === 'ingress' })
  const about = { workload: workload.key, revision: workload.revision, ...(verified === undefined ? {} : { principal: verified }) }
  const who = verified === undefined ? 'An unverified caller' : callerText(verified)
  const port = workload.port ?? WORKLOAD_PORT
  const isTcp = workload.protocol === 'tcp'
  const what = isTcp ? `connect to ${workload.key} on port ${port}` : `${method} ${path} of ${workload.key}`
  if (fate?.claims === undefined && fate?.refused === true) {
    return { ...about, allowed: false, because: 'token-refused', allowing: [], sentence: `${who} may not ${what}: ${fate.why}` }
  }
  const edge = question.from.kind === 'ingress' ? atIngress(snapshot, question, host) : undefined
  if (edge?.allowed === false) {
    const rule = 'rule' in edge ? { rule: { policy: edge.rule.policy, index: edge.rule.index } } : {}
    const passing = edge.because === 'no-rule-matches' ? policiesOf(snapshot.ingressAuthentication?.policy?.allow ?? []) : []
    const sentence = `${who} may not ${what}: the call does not get past the ingress, where ${reasonText(edge, passing)}`
    return { ...about, allowed: false, because: edge.because, ...rule, allowing: passing, sentence }
  }
  const http = isTcp ? {} : { method, path, host: question.host ?? host.fqdn, ...sentWith(question) }
  const call = { ...http, port, ...(verified === undefined ? {} : { principal: verified }) }
  const verdict = evaluatePolicy(workload.policy, fate?.claims === undefined ? call : { ...call, claims: fate.claims })
  const rule = 'rule' in verdict ? { policy: verdict.rule.policy, index: verdict.rule.index } : undefined
  const allowing = verdict.because === 'no-rule-matches' ? policiesOf(workload.policy.allow ?? []) : []
  const remark = fate !== undefined && fate.claims === undefined ? `; ${fate.why}` : ''
  return {
    ...about,
    allowed: verdict.allowed,
    because: verdict.because,
    ...(rule === undefined ? {} : { rule }),
    allowing,
    sentence: `${who} ${verdict.allowed ? 'may' : 'may not'} ${what}: ${reasonText(verdict, allowing)}${remark}`,
  }
}

function sentWith({ headers, address, from }: AuthorizationQuestion): Pick<PolicyCall, 'headers' | 'address'> {
  return { ...(headers === undefined ? {} : { headers }), ...(address === undefined || from.kind !== 'ingress' ? {} : { address }) }
}

/** What policies of the ingress say to a call to the platform's path of a host; there a caller has no identity. */
function atIngress({ ingressAuthentication: edge }: MeshSnapshot, question: AuthorizationQuestion, { namespace, name }: MeshHost): Verdict | undefined {
  if (edge?.policy === undefined) return undefined
  const { method, path, claims } = question
  const shown = namespace === DEFAULT_NAMESPACE ? name : `${name}.${namespace}`
  const verified = claims === undefined ? undefined : claimsTakenBy(edge.rules, claims)
  const call = { method, path: `/function/${shown}${path}`, host: question.host ?? 'localhost', port: WORKLOAD_PORT, ...sentWith(question) }
  return evaluatePolicy(edge.policy, verified === undefined ? call : { ...call, claims: verified })
}

/** A question about one caller. */
interface Asked {
  readonly question: AuthorizationQuestion
  readonly host: MeshHost
  readonly principal: string
}

function policiesOf(rules: readonly { readonly policy: ResourceRef }[]): readonly ResourceRef[] {
  return [...new Map(rules.map(({ policy }) => [resourceText(policy), policy])).values()]
}

function callerText(principal: string): string {
  const identity = parseSpiffeId(principal)
  return identity === undefined ? principal : `${identity.namespace}/${identity.serviceAccount}`
}

function reasonText(verdict: Verdict, allowing: readonly ResourceRef[]): string {
  switch (verdict.because) {
    case 'no-policy':
      return 'no ALLOW policy selects it, and no DENY rule matches'
    case 'allow-rule':
      return `rule ${verdict.rule.index} of ${resourceText(verdict.rule.policy)} allows it`
    case 'deny-rule':
      return `rule ${verdict.rule.index} of ${resourceText(verdict.rule.policy)} denies it`
    case 'no-rule-matches':
      return allowing.length === 0 ? 'an ALLOW policy without rules selects it' : `no rule of ${allowing.map(resourceText).join(', ')} allows it`
    case 'bad-path':
      return 'the path has an escaped slash or leaves its root, which the proxy refuses'
    case 'bad-header':
      return `a policy asks for the header ${verdict.header}, whose value begins or ends with a blank`
    case 'policy-broken':
      return `a policy cannot be understood, so everything is denied: ${verdict.reason}`
    default:
      return verdict satisfies never
  }
}
