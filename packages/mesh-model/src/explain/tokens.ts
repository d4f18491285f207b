import type { JwtRule } from '../authentication.ts'
import type { MeshSnapshot, MeshWorkload } from '../snapshot.ts'
import { resourceText } from './words.ts'

type Claims = Readonly<Record<string, unknown>>

/** What becomes of a call's token before the policies of the callee are asked: they see its claims, or none and the reason; or the call ends there. */
export type TokenFate = { readonly claims: Claims } | { readonly claims?: undefined; readonly refused: boolean; readonly why: string }

/** The fate of a token with these claims on its way to a workload. Its signature is taken for good, and its time too. */
export function tokenFate(
  snapshot: MeshSnapshot,
  workload: MeshWorkload,
  { claims, throughIngress }: { readonly claims: Claims; readonly throughIngress: boolean },
): TokenFate {
  const edge = throughIngress ? (snapshot.ingressAuthentication?.rules ?? []) : []
  if (edge.length > 0) {
    const rule = ruleFor(edge, claims)
    if (rule === undefined) return refused('its token is none that the ingress takes')
    if (!rule.forward) return { refused: false, why: `the ingress takes its token away (forwardOriginalToken of ${resourceText(rule.origin)})` }
  }
  const { authentication } = workload
  if (authentication === undefined) return { refused: false, why: 'no RequestAuthentication selects the callee, so a token says nothing' }
  const rule = ruleFor(authentication, claims)
  return rule === undefined ? refused(`its token is none that ${origins(authentication)} takes`) : { claims: listed(claims, rule) }
}

/** The claims that rules make of a token; `undefined` when none of them takes it. */
export function claimsTakenBy(rules: readonly JwtRule[], claims: Claims): Claims | undefined {
  const rule = ruleFor(rules, claims)
  return rule === undefined ? undefined : listed(claims, rule)
}

function refused(why: string): TokenFate {
  return { refused: true, why }
}

function ruleFor(rules: readonly JwtRule[], { iss, aud }: Claims): JwtRule | undefined {
  const audiences = [aud].flat()
  return rules.find(
    ({ issuer, audiences: wanted }) => (issuer === undefined || issuer === iss) && (wanted.length === 0 || wanted.some((one) => audiences.includes(one))),
  )
}

/** Claims that are lists parted by blanks, as lists. */
function listed(claims: Claims, { listClaims }: JwtRule): Claims {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [name, typeof value === 'string' && listClaims.includes(name) ? value.split(' ') : value]),
  )
}

function origins(rules: readonly JwtRule[]): string {
  return [...new Set(rules.map(({ origin }) => resourceText(origin)))].join(', ')
}

/** In words: which tokens a workload verifies. */
export function tokensText({ authentication = [] }: MeshWorkload): readonly string[] {
  return authentication.map((rule) => {
    const audiences = rule.audiences.length === 0 ? '' : ` for ${rule.audiences.join(' or ')}`
    return `Tokens of ${rule.issuer ?? 'any issuer'}${audiences}, with keys ${keysText(rule)} (${resourceText(rule.origin)})`
  })
}

function keysText({ keys }: JwtRule): string {
  if (keys.kind === 'inline') return 'that are written down'
  return keys.source.discovery ? 'that the issuer publishes' : `of ${keys.source.url.split('?')[0] ?? ''}`
}
