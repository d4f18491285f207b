import { refKey } from '@weft/core'
import type { OperationMatch, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import { any, escapeRegex } from './json.ts'
import { methodMatcher, prefixedPathRegex, regexMatcher, stringMatcher, stringRegex } from './matching.ts'
import type { PathPrefix } from './matching.ts'
import type { Json } from './types.ts'

/** Names of the two policy filters; a route's own configuration is found by them. Deny is asked first. */
export const DENY_FILTER = 'weft.deny'
export const ALLOW_FILTER = 'weft.allow'

/** The port that a function's workload has, whatever port of its host was called. */
const WORKLOAD_PORT = 8080

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
  return any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: rules === undefined ? {} : { rules } })
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
}

/** The `typed_per_filter_config` by which a route, virtual host or weighted cluster enforces a workload's policy. */
export function policyConfig(policy: WorkloadPolicy, context: RuleContext = {}): Json {
  const broken = policy.broken === undefined ? undefined : { broken: { permissions: [ANY], principals: [ANY] } }
  const deny = { ...policies(policy.deny, context), ...broken }
  const allow = policy.allow === undefined ? undefined : { action: 'ALLOW', policies: policies(policy.allow, context) }
  return {
    [DENY_FILTER]: rbacPerRoute(Object.keys(deny).length === 0 ? undefined : { action: 'DENY', policies: deny }),
    [ALLOW_FILTER]: rbacPerRoute(allow),
  }
}

function policies(rules: readonly PolicyRule[], context: RuleContext): Record<string, Json> {
  // The position keeps two rules of one name apart: none may be lost.
  return Object.fromEntries(rules.map((rule, position) => [`${refKey(rule.policy)}/${rule.index}#${position}`, envoyPolicy(rule, context)]))
}

function envoyPolicy(rule: PolicyRule, context: RuleContext): Json {
  const permissions = rule.operations.length === 0 ? [ANY] : rule.operations.map((operation) => permission(operation, context.prefix))
  const { caller } = context
  if (caller === undefined) return { permissions, principals: rule.sources.length === 0 ? [ANY] : rule.sources.map(principal) }
  const holds = rule.sources.length === 0 || rule.sources.some((source) => sourceHolds(source, caller))
  return { permissions: holds ? permissions : [NEVER], principals: [ANY] }
}

// -- who ----------------------------------------------------------------------------------------------------------------

function principal(source: SourceMatch): Json {
  const ids = [
    anyId(source.principals, principalId),
    noId(source.notPrincipals, principalId),
    anyId(source.namespaces, namespaceId),
    noId(source.notNamespaces, namespaceId),
  ].filter((id) => id !== undefined)
  return ids.length === 0 ? ANY : { and_ids: { ids } }
}

function anyId(matches: readonly StringMatch[] | undefined, id: (match: StringMatch) => Json): Json | undefined {
  return matches === undefined ? undefined : { or_ids: { ids: matches.length === 0 ? [{ not_id: ANY }] : matches.map(id) } }
}

function noId(matches: readonly StringMatch[] | undefined, id: (match: StringMatch) => Json): Json | undefined {
  return matches === undefined || matches.length === 0 ? undefined : { not_id: { or_ids: { ids: matches.map(id) } } }
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
  if (match.kind === 'prefix') return `${escapeRegex(match.value)}[^/]*`
  if (match.kind === 'suffix') return `[^/]*${escapeRegex(match.value)}`
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

/** Whether a text fulfils a condition. Policies have no patterns of users; a `regex` here would be one, and holds never. */
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

// -- what ---------------------------------------------------------------------------------------------------------------

function permission(operation: OperationMatch, prefix: PathPrefix): Json {
  const method = (match: StringMatch): Json => ({ header: methodMatcher([match]) })
  const path = (match: StringMatch): Json => ({ url_path: { path: pathMatcher(match, prefix) } })
  const host = (match: StringMatch): Json => ({ header: { name: ':authority', string_match: hostMatcher(match) } })
  const port = (value: number): Json => (value === WORKLOAD_PORT ? ANY : NEVER)
  const rules = [
    anyRule(operation.methods, method),
    noRule(operation.notMethods, method),
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

function pathMatcher(match: StringMatch, prefix: PathPrefix): Json {
  return prefix === undefined ? stringMatcher(match) : regexMatcher(prefixedPathRegex(match))
}

/** Hosts are compared without case and port (Istio: `exact` also stands for `exact:*`). */
function hostMatcher(match: StringMatch): Json {
  const anyPort = match.kind === 'exact' || match.kind === 'suffix' ? '(?::[0-9]+)?' : ''
  return regexMatcher(`(?i)${stringRegex(match)}${anyPort}`)
}
