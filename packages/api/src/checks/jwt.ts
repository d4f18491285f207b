import type { JwtRuleSpec, RequestAuthenticationSpec } from '../istio/request-authentication.ts'
import { child, shown, type Violation } from '../violation.ts'
import { checkSelector } from './istio.ts'
import { readKeySet } from './jwks.ts'

/** What the schema of a RequestAuthentication cannot say. */
export function checkRequestAuthentication({ selector, jwtRules = [] }: RequestAuthenticationSpec): readonly Violation[] {
  return [...checkSelector(selector), ...jwtRules.flatMap((rule, index) => checkRule(rule, child('spec.jwtRules', index)))]
}

function checkRule(rule: JwtRuleSpec, path: string): readonly Violation[] {
  const uri = jwksUriOf(rule)
  const sources = (['jwks', 'jwksUri', 'jwks_uri'] as const).filter((name) => rule[name] !== undefined)
  const headers = [
    ...(rule.outputClaimToHeaders ?? []).map(({ header }) => header),
    ...((rule.outputPayloadToHeader ?? '') ? [rule.outputPayloadToHeader] : []),
  ]
  return [
    ...(sources.length > 1 ? [{ field: path, reason: `has ${sources.join(' and ')}; only one can hold` }] : []),
    ...(rule.issuer === undefined && uri === undefined ? [{ field: path, reason: 'needs an issuer or a jwksUri' }] : []),
    ...(uri === undefined ? [] : problem(`${path}.jwksUri`, urlProblem(uri))),
    ...(rule.jwks === undefined ? [] : readKeySet(rule.jwks).problems.map((reason) => ({ field: `${path}.jwks`, reason }))),
    ...(sources.length === 0 && rule.issuer !== undefined ? problem(`${path}.issuer`, discoveryProblem(rule.issuer)) : []),
    ...headers.flatMap((name) => problem(path, outputHeaderProblem(name))),
  ]
}

function problem(field: string, reason: string | undefined): readonly Violation[] {
  return reason === undefined ? [] : [{ field, reason }]
}

/** Where the keys of a rule are fetched, in either spelling. */
export function jwksUriOf({ jwksUri, jwks_uri: old }: JwtRuleSpec): string | undefined {
  return jwksUri ?? old
}

/** Why keys cannot be fetched from a URL; `undefined`: they can be, as far as it tells. */
export function urlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') return `${shown(text)} is not an http or https URL`
  if (url.username !== '' || url.password !== '') return 'the URL has a user or a password in it'
  return url.hash === '' ? undefined : 'the URL has a fragment (#…)'
}

function discoveryProblem(issuer: string): string | undefined {
  return urlProblem(issuer) === undefined ? undefined : 'without jwks and jwksUri the keys are found by OpenID discovery, for which the issuer must be a URL'
}

/** Headers that carry identity, framing or the platform's own marks. */
const RESERVED =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|authorization|proxy-.*|x-forwarded-.*|x-envoy-.*|x-weft-.*)$/i

/** Why a verified claim cannot be told in a header of this name. */
export function outputHeaderProblem(name: string | undefined): string | undefined {
  return name !== undefined && RESERVED.test(name) ? `the header ${name} may not be set` : undefined
}
