import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closedExcept, nonEmpty, port, stringMap, UNSUPPORTED_VALUES } from '../pieces.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/gateway/ (API v1).

/** What a file's path may be: absolute, without a control character. */
const filePath = (description: string) => Type.String({ pattern: '^/[^\\u0000-\\u001f\\u007f]*$', maxLength: 4096, description })

const TLS_VERSIONS = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']
const version = (description: string) => Type.Optional(Type.Enum(TLS_VERSIONS, { description }))

/** Cipher suites up to TLS 1.2 that the proxy knows; those of TLS 1.3 cannot be chosen. */
const CIPHER_SUITES = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]

/** TLS of a server (Istio `ServerTLSSettings`). */
export const ServerTls = Type.Object(
  {
    mode: Type.Optional(
      Type.Enum(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL'], {
        description:
          'SIMPLE: own certificate; MUTUAL and OPTIONAL_MUTUAL: clients show one too; PASSTHROUGH: TLS goes through as it is; ISTIO_MUTUAL (egress gateway): the mesh’s own',
        [UNSUPPORTED_VALUES]: ['AUTO_PASSTHROUGH'],
      }),
    ),
    httpsRedirect: Type.Optional(Type.Boolean({ description: 'answers 301 to https; for a server of protocol HTTP' })),
    credentialName: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$',
        description: 'Secret with tls.crt and tls.key, or cert and key, and ca.crt for MUTUAL',
      }),
    ),
    serverCertificate: Type.Optional(filePath('file with the certificate, PEM')),
    privateKey: Type.Optional(filePath('file with its key, PEM')),
    caCertificates: Type.Optional(filePath('file with the roots of client certificates, PEM')),
    subjectAltNames: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { maxItems: 64, description: 'names of which a client must have one' }),
    ),
    minProtocolVersion: version('default TLSV1_2'),
    maxProtocolVersion: version('default TLSV1_3'),
    cipherSuites: Type.Optional(Type.Array(Type.Enum(CIPHER_SUITES), { maxItems: 32, description: 'cipher suites up to TLS 1.2; absent: the proxy’s' })),
  },
  closedExcept('caCertCredentialName', 'caCrl', 'credentialNames', 'insecureSkipVerify', 'tlsCertificates', 'verifyCertificateHash', 'verifyCertificateSpki'),
)
/** {@link ServerTls} as a type. */
export type ServerTls = Static<typeof ServerTls>

/** One port of a gateway, and the names under which it answers there (Istio `Server`). */
export const GatewayServer = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 256, description: 'for people' })),
    port: Type.Object(
      {
        number: port('80 and 8080 are the platform’s --listen, 443 and 8443 its --tls-listen; others are bound as they are'),
        name: Type.String({ minLength: 1, maxLength: 256, description: 'different from those of the other servers' }),
        protocol: Type.Enum(['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'GRPC-WEB', 'TLS', 'TCP', 'http', 'https', 'http2', 'grpc', 'grpc-web', 'tls', 'tcp'], {
          [UNSUPPORTED_VALUES]: ['MONGO', 'MYSQL', 'REDIS', 'UDP', 'mongo', 'mysql', 'redis', 'udp'],
        }),
      },
      closedExcept('targetPort'),
    ),
    hosts: nonEmpty(Type.String({ minLength: 1, maxLength: 317 }), {
      maxItems: 256,
      description: '[NAMESPACE/]NAME, NAME as *, *.example.com or a whole name',
    }),
    tls: Type.Optional(ServerTls),
  },
  closedExcept('bind', 'defaultEndpoint'),
)
/** {@link GatewayServer} as a type. */
export type GatewayServer = Static<typeof GatewayServer>

/** Spec of a Gateway. */
export const GatewaySpec = Type.Object(
  {
    selector: Type.Optional(stringMap('which gateway: istio: ingressgateway or weft.dev/gateway: ingress; istio: egressgateway or weft.dev/gateway: egress')),
    servers: nonEmpty(GatewayServer, { maxItems: 256, description: 'ports' }),
  },
  { ...closedExcept(), description: 'where calls from outside come in, or calls to the outside go out' },
)
/** {@link GatewaySpec} as a type. */
export type GatewaySpec = Static<typeof GatewaySpec>

/** A Gateway of Istio. */
export interface GatewayResource {
  readonly apiVersion: string
  readonly kind: 'Gateway'
  readonly metadata: ObjectMeta
  readonly spec: GatewaySpec
  readonly status?: unknown
}
