import type { ResourceRef } from '@weft/core'
import type { WorkloadPolicy } from './snapshot.ts'

/** One kind of tokens that are taken (a `jwtRule` of a RequestAuthentication). */
export interface JwtRule {
  readonly origin: ResourceRef
  /** What `iss` must be; absent: whoever signed with one of the keys. */
  readonly issuer?: string
  /** One of them must be in `aud`; none: whatever is there. */
  readonly audiences: readonly string[]
  readonly keys: JwtKeys
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[]
  readonly fromParams: readonly string[]
  readonly fromCookies: readonly string[]
  /** Header that gets the verified payload, in base64url. */
  readonly payloadHeader?: string
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[]
  /** Whether the token itself goes on to the callee. */
  readonly forward: boolean
  /** Claims that are lists parted by blanks. */
  readonly listClaims: readonly string[]
}

/** The public keys of an issuer: written down (a checked JSON Web Key Set), or fetched. */
export type JwtKeys = { readonly kind: 'inline'; readonly jwks: string } | { readonly kind: 'fetched'; readonly source: KeySource }

/** Where keys are fetched. */
export interface KeySource {
  /** Of the key set; with `discovery`, of an issuer's OpenID configuration, which names it. */
  readonly url: string
  readonly discovery: boolean
  readonly timeoutMs: number
}

/** What the ingress itself asks of calls: which tokens it verifies, and who may pass. */
export interface IngressAuthentication {
  readonly rules: readonly JwtRule[]
  /** Why one of its RequestAuthentications could not be understood: nothing passes then. */
  readonly broken?: string
  /** AuthorizationPolicies that select the ingress. Callers have no identity there, but an address and perhaps a token. */
  readonly policy?: WorkloadPolicy
}

/** Name of a source, under which its keys are kept. */
export function keySourceName({ url, discovery, timeoutMs }: KeySource): string {
  return `${discovery ? 'issuer' : 'keys'} ${timeoutMs} ${url}`
}

/** The sources of rules, each once. */
export function keySourcesOf(rules: readonly JwtRule[]): readonly KeySource[] {
  return [...new Map(rules.flatMap(({ keys }) => (keys.kind === 'fetched' ? [[keySourceName(keys.source), keys.source] as const] : []))).values()]
}

/** Headers that rules write. A caller's own under these names would be a forgery. */
export function outputHeadersOf(rules: readonly JwtRule[]): readonly string[] {
  const names = rules.flatMap(({ payloadHeader, claimHeaders }) => [
    ...(payloadHeader === undefined ? [] : [payloadHeader]),
    ...claimHeaders.map(({ header }) => header),
  ])
  return [...new Set(names.map((name) => name.toLowerCase()))].toSorted()
}
