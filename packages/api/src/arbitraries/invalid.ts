import fc from 'fast-check'
import { invalidName } from './names.ts'
import {
  validDestinationRule,
  validFunction,
  validGateway,
  validApiGateway,
  validIngress,
  validGrpcRoute,
  validHttpRoute,
  validReferenceGrant,
  validRequestAuthentication,
  validResource,
  validSecret,
  validService,
  validVirtualService,
  keySet,
  type Document,
  type World,
} from './valid.ts'
import { validServiceEntry, validWorkloadEntry } from './valid-outside.ts'

/** A body that must be refused, and why. */
export interface Malformed {
  readonly document: unknown
  /** What was broken in it. */
  readonly because: string
}

type Fields = Readonly<Record<string, unknown>>
/** What is broken: a sentence, and how. */
type Break = (document: Document) => Malformed

const broken =
  (because: string, change: (document: Document) => unknown): Break =>
  (document) => ({ document: change(document), because })

function set(value: unknown, path: readonly (string | number)[], replacement: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return replacement
  if (Array.isArray(value)) return value.map((inner: unknown, index) => (index === key ? set(inner, rest, replacement) : inner))
  const fields = typeof value === 'object' && value !== null ? (value as Fields) : {}
  const inner = Object.hasOwn(fields, key) ? fields[key] : undefined
  return Object.fromEntries(
    [...Object.entries(fields).filter(([name]) => name !== key), [key, set(inner, rest, replacement)] as const].filter(([, one]) => one !== undefined),
  )
}

const at = (because: string, path: readonly (string | number)[], replacement: unknown): Break => broken(because, (document) => set(document, path, replacement))
const polluted = (text: string): unknown => JSON.parse(text)

const ANY: readonly Break[] = [
  at('no apiVersion', ['apiVersion'], undefined),
  at('no kind', ['kind'], undefined),
  at('no metadata', ['metadata'], undefined),
  at('no name', ['metadata', 'name'], undefined),
  at('a kind that does not exist', ['kind'], 'Gremlin'),
  at('a version that does not exist', ['apiVersion'], 'weft.dev/v9'),
  at('a kind that was removed from Istio', ['kind'], 'RouteRule'),
  at('an apiVersion that is a number', ['apiVersion'], 1),
  at('an unknown field', ['gremlin'], true),
  at('an unknown field in metadata', ['metadata', 'gremlin'], 1),
  at('a finalizer', ['metadata', 'finalizers'], ['x']),
  at('labels that are a list', ['metadata', 'labels'], ['a']),
  at('a label that is a number', ['metadata', 'labels'], { a: 1 }),
  at('a label key with a space', ['metadata', 'labels'], { 'a b': 'c' }),
  at('a label value that is too long', ['metadata', 'labels'], { a: 'x'.repeat(64) }),
  at('annotations that are too large', ['metadata', 'annotations'], { a: 'x'.repeat(300_000) }),
  at('a key that pollutes prototypes', ['metadata', 'labels'], polluted('{"__proto__": "x"}')),
  at('constructor as a key', ['metadata', 'annotations'], { constructor: 'x' }),
  at('half a surrogate pair', ['metadata', 'annotations'], { a: '\ud800' }),
  at('endless nesting', ['metadata', 'gremlin'], polluted(`${'['.repeat(200)}${']'.repeat(200)}`)),
  broken('a list', (document) => [document]),
  broken('text', (document) => JSON.stringify(document)),
]

const OF_FUNCTIONS: readonly Break[] = [
  at('no spec', ['spec'], undefined),
  at('no template', ['spec', 'template'], undefined),
  at('nothing to run', ['spec', 'template'], { env: {} }),
  at('a variable of the runtime', ['spec', 'template', 'env'], { NODE_OPTIONS: '--require /tmp/x.js' }),
  at('a variable of the loader', ['spec', 'template', 'env'], { LD_PRELOAD: '/tmp/x.so' }),
  at('a variable of the platform', ['spec', 'template', 'env'], { WEFT_RUNTIME_CONFIG: '{}' }),
  at('a variable that is a number', ['spec', 'template', 'env'], { PORT: 8080 }),
  at('a variable with a bad name', ['spec', 'template', 'env'], { 'a=b': 'c' }),
  at('a time-out that is none', ['spec', 'template', 'timeout'], 'soon'),
  at('a time-out of nothing', ['spec', 'template', 'timeout'], '0s'),
  at('memory that is none', ['spec', 'template', 'limits'], { memory: 'much' }),
  at('a secret with a path as its name', ['spec', 'template', 'secrets'], ['../x']),
  at('weights that do not add up', ['spec', 'traffic'], [{ weight: 50 }, { revision: 'v1', weight: 49 }]),
  at('a negative weight', ['spec', 'traffic'], [{ weight: -1 }, { revision: 'v1', weight: 101 }]),
  at('a scale that is out of range', ['spec', 'scale'], { min: -1 }),
  at('min above max', ['spec', 'scale'], { min: 5, max: 2 }),
  at('a visibility that does not exist', ['spec', 'visibility'], 'secret'),
  at('an authentication that does not exist', ['spec', 'ingress'], { authentication: 'sometimes' }),
  at('a visibility that Knative does not have', ['metadata', 'labels'], { 'networking.knative.dev/visibility': 'private' }),
  at('a visibility by annotation that does not exist', ['metadata', 'annotations'], { 'weft.dev/visibility': 'secret' }),
  at('a field that is spelled wrong', ['spec', 'scael'], {}),
]

const OF_VIRTUAL_SERVICES: readonly Break[] = [
  at('hosts that are no list', ['spec', 'hosts'], 'temp'),
  at('no routes', ['spec', 'http'], []),
  at('a field that is not supported yet', ['spec', 'http', 0, 'fault'], { delay: { exponentialDelay: '1s' } }),
  at('nothing that a route does', ['spec', 'http', 0, 'route'], undefined),
  at('two things that a route does', ['spec', 'http', 0, 'redirect'], { uri: '/x' }),
  at('a rewrite to something that is no path', ['spec', 'http', 0, 'rewrite'], { uri: 'x' }),
  at('a rewrite of something in the middle', ['spec', 'http', 0, 'rewrite'], { uriRegexRewrite: { match: 'a', rewrite: 'b' } }),
  at('an abort without a status', ['spec', 'http', 0, 'fault'], { abort: { percentage: { value: 1 } } }),
  at('more than all calls', ['spec', 'http', 0, 'fault'], { abort: { httpStatus: 500, percentage: { value: 100.1 } } }),
  at('a retry condition that does not exist', ['spec', 'http', 0, 'retries'], { retryOn: 'sometimes' }),
  at('weights that share out nothing', ['spec', 'http', 0, 'route'], [{ destination: { host: 'a' }, weight: 0 }, { destination: { host: 'b' } }]),
  at('a weight below nothing', ['spec', 'http', 0, 'route'], [{ destination: { host: 'a' }, weight: -1 }]),
  at('no destination', ['spec', 'http', 0, 'route'], [{ weight: 100 }]),
  at('a host that is an address', ['spec', 'http', 0, 'route'], [{ destination: { host: 'http://169.254.169.254/' } }]),
  at('look-ahead', ['spec', 'http', 0, 'match'], [{ uri: { regex: '(?=x)' } }]),
  at('a back reference', ['spec', 'http', 0, 'match'], [{ uri: { regex: '(a)\\1' } }]),
  at('a regular expression that is too long', ['spec', 'http', 0, 'match'], [{ uri: { regex: 'x'.repeat(1_025) } }]),
  at('a regular expression that does not end', ['spec', 'http', 0, 'match'], [{ uri: { regex: '([' } }]),
  at('two ways to compare', ['spec', 'http', 0, 'match'], [{ uri: { exact: '/', prefix: '/' } }]),
  at('a header name with a line end', ['spec', 'http', 0, 'match'], [{ headers: { 'a\r\nb': { exact: 'x' } } }]),
  at('a header value with a line end', ['spec', 'http', 0, 'headers'], { request: { set: { 'x-a': 'a\r\nb: c' } } }),
  at('a header of identity', ['spec', 'http', 0, 'headers'], { request: { set: { 'X-Forwarded-Client-Cert': 'By=me' } } }),
  at('a port that is none', ['spec', 'http', 0, 'match'], [{ port: 70_000 }]),
  at('connections of TLS without a server name', ['spec', 'tls'], [{ match: [{ port: 443 }], route: [{ destination: { host: 'a' } }] }]),
  at('connections to an address', ['spec', 'tcp'], [{ match: [{ destinationSubnets: ['10.0.0.0/8'] }], route: [{ destination: { host: 'a' } }] }]),
  at('connections that go nowhere', ['spec', 'tcp'], [{ route: [] }]),
]

const OF_OTHERS: readonly (readonly [(world: World) => fc.Arbitrary<Document>, readonly Break[]])[] = [
  [
    validDestinationRule,
    [
      at('no host', ['spec', 'host'], undefined),
      at('settings of no port', ['spec', 'trafficPolicy'], { portLevelSettings: [{}] }),
      at('a key of the machine', ['spec', 'trafficPolicy'], { tls: { mode: 'MUTUAL', privateKey: '/etc/key.pem' } }),
      at('TLS with a certificate that is not said', ['spec', 'trafficPolicy'], { tls: { mode: 'MUTUAL' } }),
      at('a file that leaves its directory', ['spec', 'trafficPolicy'], { tls: { mode: 'SIMPLE', caCertificates: '/etc/../key' } }),
      at('two keys of a hash', ['spec', 'trafficPolicy'], { loadBalancer: { consistentHash: { useSourceIp: true, httpHeaderName: 'x' } } }),
      at('a subset twice', ['spec', 'subsets'], [{ name: 'v1' }, { name: 'v1' }]),
      at('a subset without a name', ['spec', 'subsets'], [{ labels: {} }]),
    ],
  ],
  [
    validGateway,
    [
      at('no servers', ['spec', 'servers'], []),
      at('a server without hosts', ['spec', 'servers', 0, 'hosts'], []),
      at('a host with a path', ['spec', 'servers', 0, 'hosts'], ['a/b/c']),
      at('a star in the middle', ['spec', 'servers', 0, 'hosts'], ['a.*.example.com']),
      at('a protocol that does not exist', ['spec', 'servers', 0, 'port'], { number: 80, name: 'x', protocol: 'GOPHER' }),
      at('a port that is none', ['spec', 'servers', 0, 'port'], { number: 0, name: 'x', protocol: 'HTTP' }),
      at('TLS without a certificate', ['spec', 'servers', 0], { port: { number: 443, name: 'x', protocol: 'HTTPS' }, hosts: ['*'], tls: { mode: 'SIMPLE' } }),
      at('the mesh’s own TLS at the ingress', ['spec'], {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 443, name: 'x', protocol: 'HTTPS' }, hosts: ['*'], tls: { mode: 'ISTIO_MUTUAL' } }],
      }),
      at('a certificate of its own at the egress gateway', ['spec'], {
        selector: { istio: 'egressgateway' },
        servers: [{ port: { number: 443, name: 'x', protocol: 'HTTPS' }, hosts: ['*'], tls: { mode: 'SIMPLE', credentialName: 'shop' } }],
      }),
      at('a cipher suite that does not exist', ['spec', 'servers', 0, 'tls'], { cipherSuites: ['NULL'] }),
      at('a file that is no path', ['spec', 'servers', 0, 'tls'], { serverCertificate: '../x' }),
      at('a field that is not supported yet', ['spec', 'servers', 0, 'bind'], '127.0.0.1'),
    ],
  ],
  [
    validRequestAuthentication,
    [
      at('no rules', ['spec', 'jwtRules'], []),
      at('a rule of nobody', ['spec', 'jwtRules'], [{}]),
      at('keys that are no set', ['spec', 'jwtRules'], [{ issuer: 'a', jwks: '[]' }]),
      at('a symmetric key', ['spec', 'jwtRules'], [{ issuer: 'a', jwks: '{"keys":[{"kty":"oct","k":"YQ"}]}' }]),
      at('keys from a file', ['spec', 'jwtRules'], [{ issuer: 'a', jwksUri: 'file:///etc/passwd' }]),
      at('keys of a scheme that does not fetch', ['spec', 'jwtRules'], [{ issuer: 'a', jwksUri: 'javascript:0' }]),
      at('an issuer that nobody can find', ['spec', 'jwtRules'], [{ issuer: 'a' }]),
      at('a header with a line end', ['spec', 'jwtRules'], [{ issuer: 'a', jwks: keySet, fromHeaders: [{ name: 'a\r\nb' }] }]),
      at('a header of identity', ['spec', 'jwtRules'], [{ issuer: 'a', jwks: keySet, outputPayloadToHeader: 'x-weft-workload' }]),
      at('a target', ['spec', 'targetRef'], { kind: 'Gateway', name: 'a' }),
    ],
  ],
  [
    validIngress,
    [
      at('no rules', ['spec'], { rules: [] }),
      at('a rule for loopback', ['spec', 'rules', 0, 'host'], 'localhost'),
      at('a path that leaves itself', ['spec', 'rules', 0, 'http', 'paths', 0, 'path'], '/a/../system'),
      at('a path with an escape', ['spec', 'rules', 0, 'http', 'paths', 0, 'path'], '/a%2fb'),
      at('a path type that does not exist', ['spec', 'rules', 0, 'http', 'paths', 0, 'pathType'], 'Regex'),
      at('a backend that is no name', ['spec', 'rules', 0, 'http', 'paths', 0, 'backend'], { service: { name: 'a.b@169.254.169.254' } }),
      at('a backend that is no Service', ['spec', 'defaultBackend'], { resource: { kind: 'Bucket', name: 'x' } }),
      at('TLS without a Secret', ['spec', 'tls'], [{ hosts: ['shop.example.com'] }]),
    ],
  ],
  [
    validServiceEntry,
    [
      at('no host', ['spec', 'hosts'], []),
      at('a host that is an address', ['spec', 'hosts'], ['127.0.0.1']),
      at('every host', ['spec', 'hosts'], ['*']),
      at('a star in the middle', ['spec', 'hosts'], ['a.*.example.org']),
      at('a host with a path', ['spec', 'hosts'], ['example.org/admin']),
      at('a Unix socket', ['spec'], { hosts: ['a.example.org'], resolution: 'STATIC', endpoints: [{ address: 'unix:///run/weft/admin' }] }),
      at('a name that is to be an address', ['spec'], { hosts: ['a.example.org'], resolution: 'STATIC', endpoints: [{ address: 'localhost' }] }),
      at('an address that means this machine', ['spec'], { hosts: ['a.example.org'], resolution: 'STATIC', endpoints: [{ address: '0.0.0.0' }] }),
      at('IPv4 within IPv6', ['spec'], { hosts: ['a.example.org'], resolution: 'STATIC', endpoints: [{ address: '::ffff:127.0.0.1' }] }),
      at('endpoints that nothing leads to', ['spec'], { hosts: ['a.example.org'], endpoints: [{ address: '192.0.2.1' }] }),
      at('every address', ['spec', 'addresses'], ['0.0.0.0/0']),
      at(
        'one port twice',
        ['spec', 'ports'],
        [
          { number: 80, name: 'a' },
          { number: 80, name: 'b' },
        ],
      ),
      at('a port that is none', ['spec', 'ports'], [{ number: 0, name: 'a' }]),
      at('a protocol that is not supported yet', ['spec', 'ports'], [{ number: 80, name: 'a', protocol: 'UDP' }]),
    ],
  ],
  [validWorkloadEntry, [at('a Unix socket', ['spec', 'address'], 'unix:///run/x'), at('no address', ['spec', 'address'], undefined)]],
  [
    validService,
    [
      at('no selector', ['spec', 'selector'], undefined),
      at('no ports', ['spec', 'ports'], []),
      at('two ports without names', ['spec', 'ports'], [{ port: 1 }, { port: 2 }]),
      at(
        'one port twice',
        ['spec', 'ports'],
        [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      ),
      at('UDP', ['spec', 'ports'], [{ port: 53, protocol: 'UDP' }]),
      at('a load balancer', ['spec', 'type'], 'LoadBalancer'),
    ],
  ],
  [
    validSecret,
    [
      at('data that is not base64', ['data'], { a: '%%%' }),
      at('a file that leaves its directory', ['data'], { '../a': 'YQ==' }),
      at('a file called ..', ['stringData'], { '..': 'a' }),
      at('content that is too large', ['stringData'], { a: 'x'.repeat(1_048_577) }),
    ],
  ],
]

const OF_ROUTES: readonly (readonly [(world: World) => fc.Arbitrary<Document>, readonly Break[]])[] = [
  [
    validHttpRoute,
    [
      at('one parent twice', ['spec', 'parentRefs'], [{ name: 'a' }, { name: 'a', group: 'gateway.networking.k8s.io' }]),
      at('a parent without a name', ['spec', 'parentRefs'], [{ kind: 'Service', group: '' }]),
      ...[
        ['a filter that is not supported yet', { filters: [{ type: 'ExtensionRef', extensionRef: { group: 'a', kind: 'B', name: 'c' } }] }],
        ['a filter without its field', { filters: [{ type: 'URLRewrite' }] }],
        ['a filter with the field of another', { filters: [{ type: 'URLRewrite', urlRewrite: {}, requestRedirect: {} }] }],
        [
          'one filter twice',
          {
            filters: [
              { type: 'URLRewrite', urlRewrite: {} },
              { type: 'URLRewrite', urlRewrite: {} },
            ],
          },
        ],
        ['a redirect that sends calls on', { filters: [{ type: 'RequestRedirect', requestRedirect: { port: 1 } }], backendRefs: [{ name: 'a', port: 80 }] }],
        [
          'a prefix that nothing matched',
          {
            matches: [{ path: { type: 'Exact', value: '/a' } }],
            filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } } }],
          },
        ],
        ['a path that is not from its beginning', { matches: [{ path: { value: 'a' } }] }],
        ['a path that no call has', { matches: [{ path: { type: 'Exact', value: '/a/../b' } }] }],
        ['look-ahead', { matches: [{ path: { type: 'RegularExpression', value: '(?=x)' } }] }],
        ['a method that is none', { matches: [{ method: 'get' }] }],
        ['a weight below 0', { backendRefs: [{ name: 'a', port: 80, weight: -1 }] }],
        ['a Service without a port', { backendRefs: [{ name: 'a' }] }],
        [
          'a header of identity',
          { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'X-Forwarded-Client-Cert', value: 'By=me' }] } }] },
        ],
        [
          'a header value with a line end',
          { filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'a', value: 'a\r\nb: c' }] } }] },
        ],
        [
          'more than all copies',
          { filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'a', port: 80 }, fraction: { numerator: 3, denominator: 2 } } }] },
        ],
        ['a try longer than the call', { timeouts: { request: '1s', backendRequest: '2s' } }],
        ['a time that is none', { timeouts: { request: '1.5s' } }],
        ['retries, which are not supported yet', { retry: { attempts: 2 } }],
        [
          'a mirror of one share',
          { backendRefs: [{ name: 'a', port: 80, filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'b', port: 80 } } }] }] },
        ],
      ].map(([because, rule]) => at(String(because), ['spec', 'rules'], [rule])),
      at(
        'too many matches',
        ['spec', 'rules'],
        Array.from({ length: 3 }, () => ({ matches: Array.from({ length: 60 }, () => ({})) })),
      ),
      at('a host that is none', ['spec', 'hostnames'], ['*.*.org']),
    ],
  ],
  [
    validGrpcRoute,
    [
      at('a method without a name', ['spec', 'rules'], [{ matches: [{ method: {} }] }]),
      at('a service that is none', ['spec', 'rules'], [{ matches: [{ method: { service: 'a/b' } }] }]),
      at('a redirect', ['spec', 'rules'], [{ filters: [{ type: 'RequestRedirect', requestRedirect: {} }] }]),
      at('a version that is not kept', ['apiVersion'], 'gateway.networking.k8s.io/v1alpha2'),
    ],
  ],
  [
    validApiGateway,
    [
      at('no listener', ['spec', 'listeners'], []),
      at('no class', ['spec', 'gatewayClassName'], undefined),
      at('HTTPS without a certificate', ['spec', 'listeners'], [{ name: 'a', port: 443, protocol: 'HTTPS' }]),
      at('HTTP with a certificate', ['spec', 'listeners'], [{ name: 'a', port: 80, protocol: 'HTTP', tls: { certificateRefs: [{ name: 'a' }] } }]),
      at('a protocol that is not supported yet', ['spec', 'listeners'], [{ name: 'a', port: 80, protocol: 'TCP' }]),
      at(
        'one listener twice',
        ['spec', 'listeners'],
        [
          { name: 'a', port: 80, protocol: 'HTTP' },
          { name: 'a', port: 81, protocol: 'HTTP' },
        ],
      ),
      at(
        'one port and host twice',
        ['spec', 'listeners'],
        [
          { name: 'a', port: 80, protocol: 'HTTP' },
          { name: 'b', port: 80, protocol: 'HTTP' },
        ],
      ),
      at('an address of its own', ['spec', 'addresses'], [{ value: '203.0.113.7' }]),
    ],
  ],
  [
    validReferenceGrant,
    [
      at('nobody to grant to', ['spec', 'from'], []),
      at('nothing to grant', ['spec', 'to'], undefined),
      at('a namespace of all', ['spec', 'from'], [{ group: '', kind: 'Service', namespace: '*' }]),
    ],
  ],
]

function policy(because: string, spec: unknown): Malformed {
  return { because, document: { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { name: 'p', namespace: 'default' }, spec } }
}

const operation = (fields: object) => ({ rules: [{ to: [{ operation: fields }] }] })
const source = (fields: object) => ({ rules: [{ from: [{ source: fields }] }] })

const POLICIES: readonly Malformed[] = [
  policy('an action that does not exist', { action: 'MAYBE' }),
  policy('an action that is not supported yet', { action: 'CUSTOM', provider: { name: 'x' } }),
  policy('a DENY that denies nothing', { action: 'DENY' }),
  policy('an empty source', source({})),
  policy('a condition on nothing that there is', { rules: [{ when: [{ key: 'gremlin', values: ['y'] }] }] }),
  policy('addresses that are none', source({ ipBlocks: ['10.0.0.0/99'] })),
  policy('a principal with spiffe://', source({ principals: ['spiffe://cluster.local/ns/default/sa/x'] })),
  policy('a star in the middle', operation({ paths: ['/a/*/b'] })),
  policy('a path template in a part of a segment', operation({ paths: ['/a/{*}b'] })),
  policy('a path that is none', operation({ paths: ['admin'] })),
  policy('an empty list, which would match nothing', operation({ methods: [] })),
  policy('a method in small letters', operation({ methods: ['get'] })),
  policy('a port out of range', operation({ ports: ['65536'] })),
  policy('a port that is a number', operation({ ports: [80] })),
]

const canary = (because: string, spec: object): Malformed => ({
  because,
  document: { apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', metadata: { name: 'x' }, spec: { function: 'x', ...spec } },
})
const hook = (fields: object) => ({ webhooks: [{ name: 'a', type: 'event', url: 'http://hooks', ...fields }] })
const metric = (fields: object) => ({ analysis: { metrics: [{ name: 'a', prometheus: { query: 'up' }, thresholdRange: { min: 1 }, ...fields }] } })

const CANARIES: readonly Malformed[] = [
  canary('steps that do not grow', { steps: [50, 10] }),
  canary('steps beside stepWeight', { steps: [10], stepWeight: 10 }),
  canary('maxWeight without stepWeight', { maxWeight: 50 }),
  canary('a step that is greater than the greatest', { stepWeight: 60, maxWeight: 50 }),
  canary('iterations beside steps', { iterations: 2, steps: [10] }),
  canary('matches without iterations', { match: [{ headers: { a: {} } }] }),
  canary('sessions that stay without weights', { iterations: 2, sessionAffinity: {} }),
  canary('a match of nothing', { iterations: 2, match: [{}] }),
  canary('a header that is none', { iterations: 2, match: [{ headers: { 'a b': {} } }] }),
  canary('a cookie that is none', { iterations: 2, match: [{ cookies: { 'a;b': { exact: 'c' } } }] }),
  canary('a cookie by look-ahead', { iterations: 2, match: [{ cookies: { a: { regex: '(?=x)' } } }] }),
  canary('a cookie with a line break', { iterations: 2, match: [{ cookies: { a: { exact: 'b\r\nset-cookie: c' } } }] }),
  canary('a cookie name that breaks the header', { steps: [10], sessionAffinity: { cookieName: 'a=b; Path' } }),
  canary('no copies at all', { mirror: { percent: 0 } }),
  canary('copies of CONNECT', { mirror: { methods: ['CONNECT'] } }),
  canary('a webhook of no type that there is', hook({ type: 'gremlin' })),
  canary('a webhook by another protocol', hook({ url: 'file:///etc/passwd' })),
  canary('a webhook with a password', hook({ url: 'http://a:b@hooks' })),
  canary('a webhook that is no address', hook({ url: 'http://' })),
  canary('a webhook that is waited for too long', hook({ timeout: '5m' })),
  canary('a query with a word that nobody knows', metric({ prometheus: { query: '{{ secret }}' } })),
  canary('a range of nothing', metric({ thresholdRange: {} })),
  canary('a range that is the wrong way round', metric({ thresholdRange: { min: 2, max: 1 } })),
  canary('a number that is not one', metric({ thresholdRange: { min: '1' } })),
  canary('a metric of a template', metric({ templateRef: { name: 'x' } })),
]

function breaking(valid: fc.Arbitrary<Document>, breaks: readonly Break[]): fc.Arbitrary<Malformed> {
  return fc.tuple(valid, fc.constantFrom(...breaks)).map(([document, change]) => change(document))
}

/** A valid resource with one thing broken in it, or something that is no resource at all. */
export function invalidResource(world: World = {}): fc.Arbitrary<Malformed> {
  const named = fc
    .tuple(validResource(world), invalidName())
    .map(([document, name]) => ({ document: set(document, ['metadata', 'name'], name), because: `the name ${JSON.stringify(name.slice(0, 40))}` }))
  const nothing = fc.constantFrom<unknown>(null, 0, '', [], {}, true, [[]], { kind: 'Function' }).map((document) => ({ document, because: 'no resource' }))
  return fc.oneof(
    { weight: 3, arbitrary: breaking(validResource(world), ANY) },
    { weight: 2, arbitrary: named },
    { weight: 3, arbitrary: breaking(validFunction(world), OF_FUNCTIONS) },
    { weight: 3, arbitrary: breaking(validVirtualService(world), OF_VIRTUAL_SERVICES) },
    ...[...OF_OTHERS, ...OF_ROUTES].map(([make, breaks]) => ({ weight: 1, arbitrary: breaking(make(world), breaks) })),
    { weight: 2, arbitrary: fc.constantFrom(...POLICIES) },
    { weight: 1, arbitrary: fc.constantFrom(...CANARIES) },
    { weight: 1, arbitrary: nothing },
  )
}
