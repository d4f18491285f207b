import type { OperationMatch, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '../snapshot.ts'
import { bareAuthority } from '../read/names.ts'
import { normalisePath } from './path.ts'

/** A call as a policy sees it. */
export interface PolicyCall {
  /** Verified SPIFFE ID of the caller, with or without `spiffe://`; absent for plain text. */
  readonly principal?: string
  readonly method: string
  /** As it was sent; a query is ignored. */
  readonly path: string
  /** `:authority`, with or without a port. */
  readonly host: string
  /** Port of the workload that was called. */
  readonly port: number
}

/** What a policy says about a call, and the rule that says it. */
export type Verdict =
  | { readonly allowed: true; readonly because: 'no-policy' }
  | { readonly allowed: true; readonly because: 'allow-rule'; readonly rule: PolicyRule }
  | { readonly allowed: false; readonly because: 'deny-rule'; readonly rule: PolicyRule }
  | { readonly allowed: false; readonly because: 'no-rule-matches' }
  | { readonly allowed: false; readonly because: 'bad-path' }
  | { readonly allowed: false; readonly because: 'policy-broken'; readonly reason: string }

interface Facts {
  readonly principal: string | undefined
  readonly namespace: string | undefined
  readonly method: string
  readonly path: string
  readonly host: string
  readonly port: number
}

/**
 * Decides a call as Envoy's RBAC filters do with the same policy: what is broken denies, then DENY rules, then ALLOW rules; without any ALLOW policy what
 * is not denied is allowed (https://istio.io/latest/docs/concepts/security/#implicit-enablement).
 */
export function evaluatePolicy(policy: WorkloadPolicy, call: PolicyCall): Verdict {
  if (policy.broken !== undefined) return { allowed: false, because: 'policy-broken', reason: policy.broken.reason }
  const facts = factsOf(call)
  if (facts === undefined) return { allowed: false, because: 'bad-path' }
  const denies = policy.deny.find((rule) => ruleHolds(rule, facts))
  if (denies !== undefined) return { allowed: false, because: 'deny-rule', rule: denies }
  if (policy.allow === undefined) return { allowed: true, because: 'no-policy' }
  const allows = policy.allow.find((rule) => ruleHolds(rule, facts))
  return allows === undefined ? { allowed: false, because: 'no-rule-matches' } : { allowed: true, because: 'allow-rule', rule: allows }
}

function factsOf(call: PolicyCall): Facts | undefined {
  const path = normalisePath(call.path)
  if (path === undefined) return undefined
  const principal = call.principal?.replace(/^spiffe:\/\//, '')
  const namespace = principal === undefined ? undefined : /^[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal)?.[1]
  return { principal, namespace, method: call.method, path, host: bareAuthority(call.host), port: call.port }
}

function ruleHolds(rule: PolicyRule, facts: Facts): boolean {
  const source = rule.sources.length === 0 || rule.sources.some((match) => sourceHolds(match, facts))
  return source && (rule.operations.length === 0 || rule.operations.some((match) => operationHolds(match, facts)))
}

function sourceHolds(source: SourceMatch, { principal, namespace }: Facts): boolean {
  return (
    anyHolds(source.principals, principal) &&
    noneHolds(source.notPrincipals, principal) &&
    anyHolds(source.namespaces, namespace) &&
    noneHolds(source.notNamespaces, namespace)
  )
}

function operationHolds(operation: OperationMatch, { method, path, host, port }: Facts): boolean {
  return (
    anyHolds(operation.methods, method) &&
    noneHolds(operation.notMethods, method) &&
    anyHolds(operation.paths, path) &&
    noneHolds(operation.notPaths, path) &&
    anyHolds(operation.hosts, host) &&
    noneHolds(operation.notHosts, host) &&
    (operation.ports === undefined || operation.ports.includes(port)) &&
    !(operation.notPorts ?? []).includes(port)
  )
}

/** A list that is there and empty holds for nothing. */
function anyHolds(matches: readonly StringMatch[] | undefined, text: string | undefined): boolean {
  return matches === undefined || (text !== undefined && matches.some((match) => textHolds(match, text)))
}

function noneHolds(matches: readonly StringMatch[] | undefined, text: string | undefined): boolean {
  return matches === undefined || text === undefined || !matches.some((match) => textHolds(match, text))
}

/** Whether a text fulfils a condition. Policies have no regular expressions; one would hold for nothing. */
function textHolds(match: StringMatch, text: string): boolean {
  switch (match.kind) {
    case 'exact':
      return text === match.value
    case 'prefix':
      return text.startsWith(match.value)
    case 'suffix':
      return text.endsWith(match.value)
    case 'present':
      return text !== ''
    case 'regex':
      return false
    default:
      return match satisfies never
  }
}
