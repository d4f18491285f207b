import { Type, type Static } from 'typebox'
import { closed, closedExcept, port, UNSUPPORTED_VALUES } from '../pieces.ts'
import { fieldName, fieldValue, gatewayDuration, HeaderModifier, RequestMirror, ROUTE_PARTS, SHARE_PARTS, shareFilter, subdomain } from './shared.ts'

const matchType = Type.Optional(Type.Enum(['Exact', 'RegularExpression'], { description: 'default Exact' }))

/** A condition on a call; all parts that are there must hold (`HTTPRouteMatch`). */
export const HttpRouteMatch = Type.Object(
  {
    path: Type.Optional(
      Type.Object(
        {
          type: Type.Optional(Type.Enum(['Exact', 'PathPrefix', 'RegularExpression'], { description: 'default PathPrefix, which compares whole segments' })),
          value: Type.Optional(Type.String({ maxLength: 1024, description: 'default /' })),
        },
        closed,
      ),
    ),
    headers: Type.Optional(
      Type.Array(Type.Object({ type: matchType, name: fieldName('name'), value: fieldValue(4096, 'value, or RE2 expression of the whole value') }, closed), {
        maxItems: 16,
      }),
    ),
    queryParams: Type.Optional(
      Type.Array(Type.Object({ type: matchType, name: fieldName('name'), value: fieldValue(1024, 'value, or RE2 expression of the whole value') }, closed), {
        maxItems: 16,
      }),
    ),
    method: Type.Optional(Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'], { [UNSUPPORTED_VALUES]: ['CONNECT'] })),
  },
  closed,
)
/** {@link HttpRouteMatch} as a type. */
export type HttpRouteMatch = Static<typeof HttpRouteMatch>

const path = Type.String({ maxLength: 1024, pattern: '^[^\\u0000-\\u0020\\u007f?#]*$', description: 'a path' })

/** How a path is changed (`HTTPPathModifier`). */
export const PathModifier = Type.Object(
  {
    type: Type.Enum(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: Type.Optional(path),
    replacePrefixMatch: Type.Optional(path),
  },
  closed,
)
/** {@link PathModifier} as a type. */
export type PathModifier = Static<typeof PathModifier>

/** Sends callers elsewhere (`HTTPRequestRedirectFilter`). */
export const RequestRedirect = Type.Object(
  {
    scheme: Type.Optional(Type.Enum(['http', 'https'])),
    hostname: Type.Optional(subdomain('host to go to')),
    path: Type.Optional(PathModifier),
    port: Type.Optional(port('port to go to; absent: that of the scheme, where one is named')),
    statusCode: Type.Optional(Type.Enum([301, 302, 303, 307, 308], { description: 'default 302' })),
  },
  closed,
)
/** {@link RequestRedirect} as a type. */
export type RequestRedirect = Static<typeof RequestRedirect>

/** What the function sees in place of what was asked for (`HTTPURLRewriteFilter`). */
export const UrlRewrite = Type.Object({ hostname: Type.Optional(subdomain('host that the function sees')), path: Type.Optional(PathModifier) }, closed)
/** {@link UrlRewrite} as a type. */
export type UrlRewrite = Static<typeof UrlRewrite>

const OTHER_FILTERS = ['ExtensionRef', 'CORS', 'ExternalAuth']
const OTHER_FILTER_FIELDS = ['extensionRef', 'cors', 'externalAuth']

/** What happens to the calls of a rule (`HTTPRouteFilter`). */
export const HttpRouteFilter = Type.Object(
  {
    type: Type.Enum(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite'], {
      [UNSUPPORTED_VALUES]: OTHER_FILTERS,
    }),
    requestHeaderModifier: Type.Optional(HeaderModifier),
    responseHeaderModifier: Type.Optional(HeaderModifier),
    requestMirror: Type.Optional(RequestMirror),
    requestRedirect: Type.Optional(RequestRedirect),
    urlRewrite: Type.Optional(UrlRewrite),
  },
  closedExcept(...OTHER_FILTER_FIELDS),
)
/** {@link HttpRouteFilter} as a type. */
export type HttpRouteFilter = Static<typeof HttpRouteFilter>

/** A share of a rule's calls (`HTTPBackendRef`). */
export const HttpBackend = Type.Object(
  {
    ...SHARE_PARTS,
    filters: Type.Optional(
      Type.Array(
        shareFilter(
          ['requestMirror', 'requestRedirect', 'urlRewrite', ...OTHER_FILTER_FIELDS],
          ['RequestMirror', 'RequestRedirect', 'URLRewrite', ...OTHER_FILTERS],
        ),
        { maxItems: 16, description: 'what happens to the calls of this share alone' },
      ),
    ),
  },
  closed,
)
/** {@link HttpBackend} as a type. */
export type HttpBackend = Static<typeof HttpBackend>

/** A rule (`HTTPRouteRule`). */
export const HttpRouteRule = Type.Object(
  {
    name: Type.Optional(subdomain('for people and logs')),
    matches: Type.Optional(Type.Array(HttpRouteMatch, { maxItems: 64, description: 'any of these; absent: every call' })),
    filters: Type.Optional(Type.Array(HttpRouteFilter, { maxItems: 16 })),
    backendRefs: Type.Optional(Type.Array(HttpBackend, { maxItems: 16, description: 'the shares' })),
    timeouts: Type.Optional(
      Type.Object(
        {
          request: Type.Optional(gatewayDuration('longest time of a call; 0s: none')),
          backendRequest: Type.Optional(gatewayDuration('longest time of one try')),
        },
        closed,
      ),
    ),
  },
  closedExcept('retry', 'sessionPersistence'),
)
/** {@link HttpRouteRule} as a type. */
export type HttpRouteRule = Static<typeof HttpRouteRule>

/** Spec of an HTTPRoute. */
export const HttpRouteSpec = Type.Object(
  {
    ...ROUTE_PARTS,
    rules: Type.Optional(Type.Array(HttpRouteRule, { maxItems: 16, description: 'the most specific match of all routes of a parent wins' })),
  },
  { ...closedExcept('useDefaultGateways'), description: 'where HTTP calls of a parent go' },
)
/** {@link HttpRouteSpec} as a type. */
export type HttpRouteSpec = Static<typeof HttpRouteSpec>
