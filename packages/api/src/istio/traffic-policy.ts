import { Type, type Static } from 'typebox'
import { closed, closedExcept, istioDuration, port, UNSUPPORTED_VALUES } from '../pieces.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/destination-rule/ (API v1).

const name = (description: string) => Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", description })
const count = (minimum: number, description: string) => Type.Integer({ minimum, maximum: 2_147_483_647, description })

/** Which replica a call goes to by something that it carries (Istio `ConsistentHashLB`): exactly one key. */
export const ConsistentHash = Type.Object(
  {
    httpHeaderName: Type.Optional(name('header that decides')),
    httpCookie: Type.Optional(
      Type.Object(
        {
          name: name('cookie that decides'),
          path: Type.Optional(Type.String({ maxLength: 256, pattern: '^/[!-:<-~]*$', description: 'path of the cookie, where the mesh sets it' })),
          ttl: Type.Optional(istioDuration('life of the cookie, which the mesh sets where it is missing; 0s: as long as the browser runs; absent: not set')),
        },
        closedExcept('attributes'),
      ),
    ),
    useSourceIp: Type.Optional(Type.Boolean({ description: 'the address outside decides; between functions, who calls' })),
    httpQueryParameterName: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'query parameter that decides' })),
    ringHash: Type.Optional(Type.Object({ minimumRingSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })) }, closed)),
    maglev: Type.Optional(Type.Object({ tableSize: Type.Optional(Type.Integer({ minimum: 2, maximum: 5_000_011, description: 'a prime number' })) }, closed)),
    minimumRingSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536, description: 'old form of ringHash.minimumRingSize' })),
  },
  { ...closed, description: 'one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName' },
)
/** {@link ConsistentHash} as a type. */
export type ConsistentHash = Static<typeof ConsistentHash>

/** How a replica is chosen (Istio `LoadBalancerSettings`). */
export const LoadBalancer = Type.Object(
  {
    simple: Type.Optional(
      Type.Enum(['UNSPECIFIED', 'LEAST_REQUEST', 'LEAST_CONN', 'RANDOM', 'ROUND_ROBIN'], {
        description: 'default LEAST_REQUEST; LEAST_CONN is its old name',
        [UNSUPPORTED_VALUES]: ['PASSTHROUGH'],
      }),
    ),
    consistentHash: Type.Optional(ConsistentHash),
    warmup: Type.Optional(
      Type.Object(
        {
          duration: istioDuration('how long a new replica gets less'),
          minimumPercent: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
          aggression: Type.Optional(Type.Number({ minimum: 1, maximum: 100 })),
        },
        closed,
      ),
    ),
    warmupDurationSecs: Type.Optional(istioDuration('old form of warmup.duration')),
  },
  closedExcept('localityLbSetting', 'zoneAwareLbSetting'),
)
/** {@link LoadBalancer} as a type. */
export type LoadBalancer = Static<typeof LoadBalancer>

/** How much may be under way (Istio `ConnectionPoolSettings`). */
export const ConnectionPool = Type.Object(
  {
    tcp: Type.Optional(
      Type.Object(
        {
          maxConnections: Type.Optional(count(1, 'connections to the replicas of a workload')),
          connectTimeout: Type.Optional(istioDuration('longest time until a connection is there')),
          maxConnectionDuration: Type.Optional(istioDuration('longest life of a connection')),
          idleTimeout: Type.Optional(istioDuration('time after which a connection of raw TCP on which nothing moves is closed; default 1h')),
        },
        closedExcept('tcpKeepalive'),
      ),
    ),
    http: Type.Optional(
      Type.Object(
        {
          http1MaxPendingRequests: Type.Optional(count(1, 'calls that wait for a connection')),
          http2MaxRequests: Type.Optional(count(1, 'calls under way to a workload')),
          maxRequestsPerConnection: Type.Optional(count(0, 'calls over one connection; 0: any number')),
          maxRetries: Type.Optional(count(0, 'retries under way to a workload')),
          idleTimeout: Type.Optional(istioDuration('longest time that a connection is kept without a call')),
        },
        closedExcept('h2UpgradePolicy', 'useClientProtocol', 'maxConcurrentStreams', 'http2KeepAlive'),
      ),
    ),
  },
  closed,
)
/** {@link ConnectionPool} as a type. */
export type ConnectionPool = Static<typeof ConnectionPool>

/** When a replica gets no calls for a while (Istio `OutlierDetection`). */
export const OutlierDetection = Type.Object(
  {
    consecutive5xxErrors: Type.Optional(count(0, 'answers 5xx in a row; default 5, 0: never')),
    consecutiveGatewayErrors: Type.Optional(count(0, 'answers 502, 503, 504 in a row; 0: never')),
    splitExternalLocalOriginErrors: Type.Optional(Type.Boolean({ description: 'count failures of the connection apart' })),
    consecutiveLocalOriginFailures: Type.Optional(count(0, 'failures of the connection in a row; default 5')),
    interval: Type.Optional(istioDuration('how often is looked; default 10s')),
    baseEjectionTime: Type.Optional(istioDuration('shortest time without calls; default 30s')),
    maxEjectionPercent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'share of the replicas that may be without calls; default 10' })),
  },
  closedExcept('consecutiveErrors', 'minHealthPercent', 'outlierDetectionHttpErrorCodes'),
)
/** {@link OutlierDetection} as a type. */
export type OutlierDetection = Static<typeof OutlierDetection>

/** How the mesh speaks TLS to a host outside (Istio `ClientTLSSettings`). */
export const ClientTls = Type.Object(
  {
    mode: Type.Optional(
      Type.Enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'], {
        description:
          'for hosts outside: plain (DISABLE), TLS that begins in the mesh (SIMPLE), with a certificate of its own (MUTUAL), with the caller\u2019s mesh certificate (ISTIO_MUTUAL). Calls to functions are always ISTIO_MUTUAL',
      }),
    ),
    credentialName: Type.Optional(
      Type.String({ pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$', description: 'Secret with tls.crt and tls.key (MUTUAL) and ca.crt' }),
    ),
    caCertificates: Type.Optional(
      Type.String({
        pattern: '^(system|/[^\\u0000]{1,1023})$',
        description: 'file with the roots that are trusted, on the machine of the mesh; default: those of the system',
      }),
    ),
    subjectAltNames: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 64, description: 'names, one of which the certificate must have' }),
    ),
    sni: Type.Optional(Type.String({ pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$', description: 'server name that is asked for; default: the host' })),
    insecureSkipVerify: Type.Optional(Type.Boolean({ description: 'take any certificate; the status of the resource warns of it' })),
  },
  closedExcept('clientCertificate', 'privateKey', 'caCrl'),
)
/** {@link ClientTls} as a type. */
export type ClientTls = Static<typeof ClientTls>

const SETTINGS = {
  loadBalancer: Type.Optional(LoadBalancer),
  connectionPool: Type.Optional(ConnectionPool),
  outlierDetection: Type.Optional(OutlierDetection),
  tls: Type.Optional(ClientTls),
}

/** The same for calls to one port (Istio `TrafficPolicy.PortTrafficPolicy`). */
export const PortTrafficPolicy = Type.Object({ port: Type.Object({ number: port('port of the host') }, closed), ...SETTINGS }, closed)
/** {@link PortTrafficPolicy} as a type. */
export type PortTrafficPolicy = Static<typeof PortTrafficPolicy>

/** How calls of a workload are carried (Istio `TrafficPolicy`). */
export const TrafficPolicy = Type.Object(
  {
    ...SETTINGS,
    portLevelSettings: Type.Optional(Type.Array(PortTrafficPolicy, { maxItems: 256, description: 'what holds for one port, in place of the rest' })),
  },
  { ...closedExcept('tunnel', 'proxyProtocol', 'retryBudget'), description: 'how calls are carried' },
)
/** {@link TrafficPolicy} as a type. */
export type TrafficPolicy = Static<typeof TrafficPolicy>
