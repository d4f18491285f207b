import { refKey } from '@weft/core'
import { escapeRe2, everyValueRegex, namedHeaders, templateRegex, textHolds } from '@weft/mesh-model'
import type {
  AddressBlock,
  OperationMatch,
  PathMatch,
  PolicyCondition,
  PolicyRule,
  RequestPrincipalMatch,
  SourceMatch,
  StringMatch,
  WorkloadPolicy,
} from '@weft/mesh-model'
import { any, wrap } from './json.ts'
import { claimMatcher, claimOf, methodMatcher, prefixedPathRegex, regexMatcher, stringMatcher, stringRegex } from './matching.ts'
import type { PathPrefix } from './matching.ts'
import type { Json } from './types.ts'

/** Names of the two policy filters; a route's own configuration is found by them. Deny is asked first. */
export const DENY_FILTER = 'weft.deny'
export const ALLOW_FILTER = 'weft.allow'
/** Name of the filter that decides nothing, and marks calls for the access log. */
export const AUDIT_FILTER = 'weft.audit'

/** The port that a function's workload has, whatever port of its host was called. */
export const WORKLOAD_PORT = 8080

const ANY: Json = { any: true }
const NEVER: Json = { not_rule: ANY }
const SPIFFE = 'spiffe://'

/** The RBAC filter as it stands in a filter chain; without `rules` it asks nothing (routes bring their own), with `closed` it lets nothing pass. */
export function rbacFilter(name: string, options: { readonly closed: boolean }): Json {
  const prefix = { rules_stat_prefix: name === DENY_FILTER ? 'deny.' : 'allow.' }
  return {
    name,
    typed_config: any('envoy.extensions.filters.http.rbac.v3.RBAC', options.closed ? { rules: { action: 'ALLOW', policies: {} }, ...prefix } : prefix),
  }
}

/** A route's own rules for a filter made by {@link rbacFilter}; `undefined`: everything passes. */
export function rbacPerRoute(rules: Json | undefined): Json {
  return perRoute(rules === undefined ? {} : { rules })
}

function perRoute(rbac: Json): Json {
  return any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac })
}

/** Rules that let one SPIFFE ID pass and nobody else. */
export function onlyPrincipal(spiffeId: string): Json {
  return { action: 'ALLOW', policies: { reserved: { permissions: [ANY], principals: [{ authenticated: { principal_name: { exact: spiffeId } } }] } } }
}

/** Who is known to call, when the listener says so and not a certificate (the direct path). */
export interface KnownCaller {
  /** SPIFFE ID without `spiffe://`. */
  readonly principal: string
  readonly namespace: string
}

/** How rules are to be written: by certificate or for a known caller, over which paths. */
export interface RuleContext {
  readonly caller?: KnownCaller
  readonly prefix?: PathPrefix
  /** The workload's own port, where it is not 8080; `listener`: ports are those that clients connect to. */
  readonly port?: number | 'listener' | undefined
}

/** The `typed_per_filter_config` by which a route, virtual host or weighted cluster enforces a workload's policy. */
export function policyConfig(policy: WorkloadPolicy, context: RuleContext = {}): Json {
  const { deny, allow, audit } = policyParts(policy, context)
  return {
    [DENY_FILTER]: perRoute(deny),
    [ALLOW_FILTER]: perRoute(allow),
    ...(policy.audit === undefined ? {} : { [AUDIT_FILTER]: perRoute(audit) }),
  }
}

/** What three RBAC filters, asked in the order audit, deny, allow, must say for a policy. */
export function policyParts(policy: WorkloadPolicy, context: RuleContext = {}): { readonly deny: Json; readonly allow: Json; readonly audit: Json } {
  const { dryRun } = policy
  const broken = policy.broken === undefined ? undefined : { broken: { permissions: [ANY], principals: [ANY] } }
  const allowing = (rules: readonly PolicyRule[] | undefined) => rules && { action: 'ALLOW', policies: policies(rules, context) }
  return {
    deny: {
      ...enforced(denying({ ...policies(policy.deny, context, 'deny'), ...blankHeaders(policy), ...broken })),
      ...shadow('deny.', dryRun && denying(policies(dryRun.deny, context, 'deny'))),
    },
    allow: { ...enforced(allowing(policy.allow)), ...shadow('allow.', allowing(dryRun?.allow)) },
    audit: shadow('audit.', policy.audit && denying(policies(policy.audit, context, 'deny'))),
  }
}

/** See {@link namedHeaders}. */
function blankHeaders(policy: WorkloadPolicy): Record<string, Json> {
  const ids = namedHeaders(policy).map((name) => ({ header: { name, string_match: regexMatcher('[ \\t]\\C*|\\C*[ \\t]') } }))
  return ids.length === 0 ? {} : { 'blank-header': { permissions: [ANY], principals: [{ or_ids: { ids } }] } }
}

function enforced(rules: Json | undefined): Json {
  return rules === undefined ? {} : { rules }
}

function denying(rules: Record<string, Json>): Json | undefined {
  return Object.keys(rules).length === 0 ? undefined : { action: 'DENY', policies: rules }
}

/** Rules that only write down what they would have said. */
function shadow(prefix: string, rules: Json | undefined): Json {
  return rules === undefined ? {} : { shadow_rules: rules, shadow_rules_stat_prefix: prefix }
}

function policies(rules: readonly PolicyRule[], context: RuleContext, effect: Effect = 'allow'): Record<string, Json> {
  // The position keeps two rules of one name apart: none may be lost.
  return Object.fromEntries(
    rules.flatMap((rule, position): readonly (readonly [string, Json])[] => {
      const name = `${refKey(rule.policy)}/${rule.index}#${position}`
      const made = envoyPolicy(rule, context, effect)
      const condition = everyValueCondition(rule.conditions ?? [], effect)
      if (condition === undefined) return [[name, made]]
      // A text that CEL cannot read makes its condition fail, which must not let a call pass that is to be denied: the rule without CEL stands beside it.
      return effect === 'allow'
        ? [[name, { ...made, condition }]]
        : [
            [name, { ...envoyPolicy(rule, context, 'joined'), condition }],
            [`${name}+`, made],
          ]
    }),
  )
}

/** What rules are for; `joined`: for denying, with what their conditions on headers leave to {@link everyValueCondition}. */
type Effect = 'allow' | 'deny' | 'joined'

function envoyPolicy(rule: PolicyRule, context: RuleContext, effect: Effect): Json {
  const { caller } = context
  const conditions = rule.conditions ?? []
  const asked = conditions.flatMap((condition) => (condition.kind === 'operation' ? [permission(condition.operation, context, effect)] : []))
  const operations = rule.operations.length === 0 ? [ANY] : rule.operations.map((operation) => permission(operation, context, effect))
  const permissions = asked.length === 0 ? operations : [{ and_rules: { rules: [{ or_rules: { rules: operations } }, ...asked] } }]
  if (caller === undefined) {
    const ids = conditions.flatMap((condition) => conditionIds(condition, effect))
    const sources = rule.sources.length === 0 ? [ANY] : rule.sources.map(principal)
    return { permissions, principals: ids.length === 0 ? sources : [{ and_ids: { ids: [{ or_ids: { ids: sources } }, ...ids] } }] }
  }
  const holds = rule.sources.length === 0 || rule.sources.some((source) => sourceHolds(source, caller))
  return { permissions: holds ? permissions : [NEVER], principals: [ANY] }
}

/** Whether a policy asks only what the caller's own listener can answer. Others are enforced behind mutual TLS, by the callee's listener. */
export function decidesByCaller({ deny, allow = [], audit, dryRun }: WorkloadPolicy): boolean {
  const plain = (rule: PolicyRule) =>
    rule.conditions === undefined &&
    rule.sources.every((source) => Object.keys(source).every((key) => BY_CERTIFICATE.has(key))) &&
    rule.operations.every(({ hosts, notHosts }) => hosts === undefined && notHosts === undefined)
  return audit === undefined && dryRun === undefined && [...deny, ...allow].every(plain)
}

const BY_CERTIFICATE: ReadonlySet<string> = new Set(['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] satisfies (keyof SourceMatch)[])

// -- who ----------------------------------------------------------------------------------------------------------------

function principal(source: SourceMatch): Json {
  const ids = [
    anyId(source.principals, principalId),
    noId(source.notPrincipals, principalId),
    anyId(source.namespaces, namespaceId),
    noId(source.notNamespaces, namespaceId),
    anyId(source.requestPrincipals, requestPrincipalId),
    noId(source.notRequestPrincipals, requestPrincipalId),
    anyId(source.ipBlocks, addressId),
    noId(source.notIpBlocks, addressId),
    anyId(source.remoteIpBlocks, addressId),
    noId(source.notRemoteIpBlocks, addressId),
  ].filter((id) => id !== undefined)
  return ids.length === 0 ? ANY : { and_ids: { ids } }
}

function anyId<Match>(matches: readonly Match[] | undefined, id: (match: Match) => Json): Json | undefined {
  return matches === undefined ? undefined : { or_ids: { ids: matches.length === 0 ? [{ not_id: ANY }] : matches.map(id) } }
}

function noId<Match>(matches: readonly Match[] | undefined, id: (match: Match) => Json): Json | undefined {
  return matches === undefined || matches.length === 0 ? undefined : { not_id: { or_ids: { ids: matches.map(id) } } }
}

/** The inbound listener takes the address that the ingress tells as the call's own (`original_ip_detection`). */
function addressId({ address, bits }: AddressBlock): Json {
  return { remote_ip: { address_prefix: address, prefix_len: wrap(bits) } }
}

/** Nothing stands there as long as no JWT was verified. */
function requestPrincipalId({ issuer, subject }: RequestPrincipalMatch): Json {
  const claim = (name: string, match: StringMatch): Json => ({ metadata: { ...claimOf([name]), value: { string_match: stringMatcher(match) } } })
  return { and_ids: { ids: [claim('iss', issuer), claim('sub', subject)] } }
}

function conditionIds(condition: PolicyCondition, effect: Effect): readonly Json[] {
  switch (condition.kind) {
    case 'source':
      return [principal(condition.source)]
    case 'operation':
      return []
    case 'header': {
      const id = (match: StringMatch): Json => ({ header: { name: condition.name, string_match: valueMatcher(match) } })
      return [anyId(condition.values, id), effect === 'joined' ? undefined : noId(condition.notValues, id)].filter((each) => each !== undefined)
    }
    case 'claim': {
      const id = (match: StringMatch): Json => claimId(condition.path, match)
      return [anyId(condition.values, id), noId(condition.notValues, id)].filter((each) => each !== undefined)
    }
    default:
      return condition satisfies never
  }
}

/** Any bytes, not only characters: what is no UTF-8 is there too. */
function valueMatcher(match: StringMatch): Json {
  return match.kind === 'present' ? regexMatcher('\\C+') : stringMatcher(match)
}

function claimId(path: readonly string[], match: StringMatch): Json {
  return { metadata: claimMatcher(path, match) }
}

/**
 * RBAC compares each value of a header by itself, and one is enough (Envoy 1.38). What must hold for every value is asked of all of them, joined, in CEL:
 * for what allows `values`, for what denies `notValues`.
 */
function everyValueCondition(conditions: readonly PolicyCondition[], effect: Effect): Json | undefined {
  const terms = conditions.flatMap((condition) => {
    if (condition.kind !== 'header') return []
    const { name, values, notValues } = condition
    if (effect === 'allow') return values === undefined ? [] : [every(name, values)]
    return notValues === undefined ? [] : [cel('!_', every(name, notValues))]
  })
  return terms.length === 0 ? undefined : terms.reduce((all, term) => cel('_&&_', all, term))
}

function every(name: string, matches: readonly StringMatch[]): Json {
  const headers = { select_expr: { operand: { ident_expr: { name: 'request' } }, field: 'headers' } }
  const regex = celText(`^(?s:${everyValueRegex(matches)})$`)
  const joined = { call_expr: { function: 'matches', target: cel('_[_]', headers, celText(name)), args: [regex] } }
  return cel('_&&_', cel('@in', celText(name), headers), joined)
}

function cel(name: string, ...args: readonly Json[]): Json {
  return { call_expr: { function: name, args } }
}

function celText(value: string): Json {
  return { const_expr: { string_value: value } }
}

function principalId(match: StringMatch): Json {
  return { authenticated: { principal_name: principalMatcher(match) } }
}

/** A text over the SPIFFE ID without its scheme, as a matcher over the whole URI. */
function principalMatcher(match: StringMatch): Json {
  switch (match.kind) {
    case 'exact':
      return { exact: SPIFFE + match.value }
    case 'prefix':
      return { prefix: SPIFFE + match.value }
    case 'suffix':
      return { suffix: match.value }
    case 'regex':
      return regexMatcher(`${SPIFFE}(?:${match.value})`)
    case 'present':
      return { prefix: SPIFFE }
    default:
      return match satisfies never
  }
}

function namespaceId(match: StringMatch): Json {
  return { authenticated: { principal_name: regexMatcher(`${SPIFFE}[^/]+/ns/${namespaceRegex(match)}/sa/[^/]+`) } }
}

function namespaceRegex(match: StringMatch): string {
  if (match.kind === 'prefix') return `${escapeRe2(match.value)}[^/]*`
  if (match.kind === 'suffix') return `[^/]*${escapeRe2(match.value)}`
  return match.kind === 'present' ? '[^/]+' : stringRegex(match)
}

/** Whether a source names a caller that is known when routes are made. */
function sourceHolds(source: SourceMatch, caller: KnownCaller): boolean {
  const some = (matches: readonly StringMatch[] | undefined, text: string): boolean | undefined => matches?.some((match) => textHolds(match, text))
  return (
    some(source.principals, caller.principal) !== false &&
    some(source.notPrincipals, caller.principal) !== true &&
    some(source.namespaces, caller.namespace) !== false &&
    some(source.notNamespaces, caller.namespace) !== true
  )
}

// -- what ---------------------------------------------------------------------------------------------------------------

function permission(operation: OperationMatch, { prefix, port: own = WORKLOAD_PORT }: RuleContext, effect: Effect): Json {
  const method = (match: StringMatch): Json => ({ header: methodMatcher([match]) })
  // HTTP/2 carries `delete` too, which is another method, and the same to some who read it: it is refused as both.
  const anyCase = (match: StringMatch): Json => ({ header: { name: ':method', string_match: regexMatcher(`(?i:${stringRegex(match)})`) } })
  const path = (match: PathMatch): Json => ({ url_path: { path: pathMatcher(match, prefix) } })
  const host = (match: StringMatch): Json => ({ header: { name: ':authority', string_match: hostMatcher(match) } })
  const port = (value: number): Json => (own === 'listener' ? { destination_port: value } : value === own ? ANY : NEVER)
  const rules = [
    anyRule(operation.methods, effect === 'allow' ? method : anyCase),
    noRule(operation.notMethods, effect === 'allow' ? anyCase : method),
    anyRule(operation.paths, path),
    noRule(operation.notPaths, path),
    anyRule(operation.hosts, host),
    noRule(operation.notHosts, host),
    anyRule(operation.ports, port),
    noRule(operation.notPorts, port),
  ].filter((rule) => rule !== undefined)
  return rules.length === 0 ? ANY : { and_rules: { rules } }
}

function anyRule<Match>(matches: readonly Match[] | undefined, rule: (match: Match) => Json): Json | undefined {
  return matches === undefined ? undefined : { or_rules: { rules: matches.length === 0 ? [NEVER] : matches.map(rule) } }
}

function noRule<Match>(matches: readonly Match[] | undefined, rule: (match: Match) => Json): Json | undefined {
  return matches === undefined || matches.length === 0 ? undefined : { not_rule: { or_rules: { rules: matches.map(rule) } } }
}

function pathMatcher(given: PathMatch, prefix: PathPrefix): Json {
  const match: StringMatch = given.kind === 'template' ? { kind: 'regex', value: templateRegex(given.value) } : given
  return prefix === undefined ? stringMatcher(match) : regexMatcher(prefixedPathRegex(match))
}

/** Hosts are compared without case and port (Istio: `exact` also stands for `exact:*`). */
function hostMatcher(match: StringMatch): Json {
  const anyPort = match.kind === 'exact' || match.kind === 'suffix' ? '(?::[0-9]+)?' : ''
  return regexMatcher(`(?i)${stringRegex(match)}${anyPort}`)
}
