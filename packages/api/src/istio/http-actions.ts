import { Type, type Static } from 'typebox'
import { closed, closedExcept, istioDuration, nonEmpty, port } from '../pieces.ts'
import { IstioStringMatch } from './string-match.ts'

// What happens to a call on its way, after https://istio.io/latest/docs/reference/config/networking/virtual-service/ (API v1).

const text = (description: string, maxLength = 1024) => Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description })

const pathText = (description: string) => Type.String({ maxLength: 1024, pattern: '^/[^\\u0000-\\u0020\\u007f]*$', description })

/** A host and, where a DestinationRule names it, a part of it (Istio `Destination`). */
export const HttpDestination = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 253, description: 'name of a function or Service: NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.cluster.local' }),
    subset: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'a subset of the DestinationRule of that host' })),
    port: Type.Optional(Type.Object({ number: port('port of the host') }, closed)),
  },
  closed,
)
/** {@link HttpDestination} as a type. */
export type HttpDestination = Static<typeof HttpDestination>

/** A share of all calls (Istio `Percent`). */
export const IstioPercent = Type.Object({ value: Type.Number({ minimum: 0, maximum: 100, description: 'per cent, 0.0001 is the smallest share' }) }, closed)

/** Sends callers elsewhere (Istio `HTTPRedirect`). */
export const HttpRedirect = Type.Object(
  {
    uri: Type.Optional(pathText('path to go to; the whole path is replaced')),
    authority: Type.Optional(text('host to go to')),
    port: Type.Optional(port('port to go to')),
    derivePort: Type.Optional(Type.Enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'], { description: 'where the port comes from, without port' })),
    scheme: Type.Optional(Type.Enum(['http', 'https'])),
    redirectCode: Type.Optional(Type.Enum([301, 302, 303, 307, 308], { description: 'default 301' })),
  },
  { ...closedExcept('prefixRewrite'), minProperties: 1, description: 'where callers are sent' },
)
/** {@link HttpRedirect} as a type. */
export type HttpRedirect = Static<typeof HttpRedirect>

/** A fixed answer (Istio `HTTPDirectResponse`). */
export const HttpDirectResponse = Type.Object(
  {
    status: Type.Integer({ minimum: 200, maximum: 599, description: 'status of the answer' }),
    body: Type.Optional(
      Type.Object(
        {
          string: Type.Optional(Type.String({ maxLength: 4096, description: 'body as text, at most 4,096 bytes' })),
          bytes: Type.Optional(Type.String({ maxLength: 5464, pattern: '^[A-Za-z0-9+/]*={0,2}$', description: 'body in Base64, at most 4,096 bytes' })),
        },
        { ...closed, minProperties: 1, maxProperties: 1 },
      ),
    ),
  },
  closed,
)
/** {@link HttpDirectResponse} as a type. */
export type HttpDirectResponse = Static<typeof HttpDirectResponse>

/** What the function sees in place of what was asked for (Istio `HTTPRewrite`). */
export const HttpRewrite = Type.Object(
  {
    uri: Type.Optional(pathText('takes the place of the prefix that matched, or of the whole path where it was matched as a whole')),
    authority: Type.Optional(text('host that the function sees', 255)),
    uriRegexRewrite: Type.Optional(
      Type.Object(
        { match: text('RE2 expression from the beginning of the path: it starts with ^/'), rewrite: text('what takes its place; \\1 is the first group') },
        closed,
      ),
    ),
  },
  { ...closed, minProperties: 1, description: 'path and host that the function sees' },
)
/** {@link HttpRewrite} as a type. */
export type HttpRewrite = Static<typeof HttpRewrite>

const share = {
  percentage: Type.Optional(IstioPercent),
  percent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'old form of percentage' })),
}

/** Faults for tests (Istio `HTTPFaultInjection`). */
export const HttpFault = Type.Object(
  {
    delay: Type.Optional(Type.Object({ fixedDelay: istioDuration('how long calls are held'), ...share }, closedExcept('exponentialDelay'))),
    abort: Type.Optional(
      Type.Object(
        {
          httpStatus: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, description: 'status that calls are answered' })),
          grpcStatus: Type.Optional(text('gRPC status that calls are answered: a number or a name such as UNAVAILABLE', 32)),
          ...share,
        },
        closedExcept('http2Error'),
      ),
    ),
  },
  { ...closed, minProperties: 1, description: 'calls that are delayed or answered with an error on purpose' },
)
/** {@link HttpFault} as a type. */
export type HttpFault = Static<typeof HttpFault>

/** Where copies of calls go; their answers are dropped (Istio `HTTPMirrorPolicy`). */
export const HttpMirror = Type.Object({ destination: HttpDestination, percentage: Type.Optional(IstioPercent) }, closed)
/** {@link HttpMirror} as a type. */
export type HttpMirror = Static<typeof HttpMirror>

const token = text('a name', 256)

/** Which pages of other origins may call (Istio `CorsPolicy`). */
export const HttpCors = Type.Object(
  {
    allowOrigins: Type.Optional(Type.Array(IstioStringMatch, { maxItems: 64, description: 'origins; any of these' })),
    allowMethods: Type.Optional(Type.Array(token, { maxItems: 64 })),
    allowHeaders: Type.Optional(Type.Array(token, { maxItems: 64 })),
    exposeHeaders: Type.Optional(Type.Array(token, { maxItems: 64 })),
    maxAge: Type.Optional(istioDuration('how long a preflight answer may be kept')),
    allowCredentials: Type.Optional(Type.Boolean()),
    unmatchedPreflights: Type.Optional(
      Type.Enum(['UNSPECIFIED', 'FORWARD', 'IGNORE'], { description: 'whether the function sees preflights of other origins; default FORWARD' }),
    ),
  },
  { ...closedExcept('allowOrigin'), description: 'which pages of other origins may call' },
)
/** {@link HttpCors} as a type. */
export type HttpCors = Static<typeof HttpCors>

/** When a call that failed is tried again (Istio `HTTPRetry`). */
export const HttpRetry = Type.Object(
  {
    attempts: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'tries after the first; 0 switches retries off' })),
    perTryTimeout: Type.Optional(istioDuration('longest time of one try')),
    retryOn: Type.Optional(
      Type.String({ maxLength: 512, pattern: '^[a-z0-9-]+(,[a-z0-9-]+)*$', description: "Envoy's conditions and status codes, separated by commas" }),
    ),
    backoff: Type.Optional(istioDuration('pause before the first retry; default 25ms')),
  },
  closedExcept('retryRemoteLocalities', 'retryIgnorePreviousHosts'),
)
/** {@link HttpRetry} as a type. */
export type HttpRetry = Static<typeof HttpRetry>

/** Another VirtualService whose routes stand here (Istio `Delegate`). */
export const HttpDelegate = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 253, description: 'name of the VirtualService' }),
    namespace: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'its namespace; absent: the same' })),
  },
  closed,
)
/** {@link HttpDelegate} as a type. */
export type HttpDelegate = Static<typeof HttpDelegate>

/** Actions of a route, as fields of it. */
export const HTTP_ACTIONS = {
  redirect: Type.Optional(HttpRedirect),
  directResponse: Type.Optional(HttpDirectResponse),
  delegate: Type.Optional(HttpDelegate),
  rewrite: Type.Optional(HttpRewrite),
  fault: Type.Optional(HttpFault),
  mirror: Type.Optional(HttpDestination),
  mirrorPercentage: Type.Optional(IstioPercent),
  mirrorPercent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'old form of mirrorPercentage' })),
  mirrors: Type.Optional(nonEmpty(HttpMirror, { maxItems: 8, description: 'where copies of calls go' })),
  corsPolicy: Type.Optional(HttpCors),
} as const
