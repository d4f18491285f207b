import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, istioDuration, nonEmpty, port } from '../pieces.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/virtual-service/ (API v1).

const matchValue = { maxLength: 1024 } as const

/** How a text is compared (Istio `StringMatch`): exactly one of the three. */
export const IstioStringMatch = Type.Object(
  {
    exact: Type.Optional(Type.String({ ...matchValue, description: 'the whole text' })),
    prefix: Type.Optional(Type.String({ ...matchValue, description: 'the beginning of the text' })),
    regex: Type.Optional(Type.String({ ...matchValue, description: 'RE2 expression that the whole text must match' })),
  },
  { ...closed, minProperties: 1, maxProperties: 1, description: 'one of exact, prefix, regex' },
)
/** {@link IstioStringMatch} as a type. */
export type IstioStringMatch = Static<typeof IstioStringMatch>

/** The same for a header, where an empty object means "is there". */
export const IstioHeaderMatch = Type.Object(IstioStringMatch.properties, {
  ...closed,
  maxProperties: 1,
  description: 'one of exact, prefix, regex; {}: the header is there',
})

const headerMatches = (description: string) =>
  Type.Record(Type.String({ pattern: "^(:[a-z]+|[A-Za-z0-9!#$%&'*+.^_`|~-]+)$", maxLength: 256 }), IstioHeaderMatch, {
    ...closed,
    maxProperties: 64,
    description,
  })

/** A condition on a call; all parts that are there must hold (Istio `HTTPMatchRequest`). */
export const HttpMatch = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256, description: 'for people and logs' })),
    uri: Type.Optional(IstioStringMatch),
    ignoreUriCase: Type.Optional(Type.Boolean({ description: 'compare exact and prefix of uri without regard to case' })),
    method: Type.Optional(IstioStringMatch),
    authority: Type.Optional(IstioStringMatch),
    headers: Type.Optional(headerMatches('all of these headers')),
    withoutHeaders: Type.Optional(headerMatches('none of these headers')),
    queryParams: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 256 }), IstioHeaderMatch, { maxProperties: 64, description: 'all of these query parameters' }),
    ),
    port: Type.Optional(port('port that was called')),
    sourceLabels: Type.Optional(Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 63 }), { description: 'labels of the caller' })),
    sourceNamespace: Type.Optional(Type.String({ maxLength: 63, description: 'namespace of the caller' })),
  },
  { ...closedExcept('scheme', 'gateways', 'statPrefix'), description: 'a condition on a call' },
)
/** {@link HttpMatch} as a type. */
export type HttpMatch = Static<typeof HttpMatch>

const headerName = Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", maxLength: 256 })
const headerValues = (description: string) =>
  Type.Record(headerName, Type.String({ maxLength: 8192, pattern: '^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$' }), {
    ...closed,
    maxProperties: 64,
    description,
  })

const HeaderOperation = Type.Object(
  {
    set: Type.Optional(headerValues('replace these headers')),
    add: Type.Optional(headerValues('append to these headers')),
    remove: Type.Optional(Type.Array(headerName, { maxItems: 64, description: 'remove these headers' })),
  },
  closed,
)

/** Headers to change on the way there and back (Istio `Headers`). */
export const HttpHeaders = Type.Object({ request: Type.Optional(HeaderOperation), response: Type.Optional(HeaderOperation) }, closed)
/** {@link HttpHeaders} as a type. */
export type HttpHeaders = Static<typeof HttpHeaders>

const hostName = (description: string) => Type.String({ minLength: 1, maxLength: 253, description })

/** Where a share of the calls goes (Istio `HTTPRouteDestination`). */
export const HttpRouteDestination = Type.Object(
  {
    destination: Type.Object(
      {
        host: hostName('name of a function or Service: NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.cluster.local'),
        subset: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'a subset of the DestinationRule of that host' })),
        port: Type.Optional(Type.Object({ number: port('port of the host') }, closed)),
      },
      closed,
    ),
    weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'per cent; may be absent where there is one destination' })),
    headers: Type.Optional(HttpHeaders),
  },
  closed,
)
/** {@link HttpRouteDestination} as a type. */
export type HttpRouteDestination = Static<typeof HttpRouteDestination>

/** When a call that failed is tried again (Istio `HTTPRetry`). */
export const HttpRetry = Type.Object(
  {
    attempts: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'tries after the first; 0 switches retries off' })),
    perTryTimeout: Type.Optional(istioDuration('longest time of one try')),
    retryOn: Type.Optional(Type.String({ maxLength: 512, pattern: '^[a-z0-9-]+(,[a-z0-9-]+)*$', description: "Envoy's conditions, separated by commas" })),
  },
  closedExcept('retryRemoteLocalities', 'retryIgnorePreviousHosts', 'backoff'),
)
/** {@link HttpRetry} as a type. */
export type HttpRetry = Static<typeof HttpRetry>

/** One route: its matches (any of them), its shares, and what else happens on the way (Istio `HTTPRoute`). */
export const HttpRoute = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256, description: 'for people and logs' })),
    match: Type.Optional(Type.Array(HttpMatch, { maxItems: 64, description: 'any of these; absent: every call' })),
    route: nonEmpty(HttpRouteDestination, { maxItems: 64, description: 'the shares' }),
    timeout: Type.Optional(istioDuration('longest time of a call; "0s": none')),
    retries: Type.Optional(HttpRetry),
    headers: Type.Optional(HttpHeaders),
  },
  closedExcept(
    'redirect',
    'directResponse',
    'delegate',
    'rewrite',
    'fault',
    'mirror',
    'mirrors',
    'mirrorPercent',
    'mirrorPercentage',
    'mirror_percent',
    'corsPolicy',
  ),
)
/** {@link HttpRoute} as a type. */
export type HttpRoute = Static<typeof HttpRoute>

/** Spec of a VirtualService. */
export const VirtualServiceSpec = Type.Object(
  {
    hosts: nonEmpty(hostName('a host that this is about'), { maxItems: 64, description: 'the hosts whose routes these are' }),
    gateways: Type.Optional(
      Type.Array(Type.Literal('mesh', { description: 'only "mesh" so far: all proxies' }), { minItems: 1, maxItems: 1, description: 'absent: ["mesh"]' }),
    ),
    http: nonEmpty(HttpRoute, { maxItems: 256, description: 'routes; the first that matches wins' }),
  },
  { ...closedExcept('tls', 'tcp', 'exportTo'), description: 'routes of one or several hosts' },
)
/** {@link VirtualServiceSpec} as a type. */
export type VirtualServiceSpec = Static<typeof VirtualServiceSpec>

/** A VirtualService of Istio. */
export interface VirtualServiceResource {
  readonly apiVersion: string
  readonly kind: 'VirtualService'
  readonly metadata: ObjectMeta
  readonly spec: VirtualServiceSpec
  readonly status?: unknown
}
