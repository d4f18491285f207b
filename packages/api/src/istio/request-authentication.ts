import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, istioDuration, nonEmpty } from '../pieces.ts'
import { WorkloadSelector } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/security/request_authentication/ (API v1).

const headerName = (description: string) => Type.String({ pattern: '^[A-Za-z0-9][-_A-Za-z0-9]{0,127}$', description })
const plainText = (description: string, maxLength = 1024) => Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u0020\\u007f]+$', description })
const list = (items: ReturnType<typeof plainText>, description: string) => Type.Optional(Type.Array(items, { maxItems: 64, description }))

/** A header in which a token may stand (Istio `JWTHeader`). */
export const JwtHeader = Type.Object(
  {
    name: headerName('name of the header'),
    prefix: Type.Optional(
      Type.String({ maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description: 'what stands before the token, such as "Bearer "' }),
    ),
  },
  closed,
)

/** One kind of tokens that are taken (Istio `JWTRule`). */
export const JwtRuleSpec = Type.Object(
  {
    issuer: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, pattern: '^[^\\u0000-\\u001f\\u007f]+$', description: 'what iss must be' })),
    audiences: list(plainText('an audience'), 'one of these must be in aud; none: whatever is there'),
    jwks: Type.Optional(Type.String({ minLength: 2, maxLength: 65_536, description: 'public keys, as a JSON Web Key Set' })),
    jwksUri: Type.Optional(plainText('URL of the public keys; absent: they are found by OpenID discovery of the issuer', 2048)),
    jwks_uri: Type.Optional(plainText('another spelling of jwksUri', 2048)),
    fromHeaders: Type.Optional(Type.Array(JwtHeader, { maxItems: 16, description: 'headers with tokens; none of the from…: Authorization, and access_token' })),
    fromParams: list(plainText('a query parameter', 128), 'query parameters with tokens'),
    fromCookies: list(plainText('a cookie', 128), 'cookies with tokens'),
    outputPayloadToHeader: Type.Optional(headerName('header in which the function finds the verified payload, base64url')),
    outputClaimToHeaders: Type.Optional(
      Type.Array(
        Type.Object({ header: headerName('header in which the function finds it'), claim: plainText('name of the claim; "a.b" is b within a', 512) }, closed),
        { maxItems: 64, description: 'verified claims as headers' },
      ),
    ),
    forwardOriginalToken: Type.Optional(Type.Boolean({ description: 'whether the function sees the token itself; default false' })),
    timeout: Type.Optional(istioDuration('longest time of a fetch of the keys; default 5s')),
    spaceDelimitedClaims: list(plainText('a claim', 512), 'claims that are lists parted by blanks, beside scope and permission'),
  },
  { ...closed, description: 'one kind of tokens' },
)
/** {@link JwtRuleSpec} as a type. */
export type JwtRuleSpec = Static<typeof JwtRuleSpec>

/** Spec of a RequestAuthentication. */
export const RequestAuthenticationSpec = Type.Object(
  {
    selector: Type.Optional(WorkloadSelector),
    jwtRules: Type.Optional(nonEmpty(JwtRuleSpec, { maxItems: 32, description: 'tokens of any of these are taken; others are refused' })),
  },
  { ...closedExcept('targetRef', 'targetRefs'), description: 'which tokens of callers are verified' },
)
/** {@link RequestAuthenticationSpec} as a type. */
export type RequestAuthenticationSpec = Static<typeof RequestAuthenticationSpec>

/** A RequestAuthentication of Istio. */
export interface RequestAuthenticationResource {
  readonly apiVersion: string
  readonly kind: 'RequestAuthentication'
  readonly metadata: ObjectMeta
  readonly spec: RequestAuthenticationSpec
  readonly status?: unknown
}
