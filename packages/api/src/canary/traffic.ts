import { Type, type Static } from 'typebox'
import { IstioHeaderMatch, IstioStringMatch } from '../istio/string-match.ts'
import { closed, closedExcept, duration } from '../pieces.ts'

const names = { minProperties: 1, maxProperties: 16, additionalProperties: false } as const

/** A condition of an A/B canary. */
export const CanaryMatch = Type.Object(
  {
    headers: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]{1,128}$' }), IstioHeaderMatch, names)),
    cookies: Type.Optional(Type.Record(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$" }), IstioStringMatch, names)),
  },
  { ...closed, minProperties: 1, description: 'calls that go to the candidate: every header and cookie of an entry must match' },
)
/** {@link CanaryMatch} as a type. */
export type CanaryMatch = Static<typeof CanaryMatch>

/** Methods whose calls may be copied without being asked for: they change nothing (RFC 9110 §9.2.1). */
export const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'] as const

/** Where a candidate's calls come from. */
export const CANARY_TRAFFIC = {
  steps: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 99 }), { minItems: 1, maxItems: 32, description: 'weights of the candidate, growing; default 10, 50' }),
  ),
  stepWeight: Type.Optional(Type.Integer({ minimum: 1, maximum: 99, description: 'instead of steps: by how much the weight grows each time' })),
  maxWeight: Type.Optional(Type.Integer({ minimum: 1, maximum: 99, description: 'with stepWeight: the last weight before everything; default 50' })),
  iterations: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: 'instead of steps: how many good intervals it takes; without match, the candidate has no calls in them',
    }),
  ),
  match: Type.Optional(Type.Array(CanaryMatch, { minItems: 1, maxItems: 16, description: 'only calls that one of these matches go to the candidate' })),
  mirror: Type.Optional(
    Type.Object(
      {
        percent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'share of the calls that is copied; default 100' })),
        iterations: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 1000, description: 'good intervals of copies before the candidate gets a call; default 1' }),
        ),
        methods: Type.Optional(
          Type.Array(Type.Enum(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']), {
            minItems: 1,
            maxItems: 7,
            description: `methods of the calls that are copied; default ${SAFE_METHODS.join(', ')}, which change nothing`,
          }),
        ),
      },
      { ...closed, description: 'copies of calls go to the candidate first; what it answers is judged and dropped' },
    ),
  ),
  sessionAffinity: Type.Optional(
    Type.Object(
      {
        cookieName: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,128}$', description: 'default weft-canary-NAMESPACE-FUNCTION' })),
        maxAge: Type.Optional(duration('how long the cookie lives; default 24h')),
      },
      { ...closedExcept('primaryCookieName'), description: 'a client that was once answered by the candidate stays with it' },
    ),
  ),
} as const
