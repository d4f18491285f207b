import type { IngressAuthentication, JwtRule, WorkloadKey } from '@weft/mesh-model'
import { keySourceName, outputHeadersOf } from '@weft/mesh-model'
import { nobodysKeys, usableKeys } from '../jwks/keys.ts'
import { discovered, discovery } from './discovered.ts'
import { any, extension } from './json.ts'
import { headerMatcher, JWT_PAYLOAD } from './matching.ts'
import { EDGE_FILTERS, MESH_HEADERS, SCOPE_KINDS } from './names.ts'
import type { EnvoyResource, Json } from './types.ts'

const JWT = 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'
const MUTATION = 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation'
const STRIP_FILTER = 'weft.strip'
/** What routes ask the filter for. */
const REQUIREMENT = 'tokens'

/** Keys that were fetched, by the name of their source. */
export type FetchedKeys = ReadonlyMap<string, string>

/** Name of the resource (ECDS), and of the filter, that verifies the tokens of a workload's callers. */
export function authenticationName(workload: WorkloadKey): string {
  return `jwt/${workload}`
}

/**
 * The filters of a workload's callee side that drop forged headers and verify tokens. They do nothing unless a route asks for them, and get their configuration by
 * a resource of its own: that keys change breaks no connection, and a listener is the same with tokens and without.
 */
export function inboundAuthenticationFilters(workload: WorkloadKey): readonly Json[] {
  return [
    { ...extension(STRIP_FILTER, MUTATION, { mutations: {} }), disabled: true },
    { ...discovered(authenticationName(workload), JWT, any(JWT)), disabled: true },
  ]
}

/** What routes to a workload say to {@link inboundAuthenticationFilters}. As long as the configuration is not there, they let nothing pass. */
export function authenticationRoutes(workload: WorkloadKey, rules: readonly JwtRule[] | undefined): Json {
  if (rules === undefined) return {}
  const headers = outputHeadersOf(rules)
  const strip = any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', { mutations: stripping(headers) })
  return {
    ...(headers.length === 0 ? {} : { [STRIP_FILTER]: strip }),
    [authenticationName(workload)]: any('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', { requirement_name: REQUIREMENT }),
  }
}

/** For a route on which no token is asked for. */
export function unauthenticated(workload: WorkloadKey, rules: readonly JwtRule[] | undefined): Json {
  return rules === undefined ? {} : { [authenticationName(workload)]: any('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', { disabled: true }) }
}

/** The configuration of a workload's filter. */
export function encodeAuthentication(workload: WorkloadKey, rules: readonly JwtRule[], keys: FetchedKeys): EnvoyResource {
  const name = authenticationName(workload)
  const providers = providersOf(rules, keys, false)
  return discovery(name, any(JWT, { providers, requirement_map: { [REQUIREMENT]: requirement(Object.keys(providers)) }, bypass_cors_preflight: true }))
}

// -- at the ingress -----------------------------------------------------------------------------------------------------

/** The filters of a listener for clients, by resources of their own. */
export function edgeAuthenticationFilters(): readonly Json[] {
  return [discovered(EDGE_FILTERS.strip, MUTATION), discovered(EDGE_FILTERS.jwt, JWT)]
}

/**
 * The configuration of {@link edgeAuthenticationFilters}; there always, so that nothing is served before it is known. Tokens are verified on paths of functions,
 * and routes are chosen again when one was.
 */
export function encodeEdgeAuthentication(authentication: IngressAuthentication | undefined, keys: FetchedKeys): readonly EnvoyResource[] {
  const { rules = [], broken } = authentication ?? {}
  const providers = broken === undefined ? providersOf(rules, keys, true) : NOBODY
  const requires = broken === undefined ? requirement(Object.keys(providers)) : { provider_name: 'nobody' }
  // Under names of gateways every path is a function's.
  const gateways = { prefix: '/', headers: [headerMatcher(MESH_HEADERS.scope, { kind: 'prefix', value: `${SCOPE_KINDS.host}/` })] }
  const checked = [{ prefix: '/function/' }, gateways].map((match) => ({ match, requires }))
  const jwt = Object.keys(providers).length === 0 ? {} : { providers, rules: checked, bypass_cors_preflight: true }
  return [discovery(EDGE_FILTERS.strip, any(MUTATION, { mutations: stripping(outputHeadersOf(rules)) })), discovery(EDGE_FILTERS.jwt, any(JWT, jwt))]
}

/** Takes no token of anybody. */
const NOBODY: Json = { nobody: { issuer: 'nobody', local_jwks: { inline_string: nobodysKeys() } } }

// -- parts --------------------------------------------------------------------------------------------------------------

function stripping(headers: readonly string[]): Json {
  return { request_mutations: headers.map((remove) => ({ remove })) }
}

function providersOf(rules: readonly JwtRule[], keys: FetchedKeys, chooseAgain: boolean): Readonly<Record<string, Json>> {
  return Object.fromEntries(rules.map((rule, index) => [`rule-${index}`, provider(rule, keys, chooseAgain)]))
}

function provider(rule: JwtRule, keys: FetchedKeys, chooseAgain: boolean): Json {
  const { issuer, audiences, fromHeaders, fromParams, fromCookies, payloadHeader, claimHeaders, forward, listClaims } = rule
  return {
    ...(issuer === undefined ? {} : { issuer }),
    audiences,
    local_jwks: { inline_string: keysOf(rule, keys) },
    forward,
    from_headers: fromHeaders.map(({ name, prefix }) => ({ name, value_prefix: prefix })),
    from_params: fromParams,
    from_cookies: fromCookies,
    ...(payloadHeader === undefined ? {} : { forward_payload_header: payloadHeader }),
    claim_to_headers: claimHeaders.map(({ header, claim }) => ({ header_name: header, claim_name: claim })),
    payload_in_metadata: JWT_PAYLOAD,
    normalize_payload_in_metadata: { space_delimited_claims: listClaims },
    clear_route_cache: chooseAgain,
  }
}

/** Before the first good fetch nobody has the key. */
function keysOf({ keys }: JwtRule, fetched: FetchedKeys): string {
  const text = keys.kind === 'inline' ? keys.jwks : fetched.get(keySourceName(keys.source))
  return (text === undefined ? undefined : usableKeys(text)) ?? nobodysKeys()
}

/**
 * No token, or a good one. With several kinds: a good one of any kind (they may stand in the same place), or at every place none or a good one. As Istio asks.
 */
function requirement(names: readonly string[]): Json {
  const each = names.map((name): Json => ({ requires_any: { requirements: [{ provider_name: name }, { allow_missing: {} }] } }))
  const [only] = each
  if (each.length < 2) return only ?? { allow_missing: {} }
  const any_one = names.map((name): Json => ({ provider_name: name }))
  return { requires_any: { requirements: [...any_one, { requires_all: { requirements: each } }] } }
}
