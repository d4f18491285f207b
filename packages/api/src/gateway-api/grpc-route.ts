import { Type, type Static } from 'typebox'
import { closed, closedExcept, UNSUPPORTED_VALUES } from '../pieces.ts'
import { fieldName, fieldValue, HeaderModifier, RequestMirror, ROUTE_PARTS, SHARE_PARTS, shareFilter, subdomain } from './shared.ts'

const matchType = Type.Optional(Type.Enum(['Exact', 'RegularExpression'], { description: 'default Exact' }))

/** A condition on a call (`GRPCRouteMatch`). */
export const GrpcRouteMatch = Type.Object(
  {
    method: Type.Optional(
      Type.Object(
        {
          type: matchType,
          service: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'name of the service with its package' })),
          method: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'name of the method' })),
        },
        { ...closed, minProperties: 1 },
      ),
    ),
    headers: Type.Optional(
      Type.Array(Type.Object({ type: matchType, name: fieldName('name'), value: fieldValue(4096, 'value, or RE2 expression of the whole value') }, closed), {
        maxItems: 16,
      }),
    ),
  },
  closed,
)
/** {@link GrpcRouteMatch} as a type. */
export type GrpcRouteMatch = Static<typeof GrpcRouteMatch>

/** What happens to the calls of a rule (`GRPCRouteFilter`). */
export const GrpcRouteFilter = Type.Object(
  {
    type: Type.Enum(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror'], { [UNSUPPORTED_VALUES]: ['ExtensionRef'] }),
    requestHeaderModifier: Type.Optional(HeaderModifier),
    responseHeaderModifier: Type.Optional(HeaderModifier),
    requestMirror: Type.Optional(RequestMirror),
  },
  closedExcept('extensionRef'),
)
/** {@link GrpcRouteFilter} as a type. */
export type GrpcRouteFilter = Static<typeof GrpcRouteFilter>

/** A share of a rule's calls (`GRPCBackendRef`). */
export const GrpcBackend = Type.Object(
  {
    ...SHARE_PARTS,
    filters: Type.Optional(
      Type.Array(shareFilter(['requestMirror', 'extensionRef'], ['RequestMirror', 'ExtensionRef']), {
        maxItems: 16,
        description: 'what happens to the calls of this share alone',
      }),
    ),
  },
  closed,
)
/** {@link GrpcBackend} as a type. */
export type GrpcBackend = Static<typeof GrpcBackend>

/** A rule (`GRPCRouteRule`). */
export const GrpcRouteRule = Type.Object(
  {
    name: Type.Optional(subdomain('for people and logs')),
    matches: Type.Optional(Type.Array(GrpcRouteMatch, { maxItems: 64, description: 'any of these; absent: every call' })),
    filters: Type.Optional(Type.Array(GrpcRouteFilter, { maxItems: 16 })),
    backendRefs: Type.Optional(Type.Array(GrpcBackend, { maxItems: 16, description: 'the shares' })),
  },
  closedExcept('sessionPersistence'),
)
/** {@link GrpcRouteRule} as a type. */
export type GrpcRouteRule = Static<typeof GrpcRouteRule>

/** Spec of a GRPCRoute. */
export const GrpcRouteSpec = Type.Object(
  { ...ROUTE_PARTS, rules: Type.Optional(Type.Array(GrpcRouteRule, { maxItems: 16, description: 'the most specific match wins' })) },
  { ...closedExcept('useDefaultGateways'), description: 'where gRPC calls of a parent go' },
)
/** {@link GrpcRouteSpec} as a type. */
export type GrpcRouteSpec = Static<typeof GrpcRouteSpec>
