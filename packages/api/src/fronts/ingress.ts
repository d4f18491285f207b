import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, port, UNSUPPORTED_VALUES } from '../pieces.ts'

// Fields after https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/.

const hostText = (description: string) => Type.String({ maxLength: 253, description })

/** Where calls go (Kubernetes `IngressBackend`). */
const Backend = Type.Object(
  {
    service: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 63, description: 'Service or function' }),
        port: Type.Optional(
          Type.Object(
            { number: Type.Optional(port('port of the Service')), name: Type.Optional(Type.String({ maxLength: 63, description: 'for people' })) },
            closed,
          ),
        ),
      },
      closed,
    ),
  },
  closedExcept('resource'),
)

/** Spec of a Kubernetes Ingress. */
export const IngressSpec = Type.Object(
  {
    ingressClassName: Type.Optional(Type.String({ maxLength: 253, description: 'weft, istio, or absent' })),
    defaultBackend: Type.Optional(Backend),
    tls: Type.Optional(
      Type.Array(
        Type.Object(
          {
            hosts: Type.Optional(Type.Array(hostText('name that the certificate is for'), { maxItems: 64 })),
            secretName: Type.String({ minLength: 1, maxLength: 253, description: 'Secret with tls.crt and tls.key, in the namespace of the Ingress' }),
          },
          closed,
        ),
        { maxItems: 64, description: 'certificates' },
      ),
    ),
    rules: Type.Optional(
      Type.Array(
        Type.Object(
          {
            host: Type.Optional(hostText('name, or *. before one; absent: every name')),
            http: Type.Optional(
              Type.Object(
                {
                  paths: nonEmpty(
                    Type.Object(
                      {
                        path: Type.Optional(Type.String({ maxLength: 1024, pattern: '^/[^\\s\\u0000-\\u001f\\u007f?#]*$', description: 'default /' })),
                        pathType: Type.Enum(['Exact', 'Prefix', 'ImplementationSpecific'], {
                          description: 'Prefix and ImplementationSpecific: whole parts of the path',
                          [UNSUPPORTED_VALUES]: [],
                        }),
                        backend: Backend,
                      },
                      closed,
                    ),
                    { maxItems: 256 },
                  ),
                },
                closed,
              ),
            ),
          },
          closed,
        ),
        { maxItems: 256, description: 'by name and path' },
      ),
    ),
  },
  { ...closed, description: 'functions under names and paths' },
)
/** {@link IngressSpec} as a type. */
export type IngressSpec = Static<typeof IngressSpec>
