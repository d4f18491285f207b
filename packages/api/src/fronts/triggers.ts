import { Type, type Static } from 'typebox'
import { closed, closedExcept } from '../pieces.ts'

const host = (description: string) => Type.String({ minLength: 1, maxLength: 253, description })
const functionName = Type.String({ minLength: 1, maxLength: 127, description: 'name of the function' })

/** Spec of an HTTPTrigger of Kubeless (`kubeless.io/v1beta1`). */
export const HttpTriggerSpec = Type.Object(
  {
    'function-name': functionName,
    'host-name': host('name under which the function answers'),
    path: Type.Optional(Type.String({ maxLength: 1024, description: 'path under which it answers; default /' })),
    tls: Type.Optional(Type.Boolean({ description: 'needs tls-secret: nobody issues certificates here' })),
    'tls-secret': Type.Optional(Type.String({ maxLength: 253, description: 'Secret with tls.crt and tls.key' })),
    'cors-enable': Type.Optional(Type.Boolean({ description: 'pages of all origins may call, without credentials' })),
    gateway: Type.Optional(Type.String({ maxLength: 63, description: 'nginx, traefik or kong; means nothing here' })),
  },
  { ...closedExcept('basic-auth-secret'), description: 'a function under a name and a path' },
)
/** {@link HttpTriggerSpec} as a type. */
export type HttpTriggerSpec = Static<typeof HttpTriggerSpec>

/** Spec of a FunctionIngress of OpenFaaS (`openfaas.com/v1`). */
export const FunctionIngressSpec = Type.Object(
  {
    domain: host('name under which the function answers'),
    function: functionName,
    path: Type.Optional(Type.String({ maxLength: 1024, description: 'path under which it answers, with (.*) at its end or without; default /' })),
    ingressType: Type.Optional(Type.String({ maxLength: 63, description: 'nginx, traefik, …; means nothing here' })),
    bypassGateway: Type.Optional(Type.Boolean({ description: 'means nothing here: no call goes through a gateway of Node.js' })),
    tls: Type.Optional(
      Type.Object(
        {
          enabled: Type.Boolean({ description: 'with the certificate of the Secret NAME-cert' }),
          issuerRef: Type.Optional(
            Type.Object(
              { name: Type.String({ maxLength: 253 }), kind: Type.Optional(Type.String({ maxLength: 63 })) },
              { ...closed, description: 'who puts the certificate into the Secret; not Weft' },
            ),
          ),
        },
        closed,
      ),
    ),
  },
  { ...closed, description: 'a function under a domain and a path' },
)
/** {@link FunctionIngressSpec} as a type. */
export type FunctionIngressSpec = Static<typeof FunctionIngressSpec>
