import { parseDurationMs, type Resource } from '@weft/core'
import { jwksUriOf, outputHeaderProblem, readKeySet, RequestAuthenticationSpec, urlProblem, type JwtRuleSpec } from '@weft/api'
import type { JwtKeys, JwtRule } from '../authentication.ts'
import { SPACE_DELIMITED_CLAIMS } from '../policy/claims.ts'
import { baseOf, policySelector, refusals, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { failure } from './finding.ts'
import type { Model, RequestAuthenticationModel } from './models.ts'

const checkSpec = checker(RequestAuthenticationSpec)
/** As Istio's (JWTRule.timeout). */
const FETCH_TIMEOUT_MS = 5000

/** Reads a RequestAuthentication. One that cannot be understood is `broken`, and denies whatever it selects. */
export function readRequestAuthentication(resource: Resource): Read<RequestAuthenticationModel> {
  const base = baseOf(resource)
  const version = versionProblem(resource)
  const notes = version === undefined ? [] : [version]
  const checked = checkSpec(resource.spec ?? {})
  const refused = checked.ok ? [] : refusals(base.ref, checked)
  notes.push(...refused.map((finding) => finding.message))
  const rules = checked.ok ? (checked.value.jwtRules ?? []).map((rule, index) => readRule(rule, base, { at: `spec.jwtRules[${index}]`, notes })) : []
  const broken = notes.length === 0 ? undefined : notes.join('; ')
  const findings = broken === undefined ? [] : [...refused, failure(base.ref, 'PolicyBroken', `it denies all calls to what it selects: ${broken}`)]
  return { model: { ...base, findings, selector: policySelector(resource.spec), rules: broken === undefined ? rules : [], broken } }
}

interface Place {
  readonly at: string
  readonly notes: string[]
}

function readRule(rule: JwtRuleSpec, { ref }: Model, place: Place): JwtRule {
  const { issuer, outputPayloadToHeader: payloadHeader = '', outputClaimToHeaders = [] } = rule
  for (const name of [payloadHeader, ...outputClaimToHeaders.map(({ header }) => header)]) {
    const problem = outputHeaderProblem(name)
    if (problem !== undefined) place.notes.push(`${place.at}: ${problem}`)
  }
  return {
    origin: ref,
    ...(issuer === undefined ? {} : { issuer }),
    audiences: rule.audiences ?? [],
    keys: readKeys(rule, place),
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix = '' }) => ({ name, prefix })),
    fromParams: rule.fromParams ?? [],
    fromCookies: rule.fromCookies ?? [],
    ...(payloadHeader === '' ? {} : { payloadHeader: payloadHeader.toLowerCase() }),
    claimHeaders: outputClaimToHeaders.map(({ header, claim }) => ({ header: header.toLowerCase(), claim })),
    forward: rule.forwardOriginalToken ?? false,
    listClaims: [...new Set([...SPACE_DELIMITED_CLAIMS, ...(rule.spaceDelimitedClaims ?? [])])].toSorted(),
  }
}

function readKeys(rule: JwtRuleSpec, { at, notes }: Place): JwtKeys {
  const uri = jwksUriOf(rule)
  if (rule.jwks !== undefined) {
    const { jwks = '', problems } = readKeySet(rule.jwks)
    notes.push(...problems.map((problem) => `${at}.jwks: ${problem}`))
    if (uri !== undefined) notes.push(`${at}: has jwks and jwksUri; only one can hold`)
    return { kind: 'inline', jwks }
  }
  const url = uri ?? rule.issuer ?? ''
  const problem = urlProblem(url)
  if (problem !== undefined) notes.push(`${at}: ${problem}`)
  const timeoutMs = rule.timeout === undefined ? FETCH_TIMEOUT_MS : parseDurationMs(rule.timeout, 'timeout')
  return { kind: 'fetched', source: { url, discovery: uri === undefined, timeoutMs: Math.max(1, timeoutMs) } }
}
