import type { OperationMatch, PolicyCondition, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '../snapshot.ts'
import { bareAuthority } from '../read/names.ts'
import { inBlock } from './address.ts'
import { claimTexts, requestPrincipalHolds } from './claims.ts'
import { normalisePath } from './path.ts'
import { everyValueRegex, pathHolds, textHolds } from './text.ts'

/** A call as a policy sees it. A connection of raw TCP has no method, path and host, and its workload's policy (`tcpPolicy`) asks for none. */
export interface PolicyCall {
  /** Verified SPIFFE ID of the caller, with or without `spiffe://`; absent for plain text. */
  readonly principal?: string
  readonly method?: string
  /** As it was sent; a query is ignored. */
  readonly path?: string
  /** `:authority`, with or without a port. Calls through the ingress carry the function's own name, whatever the client wrote. */
  readonly host?: string
  /** Port of the workload that was called. */
  readonly port: number
  /** Request headers, names in lower case; several values of one name as a list. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Address of the client, for calls through the ingress. */
  readonly address?: string
  /** Payload of the verified JWT. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** What a policy says about a call, and the rule that says it. */
export type Verdict =
  | { readonly allowed: true; readonly because: 'no-policy' }
  | { readonly allowed: true; readonly because: 'allow-rule'; readonly rule: PolicyRule }
  | { readonly allowed: false; readonly because: 'deny-rule'; readonly rule: PolicyRule }
  | { readonly allowed: false; readonly because: 'no-rule-matches' }
  | { readonly allowed: false; readonly because: 'bad-path' }
  | { readonly allowed: false; readonly because: 'bad-header'; readonly header: string }
  | { readonly allowed: false; readonly because: 'policy-broken'; readonly reason: string }

/** What is written to the access log about a call, and decides nothing. */
export interface Remarks {
  /** The first AUDIT rule that matches. */
  readonly audit?: PolicyRule
  /** The first DENY rule on trial that matches. */
  readonly wouldDeny?: PolicyRule
  /** What the ALLOW rules on trial would say; absent without any. */
  readonly wouldAllow?: boolean
}

interface Facts {
  readonly principal: string | undefined
  readonly namespace: string | undefined
  readonly address: string | undefined
  readonly method: string
  readonly path: string
  /** In lower case, as it was sent and without its port. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly claims: Readonly<Record<string, unknown>> | undefined
}

/**
 * Decides a call as Envoy's RBAC filters do with the same policy: what is broken denies, then DENY rules, then ALLOW rules; without any ALLOW policy what
 * is not denied is allowed (https://istio.io/latest/docs/concepts/security/#implicit-enablement).
 */
export function evaluatePolicy(policy: WorkloadPolicy, call: PolicyCall): Verdict {
  if (policy.broken !== undefined) return { allowed: false, because: 'policy-broken', reason: policy.broken.reason }
  const facts = factsOf(call)
  if (facts === undefined) return { allowed: false, because: 'bad-path' }
  const header = namedHeaders(policy).find((name) => [facts.headers[name] ?? []].flat().some((value) => BLANK_AT_AN_END.test(value)))
  if (header !== undefined) return { allowed: false, because: 'bad-header', header }
  const denies = policy.deny.find((rule) => ruleHolds(rule, facts, 'deny'))
  if (denies !== undefined) return { allowed: false, because: 'deny-rule', rule: denies }
  if (policy.allow === undefined) return { allowed: true, because: 'no-policy' }
  const allows = policy.allow.find((rule) => ruleHolds(rule, facts, 'allow'))
  return allows === undefined ? { allowed: false, because: 'no-rule-matches' } : { allowed: true, because: 'allow-rule', rule: allows }
}

const BLANK_AT_AN_END = /^[ \t]|[ \t]$/

/**
 * Headers that the rules in force ask for. A value has no blank at either end (RFC 9110 §5.5), but HTTP/2 can carry one that has, and whoever gets it by HTTP/1.1
 * takes the blank away: the function would see what no rule saw. So a call that has one there is refused.
 */
export function namedHeaders({ deny, allow = [] }: WorkloadPolicy): readonly string[] {
  const conditions = [...deny, ...allow].flatMap((rule) => rule.conditions ?? [])
  return [...new Set(conditions.flatMap((condition) => (condition.kind === 'header' ? [condition.name] : [])))]
}

/** What AUDIT policies and policies on trial have to say about a call. */
export function remarksOn({ audit = [], dryRun }: WorkloadPolicy, call: PolicyCall): Remarks {
  const facts = factsOf(call)
  if (facts === undefined) return {}
  const audits = audit.find((rule) => ruleHolds(rule, facts, 'deny'))
  const denies = dryRun?.deny.find((rule) => ruleHolds(rule, facts, 'deny'))
  return {
    ...(audits === undefined ? {} : { audit: audits }),
    ...(denies === undefined ? {} : { wouldDeny: denies }),
    ...(dryRun?.allow === undefined ? {} : { wouldAllow: dryRun.allow.some((rule) => ruleHolds(rule, facts, 'allow')) }),
  }
}

/** What a rule is for: the same condition on a header that was sent twice is read so that the call is refused. */
export type Effect = 'allow' | 'deny'

function factsOf(call: PolicyCall): Facts | undefined {
  const path = normalisePath(call.path ?? '/')
  if (path === undefined) return undefined
  const principal = call.principal?.replace(/^spiffe:\/\//, '')
  const namespace = principal === undefined ? undefined : /^[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal)?.[1]
  const { method = '', port, address, headers = {}, claims } = call
  const sent = (call.host ?? '').toLowerCase().replace(/\.(?=:\d+$|$)/, '')
  return {
    principal,
    namespace,
    address,
    method,
    path,
    hosts: [bareAuthority(sent), sent],
    port,
    headers,
    claims,
  }
}

function ruleHolds(rule: PolicyRule, facts: Facts, effect: Effect): boolean {
  const source = rule.sources.length === 0 || rule.sources.some((match) => sourceHolds(match, facts))
  const operation = rule.operations.length === 0 || rule.operations.some((match) => operationHolds(match, facts, effect))
  return source && operation && (rule.conditions ?? []).every((condition) => conditionHolds(condition, facts, effect))
}

function sourceHolds(source: SourceMatch, { principal, namespace, claims, address }: Facts): boolean {
  return (
    anyHolds(source.principals, principal, textHolds) &&
    noneHolds(source.notPrincipals, principal, textHolds) &&
    anyHolds(source.namespaces, namespace, textHolds) &&
    noneHolds(source.notNamespaces, namespace, textHolds) &&
    anyHolds(source.requestPrincipals, claims, requestPrincipalHolds) &&
    noneHolds(source.notRequestPrincipals, claims, requestPrincipalHolds) &&
    anyHolds(source.ipBlocks, address, inBlock) &&
    noneHolds(source.notIpBlocks, address, inBlock) &&
    anyHolds(source.remoteIpBlocks, address, inBlock) &&
    noneHolds(source.notRemoteIpBlocks, address, inBlock)
  )
}

function operationHolds(operation: OperationMatch, { method, path, hosts, port }: Facts, effect: Effect): boolean {
  return (
    anyHolds(operation.methods, method, effect === 'allow' ? textHolds : anyCaseHolds) &&
    noneHolds(operation.notMethods, method, effect === 'allow' ? anyCaseHolds : textHolds) &&
    anyHolds(operation.paths, path, pathHolds) &&
    noneHolds(operation.notPaths, path, pathHolds) &&
    anyHolds(operation.hosts, hosts, hostHolds) &&
    noneHolds(operation.notHosts, hosts, hostHolds) &&
    (operation.ports === undefined || operation.ports.includes(port)) &&
    !(operation.notPorts ?? []).includes(port)
  )
}

function conditionHolds(condition: PolicyCondition, facts: Facts, effect: Effect): boolean {
  switch (condition.kind) {
    case 'source':
      return sourceHolds(condition.source, facts)
    case 'operation':
      return operationHolds(condition.operation, facts, effect)
    case 'header':
      return headerHolds(condition, [facts.headers[condition.name] ?? []].flat(), effect)
    case 'claim': {
      const texts = claimTexts(facts.claims, condition.path)
      return anyHolds(condition.values, texts, someTextHolds) && noneHolds(condition.notValues, texts, someTextHolds)
    }
    default:
      return condition satisfies never
  }
}

function headerHolds({ values, notValues }: Extract<PolicyCondition, { kind: 'header' }>, sent: readonly string[], effect: Effect): boolean {
  const any = (matches: readonly StringMatch[]) => matches.some((match) => someTextHolds(match, sent))
  const every = (matches: readonly StringMatch[]) => sent.length > 0 && new RegExp(`^(?:${everyValueRegex(matches)})$`, 's').test(sent.join(','))
  const holds = values === undefined || (any(values) && (effect === 'deny' || every(values)))
  return holds && (notValues === undefined || !(effect === 'allow' ? any(notValues) : every(notValues)))
}

function someTextHolds(match: StringMatch, texts: readonly string[]): boolean {
  return texts.some((text) => textHolds(match, text))
}

/** `delete` is another method than `DELETE`, and the same to some who read it: it is refused as both. */
function anyCaseHolds(match: StringMatch, text: string): boolean {
  return textHolds('value' in match ? { ...match, value: match.value.toLowerCase() } : match, text.toLowerCase())
}

function hostHolds(match: StringMatch, hosts: readonly string[]): boolean {
  const lower = 'value' in match ? { ...match, value: match.value.toLowerCase() } : match
  return someTextHolds(lower, hosts)
}

/** A list that is there and empty holds for nothing. */
function anyHolds<M, T>(matches: readonly M[] | undefined, value: T | undefined, holds: (match: M, value: T) => boolean): boolean {
  return matches === undefined || (value !== undefined && matches.some((match) => holds(match, value)))
}

function noneHolds<M, T>(matches: readonly M[] | undefined, value: T | undefined, holds: (match: M, value: T) => boolean): boolean {
  return matches === undefined || value === undefined || !matches.some((match) => holds(match, value))
}
