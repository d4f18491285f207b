import { Type, type Static } from 'typebox'
import { closed, closedExcept, port, UNSUPPORTED_VALUES } from '../pieces.ts'

// Fields after https://gateway-api.sigs.k8s.io/reference/spec/ (v1, standard channel of v1.4).

/** Group of the Gateway API. */
export const GATEWAY_API = 'gateway.networking.k8s.io'

const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'

/** A DNS-1123 subdomain. */
export const subdomain = (description: string) => Type.String({ minLength: 1, maxLength: 253, pattern: `^${SUBDOMAIN}$`, description })
/** A group of kinds; empty for core. */
export const apiGroup = (description: string) => Type.String({ maxLength: 253, pattern: `^$|^${SUBDOMAIN}$`, description })
/** A kind of resource. */
export const kindName = (description: string) => Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$', description })
/** A namespace. */
export const namespaceName = (description: string) => Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', description })
/** A host, of which the first label may be `*`. */
export const hostname = (description: string) => Type.String({ minLength: 1, maxLength: 253, pattern: `^(\\*\\.)?${SUBDOMAIN}$`, description })
/** A duration as the Gateway API writes it (GEP-2257). */
export const gatewayDuration = (description: string) => Type.String({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$', maxLength: 32, description })
/** Name of a header or query parameter. */
export const fieldName = (description: string) => Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$", description })
/** A value without characters that end or hide it. */
export const fieldValue = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$', description })

const objectName = Type.String({ minLength: 1, maxLength: 253, description: 'its name' })

/** What a route is attached to (`ParentReference`). */
export const RouteParent = Type.Object(
  {
    group: Type.Optional(apiGroup(`default ${GATEWAY_API}; "" for a Service, weft.dev for a Function`)),
    kind: Type.Optional(kindName('Gateway (default), Service or Function')),
    namespace: Type.Optional(namespaceName('its namespace; absent: the same')),
    name: objectName,
    sectionName: Type.Optional(subdomain('one listener of the Gateway, or one named port of the Service')),
    port: Type.Optional(port('one port of it')),
  },
  closed,
)
/** {@link RouteParent} as a type. */
export type RouteParent = Static<typeof RouteParent>

const backendParts = {
  group: Type.Optional(apiGroup('default ""; weft.dev for a Function')),
  kind: Type.Optional(kindName('Service (default; the host of a function is one too) or Function')),
  namespace: Type.Optional(namespaceName('its namespace, which a ReferenceGrant there must allow; absent: the same')),
  name: objectName,
  port: Type.Optional(port('port that it answers on; needed for a Service')),
}

/** Where calls, or copies of them, go (`BackendObjectReference`). */
export const BackendReference = Type.Object(backendParts, closed)
/** {@link BackendReference} as a type. */
export type BackendReference = Static<typeof BackendReference>

const HeaderValue = Type.Object({ name: fieldName('name'), value: fieldValue(4096, 'value') }, closed)

/** Headers to change (`HTTPHeaderFilter`). */
export const HeaderModifier = Type.Object(
  {
    set: Type.Optional(Type.Array(HeaderValue, { maxItems: 16, description: 'replace these headers' })),
    add: Type.Optional(Type.Array(HeaderValue, { maxItems: 16, description: 'append to these headers' })),
    remove: Type.Optional(Type.Array(fieldName('name'), { maxItems: 16, description: 'remove these headers' })),
  },
  closed,
)
/** {@link HeaderModifier} as a type. */
export type HeaderModifier = Static<typeof HeaderModifier>

/** Copies of calls (`HTTPRequestMirrorFilter`). */
export const RequestMirror = Type.Object(
  {
    backendRef: BackendReference,
    percent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'share of the calls; absent: all' })),
    fraction: Type.Optional(
      Type.Object(
        {
          numerator: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
          denominator: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'default 100' })),
        },
        { ...closed, description: 'share of the calls' },
      ),
    ),
  },
  closed,
)
/** {@link RequestMirror} as a type. */
export type RequestMirror = Static<typeof RequestMirror>

/** Filters of a share; the others are of a whole rule. */
export const shareFilter = (unsupported: readonly string[], unsupportedTypes: readonly string[]) =>
  Type.Object(
    {
      type: Type.Enum(['RequestHeaderModifier', 'ResponseHeaderModifier'], { [UNSUPPORTED_VALUES]: unsupportedTypes }),
      requestHeaderModifier: Type.Optional(HeaderModifier),
      responseHeaderModifier: Type.Optional(HeaderModifier),
    },
    closedExcept(...unsupported),
  )

/** Parts of a share of a rule's calls, beside its filters. */
export const SHARE_PARTS = {
  ...backendParts,
  weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'share, relative to the sum; default 1' })),
}

/** What routes of both kinds have beside their rules. */
export const ROUTE_PARTS = {
  parentRefs: Type.Optional(Type.Array(RouteParent, { maxItems: 32, description: 'what it is attached to' })),
  hostnames: Type.Optional(Type.Array(hostname('a host'), { maxItems: 16, description: 'hosts behind a Gateway; calls within the mesh go by the parent' })),
}
