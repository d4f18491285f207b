import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, istioDuration, nonEmpty, port } from '../pieces.ts'
import { TcpRoute, TlsRoute } from './connection-routes.ts'
import { HTTP_ACTIONS, HttpDestination, HttpRetry } from './http-actions.ts'
import { ExportTo, RouteWeight } from './shared.ts'
import { IstioHeaderMatch, IstioStringMatch } from './string-match.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/virtual-service/ (API v1).

/** A header, or a claim of the verified token: `@request.auth.claims.a.b` or `@request.auth.claims[a][b]`. */
const HEADER_OR_CLAIM = "^(:[a-z]+|[A-Za-z0-9!#$%&'*+.^_`|~-]+|@request\\.auth\\.claims(\\.[^.[\\]]+)+|@request\\.auth\\.claims(\\[[^[\\]]+\\])+)$"

const headerMatches = (description: string) =>
  Type.Record(Type.String({ pattern: HEADER_OR_CLAIM, maxLength: 256 }), IstioHeaderMatch, {
    ...closed,
    maxProperties: 64,
    description,
  })

const gatewayNames = (description: string) => nonEmpty(Type.String({ minLength: 1, maxLength: 317 }), { maxItems: 64, description })

/** A condition on a call; all parts that are there must hold (Istio `HTTPMatchRequest`). */
export const HttpMatch = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256, description: 'for people and logs' })),
    uri: Type.Optional(IstioStringMatch),
    ignoreUriCase: Type.Optional(Type.Boolean({ description: 'compare exact and prefix of uri without regard to case' })),
    scheme: Type.Optional(IstioStringMatch),
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
    gateways: Type.Optional(gatewayNames('where the call came in: "mesh" or the name of a Gateway')),
  },
  { ...closedExcept('statPrefix'), description: 'a condition on a call' },
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
    destination: HttpDestination,
    weight: Type.Optional(RouteWeight),
    headers: Type.Optional(HttpHeaders),
  },
  closed,
)
/** {@link HttpRouteDestination} as a type. */
export type HttpRouteDestination = Static<typeof HttpRouteDestination>

/** One route: its matches (any of them), its shares, and what else happens on the way (Istio `HTTPRoute`). */
export const HttpRoute = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256, description: 'for people and logs' })),
    match: Type.Optional(Type.Array(HttpMatch, { maxItems: 64, description: 'any of these; absent: every call' })),
    route: Type.Optional(nonEmpty(HttpRouteDestination, { maxItems: 64, description: 'the shares; or one of redirect, directResponse, delegate' })),
    ...HTTP_ACTIONS,
    timeout: Type.Optional(istioDuration('longest time of a call; "0s": none')),
    retries: Type.Optional(HttpRetry),
    headers: Type.Optional(HttpHeaders),
  },
  closedExcept('mirror_percent'),
)
/** {@link HttpRoute} as a type. */
export type HttpRoute = Static<typeof HttpRoute>

/** Spec of a VirtualService. */
export const VirtualServiceSpec = Type.Object(
  {
    hosts: Type.Optional(
      Type.Array(hostName('a host that this is about'), { maxItems: 64, description: 'the hosts whose routes these are; none: others delegate to these' }),
    ),
    gateways: Type.Optional(gatewayNames('where calls come in: "mesh" (all proxies) and names of Gateways; absent: ["mesh"]')),
    exportTo: Type.Optional(ExportTo),
    http: Type.Optional(nonEmpty(HttpRoute, { maxItems: 256, description: 'routes of calls; the first that matches wins' })),
    tls: Type.Optional(nonEmpty(TlsRoute, { maxItems: 256, description: 'routes of connections of TLS that goes through; the first that matches wins' })),
    tcp: Type.Optional(nonEmpty(TcpRoute, { maxItems: 256, description: 'routes of connections of raw TCP; the first that matches wins' })),
  },
  { ...closed, description: 'routes of one or several hosts' },
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
