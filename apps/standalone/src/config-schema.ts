import { Type, type Static } from 'typebox'

const closed = { additionalProperties: false } as const
const duration = (description: string, value: string) =>
  Type.Optional(Type.String({ pattern: '^(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+$|^\\d+$', maxLength: 32, description, default: value }))

const collectorUrl = (description: string) => Type.String({ pattern: '^https?://[^/?#@\\s]+(/[^?#\\s]*)?$', maxLength: 512, description })

/**
 * What `weft.yaml` may say. Everything has a default; a flag of `weft start` or its environment variable wins over the file.
 * `docs/reference/configuration.md` is generated from this schema.
 */
export const ConfigFile = Type.Object(
  {
    listen: Type.Optional(Type.String({ description: 'address of the gateway, `HOST:PORT`; port 0 takes any free one', default: '127.0.0.1:8080' })),
    tlsListen: Type.Optional(
      Type.String({
        description:
          'address for TLS, `HOST:PORT`: of Gateways with port 443, and of the platform itself with a certificate; port 0 takes any free one; default port 8443 beside `listen`',
      }),
    ),
    tlsCert: Type.Optional(Type.String({ description: 'file with the certificate of the platform itself, PEM; read again when it changes' })),
    tlsKey: Type.Optional(Type.String({ description: 'file with its key, PEM' })),
    metricsListen: Type.Optional(Type.String({ description: 'address of the metrics, `HOST:PORT`', default: '127.0.0.1:8082' })),
    dataDir: Type.Optional(Type.String({ description: 'where everything is kept; default `$XDG_DATA_HOME/weft`' })),
    runDir: Type.Optional(
      Type.String({ description: 'where sockets are made; default `$XDG_RUNTIME_DIR/weft/ID`, short because a socket path has at most 107 bytes' }),
    ),
    auth: Type.Optional(Type.Enum(['basic', 'none'], { description: 'how the control API knows who is asking', default: 'basic' })),
    isolation: Type.Optional(
      Type.Enum(['required', 'preferred', 'none'], {
        description: 'whether functions run in a sandbox: `required` refuses to start without, `preferred` says what is missing',
        default: 'preferred',
      }),
    ),
    log: Type.Optional(
      Type.Object(
        {
          format: Type.Optional(Type.Enum(['text', 'json'], { description: 'how the log of the platform is written', default: 'text' })),
          level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], { description: 'the least that is logged', default: 'info' })),
        },
        closed,
      ),
    ),
    mesh: Type.Optional(
      Type.Object(
        {
          path: Type.Optional(
            Type.Enum(['encrypted', 'direct'], {
              description: 'a hop on this machine: `encrypted` with mutual TLS between two listeners, `direct` in one hop with the same policies',
              default: 'encrypted',
            }),
          ),
          trustDomain: Type.Optional(
            Type.String({ pattern: '^[a-z0-9]([-a-z0-9.]{0,252}[a-z0-9])?$', description: 'first part of every identity', default: 'cluster.local' }),
          ),
          certificateTtl: duration('life of a certificate, at most 24h; it is replaced at half of it', '24h'),
          caDirectory: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'directory with a certificate authority of your own (`ca-cert.pem`, `ca-key.pem`, `cert-chain.pem`, `root-cert.pem`); without it a root is made',
            }),
          ),
          rootOverlap: duration('how long an old root is trusted after its successor began to sign', '1h'),
          outboundPolicy: Type.Optional(
            Type.Enum(['ALLOW_ANY', 'REGISTRY_ONLY'], { description: 'whether functions may call hosts outside of the mesh', default: 'ALLOW_ANY' }),
          ),
          maxStreamDuration: Type.Optional(
            Type.String({
              pattern: '^(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+$',
              maxLength: 32,
              description: 'longest life of a stream (WebSocket, server-sent events); as long as both sides want it, unless set',
            }),
          ),
          jwks: Type.Optional(
            Type.Object(
              {
                allowedAddresses: Type.Optional(
                  Type.Array(Type.String({ pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$' }), {
                    maxItems: 64,
                    description: 'blocks of private addresses (CIDR) that may be asked for public keys of issuers; others than the internet\u2019s are refused',
                  }),
                ),
                refreshInterval: duration('how often public keys of issuers are fetched again', '5m'),
              },
              closed,
            ),
          ),
          proxies: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 16,
              description: 'Envoys over which the functions are placed; when one ends, the calls of the others go on. The first has the ingress',
              default: 1,
            }),
          ),
          envoyConcurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 128, description: 'worker threads of Envoy', default: 2 })),
        },
        closed,
      ),
    ),
    canary: Type.Optional(
      Type.Object(
        {
          prometheus: Type.Optional(
            Type.String({ pattern: '^https?://', maxLength: 2048, description: 'where the Prometheus is whose numbers canaries are judged by; anywhere' }),
          ),
          allowedAddresses: Type.Optional(
            Type.Array(Type.String({ maxLength: 64 }), {
              maxItems: 64,
              description:
                'private addresses that the webhooks and Prometheus addresses in Canary resources may lead to, such as `10.0.0.0/8`; by default none, since whoever may write a Canary writes them',
            }),
          ),
        },
        closed,
      ),
    ),
    tracing: Type.Optional(
      Type.Object(
        {
          endpoint: Type.Optional(collectorUrl('where spans go by OTLP, without `/v1/traces` (OTEL_EXPORTER_OTLP_ENDPOINT); without one nothing is traced')),
          protocol: Type.Optional(
            Type.Enum(['http/protobuf', 'grpc'], { description: 'form of OTLP (OTEL_EXPORTER_OTLP_PROTOCOL)', default: 'http/protobuf' }),
          ),
          sampling: Type.Optional(
            Type.Number({
              minimum: 0,
              maximum: 100,
              description: 'percent of the calls that begin here and are traced (OTEL_TRACES_SAMPLER_ARG, from 0 to 1); 0 switches tracing off',
              default: 1,
            }),
          ),
        },
        closed,
      ),
    ),
    accessLog: Type.Optional(
      Type.Object(
        {
          format: Type.Optional(
            Type.Enum(['json', 'text', 'otlp', 'none'], {
              description: 'entries as JSON or in the words of Istio to `logs/access.log`, by OTLP to a collector, or none',
              default: 'json',
            }),
          ),
          only: Type.Optional(
            Type.Enum(['all', 'errors'], { description: 'every call, or those that failed (and what an AUDIT policy asks for)', default: 'all' }),
          ),
          endpoint: Type.Optional(collectorUrl('where entries go by OTLP, without `/v1/logs`; default: that of `tracing`')),
        },
        closed,
      ),
    ),
    drainTimeout: duration('how long Ctrl-C waits for calls that are under way', '30s'),
    catalogue: Type.Optional(Type.String({ description: 'YAML file with further images that stand for programs (docs/guide/building.md)' })),
  },
  closed,
)
/** {@link ConfigFile} as a type. */
export type ConfigFile = Static<typeof ConfigFile>
