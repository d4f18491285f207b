import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, port, UNSUPPORTED_VALUES } from '../pieces.ts'
import { apiGroup, hostname, kindName, namespaceName, subdomain } from './shared.ts'

const LabelSelector = Type.Object(
  {
    matchLabels: Type.Optional(Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 63 }))),
    matchExpressions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            key: Type.String({ maxLength: 317 }),
            operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
            values: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 })),
          },
          closed,
        ),
        { maxItems: 16 },
      ),
    ),
  },
  { ...closed, description: 'labels of namespaces' },
)
/** Selects namespaces by their labels. */
export type NamespaceSelector = Static<typeof LabelSelector>

/** Where calls come in (`Listener`). */
export const GatewayListener = Type.Object(
  {
    name: subdomain('name that routes refer to'),
    hostname: Type.Optional(hostname('host that it is for; absent: all')),
    port: port('port that clients call'),
    protocol: Type.Enum(['HTTP', 'HTTPS'], { [UNSUPPORTED_VALUES]: ['TLS', 'TCP', 'UDP'] }),
    tls: Type.Optional(
      Type.Object(
        {
          mode: Type.Optional(Type.Enum(['Terminate'], { [UNSUPPORTED_VALUES]: ['Passthrough'] })),
          certificateRefs: Type.Optional(
            Type.Array(
              Type.Object(
                {
                  group: Type.Optional(apiGroup('default ""')),
                  kind: Type.Optional(kindName('default Secret')),
                  namespace: Type.Optional(namespaceName('its namespace, which a ReferenceGrant there must allow; absent: the same')),
                  name: Type.String({ minLength: 1, maxLength: 253, description: 'a Secret with tls.crt and tls.key' }),
                },
                closed,
              ),
              { maxItems: 1, description: 'one certificate' },
            ),
          ),
        },
        closedExcept('options', 'frontendValidation'),
      ),
    ),
    allowedRoutes: Type.Optional(
      Type.Object(
        {
          namespaces: Type.Optional(
            Type.Object(
              { from: Type.Optional(Type.Enum(['All', 'Selector', 'Same'], { description: 'default Same' })), selector: Type.Optional(LabelSelector) },
              closed,
            ),
          ),
          kinds: Type.Optional(
            Type.Array(Type.Object({ group: Type.Optional(apiGroup('default: that of the Gateway API')), kind: kindName('kind') }, closed), { maxItems: 8 }),
          ),
        },
        { ...closed, description: 'which routes may be attached; absent: those of the same namespace' },
      ),
    ),
  },
  closed,
)
/** {@link GatewayListener} as a type. */
export type GatewayListener = Static<typeof GatewayListener>

/** Spec of a Gateway of the Gateway API. */
export const ApiGatewaySpec = Type.Object(
  {
    gatewayClassName: Type.String({ minLength: 1, maxLength: 253, description: 'weft, istio, or a GatewayClass of our controller' }),
    listeners: nonEmpty(GatewayListener, { maxItems: 64 }),
  },
  { ...closedExcept('addresses', 'infrastructure', 'allowedListeners', 'backendTLS', 'tls', 'defaultScope'), description: 'where calls from outside come in' },
)
/** {@link ApiGatewaySpec} as a type. */
export type ApiGatewaySpec = Static<typeof ApiGatewaySpec>

/** Spec of a GatewayClass. */
export const GatewayClassSpec = Type.Object(
  {
    controllerName: Type.String({
      minLength: 1,
      maxLength: 253,
      pattern: "^[a-z0-9.-]+/[A-Za-z0-9/._~%!$&'()*+,;=:-]+$",
      description: 'weft.dev/gateway-controller for ours',
    }),
    description: Type.Optional(Type.String({ maxLength: 64 })),
  },
  { ...closedExcept('parametersRef'), description: 'who implements Gateways' },
)
/** {@link GatewayClassSpec} as a type. */
export type GatewayClassSpec = Static<typeof GatewayClassSpec>
