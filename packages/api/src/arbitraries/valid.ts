import fc from 'fast-check'
import { WEBHOOK_TYPES } from '../canary/webhooks.ts'
import { validName } from './names.ts'
import { ALNUM, text, labels, annotations, duration, maybe, shares, documentOf, ISTIO, type Document, type World } from './pieces.ts'
import { validServiceEntry, validWorkloadEntry } from './valid-outside.ts'

export type { Document, World } from './pieces.ts'

const envName = fc
  .tuple(fc.constantFrom('A', 'b', '_', 'MY_'), fc.string({ unit: fc.constantFrom(...ALNUM, '_'), maxLength: 20 }))
  .map((parts) => parts.join(''))

/** Functions of `weft.dev`. */
export function validFunction(world: World = {}): fc.Arbitrary<Document> {
  const template = fc.record({
    image: fc.constantFrom(...(world.images ?? ['functions/alpine:latest'])),
    env: maybe(fc.dictionary(envName, text(200), { maxKeys: 4, noNullPrototype: true })),
    labels: maybe(labels),
    annotations: maybe(annotations),
    timeout: maybe(duration),
    concurrency: maybe(fc.integer({ min: 0, max: 1000 })),
    limits: maybe(fc.record({ memory: fc.constantFrom('128Mi', '1Gi', '256m', '100M'), cpu: fc.constantFrom('100m', '0.5', '2') })),
    readinessPath: maybe(fc.constantFrom('/_/ready', '/healthz', '/')),
    protocol: maybe(fc.constantFrom('http', 'http2', 'grpc', 'tcp')),
  })
  const scale = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 3, max: 20 }), maybe(duration))
    .map(([min, max, zeroAfter]) => ({ min, max, zeroAfter }))
  return documentOf(
    world,
    ['weft.dev/v1alpha1'],
    'Function',
    fc.record({
      spec: fc.record({
        template,
        scale: maybe(scale),
        visibility: maybe(fc.constant('public')),
        ingress: maybe(fc.constantFrom({}, { authentication: 'optional' })),
      }),
    }),
  )
}

/** Services of the core group. */
export function validService(world: World = {}): fc.Arbitrary<Document> {
  const port = (index: number) =>
    fc.record({
      name: fc.constant(`http-${index}`),
      port: fc.constant(8000 + index),
      targetPort: maybe(fc.constantFrom<number | string>(8080, 'http')),
      appProtocol: maybe(fc.constantFrom('http', 'grpc', 'kubernetes.io/h2c', 'tcp', 'redis')),
    })
  const ports = fc.integer({ min: 1, max: 3 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => port(index))))
  const selector = labels.map((some) => ({ app: 'temp', ...some }))
  return documentOf(world, ['v1'], 'Service', fc.record({ spec: fc.record({ selector, ports }) }))
}

/** Secrets of the core group. */
export function validSecret(world: World = {}): fc.Arbitrary<Document> {
  const file = fc.constantFrom('password', 'tls.crt', 'a_b-c', '.dockerconfigjson', 'KEY')
  const data = fc.dictionary(
    file,
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    { maxKeys: 3, noNullPrototype: true },
  )
  return documentOf(
    world,
    ['v1'],
    'Secret',
    fc.record({ data: maybe(data), stringData: maybe(fc.dictionary(file, text(200), { maxKeys: 3, noNullPrototype: true })) }),
  )
}

/** Service accounts and namespaces. */
export function validServiceAccount(world: World = {}): fc.Arbitrary<Document> {
  return documentOf(world, ['v1'], 'ServiceAccount', fc.constant({}))
}

/** See {@link validServiceAccount}. */
export function validNamespace(world: World = {}): fc.Arbitrary<Document> {
  return documentOf(world, ['v1'], 'Namespace', fc.constant({}))
}

const regex = fc.constantFrom('.*', '^/api/v[0-9]+/.*$', '(?i)jason', 'a{2,5}b?', '[[:alpha:]]+\\d', '(?P<id>x|y)')
const match = fc.oneof(fc.record({ exact: text(30) }), fc.record({ prefix: text(30) }), fc.record({ regex }))
const host = fc.oneof(
  validName(),
  fc.tuple(validName(), validName()).map(([name, namespace]) => `${name}.${namespace}`),
  fc.constant('temp.default.svc.cluster.local'),
)

const percentage = fc.record({ value: fc.constantFrom(0, 0.1, 50, 100) })
const actions = {
  rewrite: maybe(fc.constantFrom<unknown>({ uri: '/v2' }, { authority: 'other' }, { uriRegexRewrite: { match: '^/a/(.*)$', rewrite: '/b/\\1' } })),
  fault: maybe(
    fc.oneof(
      fc.record({ delay: fc.record({ fixedDelay: fc.constant('5s'), percentage: maybe(percentage) }) }),
      fc.record({ abort: fc.record({ httpStatus: fc.constantFrom(500, 418), percentage: maybe(percentage) }) }),
    ),
  ),
  mirrors: maybe(fc.array(fc.record({ destination: fc.record({ host }), percentage: maybe(percentage) }), { minLength: 1, maxLength: 2 })),
  corsPolicy: maybe(fc.record({ allowOrigins: fc.array(match, { maxLength: 2 }), maxAge: maybe(fc.constant('24h')) })),
}

/** VirtualServices of Istio, in all its versions. */
export function validVirtualService(world: World = {}): fc.Arbitrary<Document> {
  const condition = fc.record({
    uri: maybe(match),
    method: maybe(fc.record({ exact: fc.constantFrom('GET', 'POST') })),
    headers: maybe(fc.dictionary(fc.constantFrom('end-user', 'x-version', 'cookie'), match, { maxKeys: 2, noNullPrototype: true })),
    queryParams: maybe(fc.dictionary(fc.constantFrom('q', 'page'), match, { maxKeys: 2, noNullPrototype: true })),
    ignoreUriCase: maybe(fc.boolean()),
    port: maybe(fc.constantFrom(80, 8080)),
  })
  const route = fc
    .integer({ min: 1, max: 4 })
    .chain((count) =>
      fc
        .tuple(fc.array(host, { minLength: count, maxLength: count }), shares(count))
        .map(([hosts, weights]) =>
          hosts.map((name, index) => ({ destination: { host: name, subset: `v${index}` }, weight: count === 1 ? undefined : weights[index] })),
        ),
    )
  const http = fc.record({
    name: maybe(text(20)),
    match: maybe(fc.array(condition, { minLength: 1, maxLength: 3 })),
    route,
    timeout: maybe(fc.constantFrom('0s', '5s', '1.5s')),
    retries: maybe(
      fc.record({
        attempts: fc.integer({ min: 0, max: 5 }),
        perTryTimeout: maybe(fc.constantFrom('1s', '250ms')),
        retryOn: maybe(fc.constantFrom('5xx', 'reset,connect-failure')),
      }),
    ),
    ...actions,
    headers: maybe(fc.record({ request: fc.record({ set: fc.constant({ 'x-set': 'a' }), remove: fc.constant(['x-gone']) }) })),
  })
  const connection = fc.record({ match: maybe(fc.array(fc.record({ port: maybe(fc.constantFrom(6379, 5432)) }), { maxLength: 2 })), route })
  const spec = fc.record({
    hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 3 }),
    http: fc.array(http, { minLength: 1, maxLength: 3 }),
    tcp: maybe(fc.array(connection, { minLength: 1, maxLength: 2 })),
  })
  return documentOf(world, ISTIO, 'VirtualService', fc.record({ spec }))
}

/** Gateways of Istio, in all its versions. No proxy has their selector, so that they bind nothing; or they are the egress gateway's, which binds no port. */
export function validGateway(world: World = {}): fc.Arbitrary<Document> {
  const name = fc.oneof(fc.constantFrom('*', '*.example.com', 'default/*', './shop.example.com'), host)
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 })
  const http = (index: number) =>
    fc.record({ port: fc.constant({ number: 80, name: `http-${index}`, protocol: 'HTTP' }), hosts: names, tls: maybe(fc.constant({ httpsRedirect: true })) })
  const secure = (index: number) =>
    fc.record({
      port: fc.constant({ number: 443, name: `https-${index}`, protocol: 'HTTPS' }),
      hosts: names,
      tls: fc.constantFrom<unknown>({ mode: 'SIMPLE', credentialName: 'shop' }, { mode: 'MUTUAL', credentialName: 'shop', minProtocolVersion: 'TLSV1_3' }),
    })
  const servers = fc.tuple(http(0), secure(1)).chain((both) => fc.constantFrom(both, [both[0]], [both[1]]))
  const port = (protocol: string) => fc.constantFrom(80, 443, 8443).map((number) => ({ number, name: 'out', protocol }))
  const outgoing = fc.oneof(
    fc.record({ port: port('HTTP'), hosts: names }),
    fc.record({ port: port('HTTPS'), hosts: names, tls: fc.constant({ mode: 'ISTIO_MUTUAL' }) }),
    fc.record({ port: port('TLS'), hosts: names, tls: fc.constantFrom({ mode: 'PASSTHROUGH' }, { mode: 'ISTIO_MUTUAL' }) }),
    fc.record({ port: port('TCP'), hosts: names }),
  )
  const egress = fc.record({ selector: fc.constantFrom({ istio: 'egressgateway' }, { 'weft.dev/gateway': 'egress' }), servers: fc.tuple(outgoing) })
  const nobodys = fc.record({ selector: fc.constant({ istio: 'nobody' }), servers })
  return documentOf(world, ISTIO, 'Gateway', fc.record({ spec: fc.oneof(nobodys, egress) }))
}

const front = fc.constantFrom('shop.example.com', 'api.example.org')
const frontPath = maybe(fc.constantFrom('/', '/shop', '/a/b'))

/** Ingresses of Kubernetes, of a class that nobody serves. */
export function validIngress(world: World = {}): fc.Arbitrary<Document> {
  const backend = fc.constantFrom<unknown>({ service: { name: 'nobody', port: { number: 8080 } } }, { service: { name: 'nobody', port: { name: 'http' } } })
  const path = fc.record({ path: frontPath, pathType: fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific'), backend })
  const rule = fc.record({
    host: maybe(fc.oneof(front, fc.constant('*.example.com'))),
    http: fc.record({ paths: fc.array(path, { minLength: 1, maxLength: 3 }) }),
  })
  const tls = maybe(fc.constant([{ hosts: ['shop.example.com'], secretName: 'shop' }]))
  const spec = fc.record({
    ingressClassName: fc.constant('nobody'),
    rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
    tls,
    defaultBackend: maybe(backend),
  })
  return documentOf(world, ['networking.k8s.io/v1'], 'Ingress', fc.record({ spec }))
}

/** HTTPTriggers of Kubeless and FunctionIngresses of OpenFaaS. */
export function validTrigger(world: World = {}): fc.Arbitrary<Document> {
  const kubeless = fc.record({ 'function-name': fc.constant('nobody'), 'host-name': front, path: frontPath, 'cors-enable': maybe(fc.boolean()) })
  const openfaas = fc.record({ function: fc.constant('nobody'), domain: front, path: frontPath, bypassGateway: maybe(fc.boolean()) })
  return fc.oneof(
    documentOf(world, ['kubeless.io/v1beta1'], 'HTTPTrigger', fc.record({ spec: kubeless })),
    documentOf(world, ['openfaas.com/v1', 'openfaas.com/v1alpha2'], 'FunctionIngress', fc.record({ spec: openfaas })),
  )
}

/** DestinationRules of Istio, in all its versions. */
export function validDestinationRule(world: World = {}): fc.Arbitrary<Document> {
  const subsets = fc
    .uniqueArray(validName(), { maxLength: 4 })
    .chain((names) => fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), labels: maybe(labels) }))))
  const trafficPolicy = fc.record({
    loadBalancer: maybe(
      fc.constantFrom<unknown>({ simple: 'ROUND_ROBIN' }, { consistentHash: { httpHeaderName: 'x-user' } }, { consistentHash: { useSourceIp: true } }),
    ),
    connectionPool: maybe(fc.record({ tcp: fc.record({ maxConnections: fc.integer({ min: 1, max: 100 }) }) })),
    outlierDetection: maybe(fc.record({ consecutive5xxErrors: fc.integer({ min: 0, max: 10 }), interval: fc.constant('5s') })),
  })
  return documentOf(world, ISTIO, 'DestinationRule', fc.record({ spec: fc.record({ host, subsets, trafficPolicy: maybe(trafficPolicy) }) }))
}

/** AuthorizationPolicies of Istio. They select a function that does not exist, so that they change nothing for others. */
export function validAuthorizationPolicy(world: World = {}): fc.Arbitrary<Document> {
  const some = (...values: readonly string[]) => maybe(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }))
  const principals = some('cluster.local/ns/default/sa/control', '*', 'cluster.local/ns/default/*', '*/sa/control')
  const source = fc
    .record({ principals, notPrincipals: principals, namespaces: some('default', 'dev-*'), notNamespaces: some('prod') })
    .map((fields) => ({ source: Object.values(fields).every((one) => one === undefined) ? { principals: ['*'] } : fields }))
  const operation = fc
    .record({
      methods: some('GET', 'POST'),
      notMethods: some('DELETE'),
      paths: some('/healthz', '/api/*', '*.js'),
      notPaths: some('/admin*'),
      hosts: some('temp.default', '*.default'),
      ports: some('80', '8080'),
    })
    .map((fields) => ({ operation: Object.values(fields).every((one) => one === undefined) ? { methods: ['GET'] } : fields }))
  const rule = fc.record({ from: maybe(fc.array(source, { minLength: 1, maxLength: 2 })), to: maybe(fc.array(operation, { minLength: 1, maxLength: 2 })) })
  const spec = fc.record({
    selector: fc.constant({ matchLabels: { 'weft.dev/function': 'nobody' } }),
    action: maybe(fc.constantFrom('ALLOW', 'DENY')),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  })
  return documentOf(world, ['security.istio.io/v1', 'security.istio.io/v1beta1'], 'AuthorizationPolicy', fc.record({ spec }))
}

/** PeerAuthentications of Istio. They select a function that does not exist. */
export function validPeerAuthentication(world: World = {}): fc.Arbitrary<Document> {
  const spec = fc.record({
    selector: fc.constant({ matchLabels: { 'weft.dev/function': 'nobody' } }),
    mtls: maybe(fc.record({ mode: fc.constantFrom('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') })),
    portLevelMtls: maybe(fc.record({ 8080: fc.record({ mode: fc.constantFrom('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') }) })),
  })
  return documentOf(world, ['security.istio.io/v1', 'security.istio.io/v1beta1'], 'PeerAuthentication', fc.record({ spec }))
}

const GATEWAY_API = 'gateway.networking.k8s.io'
const parentRef = fc.oneof(
  fc.record({ group: fc.constant(''), kind: fc.constant('Service'), name: validName(), namespace: maybe(validName()), port: maybe(fc.constantFrom(80, 8080)) }),
  fc.record({ group: fc.constant('weft.dev'), kind: fc.constant('Function'), name: validName() }),
  fc.record({ name: validName(), sectionName: maybe(fc.constantFrom('http', 'https')) }),
)
const headerValues = fc.uniqueArray(fc.record({ name: fc.constantFrom('x-a', 'X-B', 'x-c'), value: fc.constantFrom('a', '100%', 'b c') }), {
  maxLength: 2,
  selector: ({ name }) => name,
})
const modifier = fc.record({ set: maybe(headerValues), add: maybe(headerValues), remove: maybe(fc.uniqueArray(fc.constantFrom('x-d', 'x-e'))) })
const shareFilters = maybe(fc.array(fc.record({ type: fc.constant('RequestHeaderModifier'), requestHeaderModifier: modifier }), { maxLength: 1 }))
const backend = fc.record({
  name: validName(),
  namespace: maybe(validName()),
  port: fc.constantFrom(80, 8080),
  weight: maybe(fc.integer({ min: 0, max: 1_000_000 })),
  filters: shareFilters,
})
const compared = (names: readonly string[]) =>
  fc.oneof(
    fc.record({ name: fc.constantFrom(...names), value: fc.constantFrom('a', '100%') }),
    fc.record({ type: fc.constant('RegularExpression'), name: fc.constantFrom(...names), value: regex }),
  )
const mirrorFilter = fc.record({
  type: fc.constant('RequestMirror'),
  requestMirror: fc.record({ backendRef: fc.record({ name: validName(), port: fc.constant(80) }), percent: maybe(fc.integer({ min: 0, max: 100 })) }),
})
const modifierFilters = fc
  .record({ request: maybe(modifier), response: maybe(modifier), mirror: maybe(mirrorFilter) })
  .map(({ request, response, mirror }) => [
    ...(request === undefined ? [] : [{ type: 'RequestHeaderModifier', requestHeaderModifier: request }]),
    ...(response === undefined ? [] : [{ type: 'ResponseHeaderModifier', responseHeaderModifier: response }]),
    ...(mirror === undefined ? [] : [mirror]),
  ])
const uniqueParents = fc.uniqueArray(parentRef, { maxLength: 3, selector: (parent) => JSON.stringify(parent) })
const routeHosts = maybe(fc.uniqueArray(fc.constantFrom('shop.example.org', '*.example.org'), { maxLength: 2 }))

/** HTTPRoutes of the Gateway API. */
export function validHttpRoute(world: World = {}): fc.Arbitrary<Document> {
  const condition = fc.record({
    path: maybe(
      fc.constantFrom(
        { type: 'Exact', value: '/a' },
        { type: 'PathPrefix', value: '/a/b/' },
        { type: 'RegularExpression', value: '/[a-z]+/.*' },
        { value: '/' },
      ),
    ),
    method: maybe(fc.constantFrom('GET', 'PATCH')),
    headers: maybe(fc.array(compared(['version', 'X-A']), { maxLength: 2 })),
    queryParams: maybe(fc.array(compared(['q', 'page']), { maxLength: 2 })),
  })
  const forwarding = fc.record({
    name: maybe(fc.constantFrom('first', 'a.b')),
    matches: maybe(fc.array(condition, { maxLength: 3 })),
    filters: maybe(modifierFilters),
    backendRefs: maybe(fc.array(backend, { maxLength: 3 })),
    timeouts: maybe(fc.constantFrom({ request: '10s' }, { request: '2m', backendRequest: '1m30s' }, { request: '0s', backendRequest: '250ms' })),
  })
  const moving = fc.constantFrom<unknown>(
    { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] },
    {
      matches: [{ path: { value: '/a' } }],
      filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'a.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } } }],
      backendRefs: [{ name: 'temp', port: 80 }],
    },
  )
  const spec = fc.record({ parentRefs: uniqueParents, hostnames: routeHosts, rules: maybe(fc.array(fc.oneof(forwarding, moving), { maxLength: 3 })) })
  return documentOf(world, [`${GATEWAY_API}/v1`, `${GATEWAY_API}/v1beta1`], 'HTTPRoute', fc.record({ spec }))
}

/** GRPCRoutes of the Gateway API. */
export function validGrpcRoute(world: World = {}): fc.Arbitrary<Document> {
  const condition = fc.record({
    method: maybe(
      fc.constantFrom<unknown>({ service: 'shop.v1.Cart' }, { service: 'a.B', method: 'Go' }, { type: 'RegularExpression', method: 'Get.*' }, { method: 'Go' }),
    ),
    headers: maybe(fc.array(compared(['version', 'X-A']), { maxLength: 2 })),
  })
  const rule = fc.record({
    matches: maybe(fc.array(condition, { maxLength: 3 })),
    filters: maybe(modifierFilters),
    backendRefs: maybe(fc.array(backend, { maxLength: 3 })),
  })
  const spec = fc.record({ parentRefs: uniqueParents, hostnames: routeHosts, rules: maybe(fc.array(rule, { maxLength: 3 })) })
  return documentOf(world, [`${GATEWAY_API}/v1`], 'GRPCRoute', fc.record({ spec }))
}

/** Gateways of the Gateway API; of a class that is nobody's, so that they change nothing for others. */
export function validApiGateway(world: World = {}): fc.Arbitrary<Document> {
  const allowedRoutes = fc.constantFrom<unknown>(
    { namespaces: { from: 'All' } },
    { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } }, kinds: [{ kind: 'HTTPRoute' }] },
    { namespaces: { from: 'Same' } },
  )
  const listener = (index: number) =>
    fc.record({
      name: fc.constant(`l${index}`),
      hostname: fc.constantFrom('*.example.org', 'shop.example.org'),
      port: fc.constant(9000 + index),
      protocol: fc.constant('HTTP'),
      allowedRoutes: maybe(allowedRoutes),
    })
  const secure = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'shop' }] } }
  const listeners = fc.tuple(listener(0), fc.constant(secure), listener(1))
  const spec = fc.record({ gatewayClassName: fc.constant('nobody'), listeners })
  return documentOf(world, [`${GATEWAY_API}/v1`, `${GATEWAY_API}/v1beta1`], 'Gateway', fc.record({ spec }))
}

/** ReferenceGrants of the Gateway API. */
export function validReferenceGrant(world: World = {}): fc.Arbitrary<Document> {
  const from = fc.record({ group: fc.constant(GATEWAY_API), kind: fc.constantFrom('HTTPRoute', 'GRPCRoute', 'Gateway'), namespace: validName() })
  const to = fc.record({ group: fc.constantFrom('', 'weft.dev'), kind: fc.constantFrom('Service', 'Secret', 'Function'), name: maybe(validName()) })
  const spec = fc.record({ from: fc.array(from, { minLength: 1, maxLength: 3 }), to: fc.array(to, { minLength: 1, maxLength: 3 }) })
  return documentOf(world, [`${GATEWAY_API}/v1beta1`], 'ReferenceGrant', fc.record({ spec }))
}

/** A set with one public key, of which nobody has the private half. */
export const keySet = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid: 'a', use: 'sig' }] })

/** RequestAuthentications of Istio, with their keys written down. They select a function that does not exist. */
export function validRequestAuthentication(world: World = {}): fc.Arbitrary<Document> {
  const names = fc.uniqueArray(fc.constantFrom('a', 'https://api.example/x', 'access_token'), { maxLength: 2 })
  const rule = fc.record({
    issuer: fc.constantFrom('https://idp.example', 'testing@secure.example'),
    jwks: fc.constant(keySet),
    audiences: maybe(names),
    fromHeaders: maybe(fc.constant([{ name: 'x-jwt', prefix: 'JWT ' }])),
    fromParams: maybe(names),
    fromCookies: maybe(names),
    forwardOriginalToken: maybe(fc.boolean()),
    outputPayloadToHeader: maybe(fc.constantFrom('x-payload', 'X-Payload')),
    outputClaimToHeaders: maybe(fc.constant([{ header: 'x-sub', claim: 'sub' }])),
    timeout: maybe(fc.constant('5s')),
    spaceDelimitedClaims: maybe(names),
  })
  const spec = fc.record({
    selector: fc.constant({ matchLabels: { 'weft.dev/function': 'nobody' } }),
    jwtRules: maybe(fc.array(rule, { minLength: 1, maxLength: 3 })),
  })
  return documentOf(world, ['security.istio.io/v1', 'security.istio.io/v1beta1'], 'RequestAuthentication', fc.record({ spec }))
}

const canaryTraffic = fc.oneof(
  fc.record({
    steps: maybe(fc.constantFrom([10, 50], [1], [5, 6, 99])),
    sessionAffinity: maybe(fc.record({ cookieName: maybe(fc.constant('run')), maxAge: maybe(longDuration()) })),
  }),
  fc.record({ stepWeight: fc.integer({ min: 1, max: 20 }), maxWeight: maybe(fc.integer({ min: 20, max: 99 })) }),
  fc.record({
    iterations: fc.integer({ min: 1, max: 5 }),
    match: maybe(
      fc.array(
        fc.oneof(
          fc.record({ headers: fc.constantFrom({ 'x-user': { exact: 'jason' } }, { 'x-user': {}, 'X-Team': { regex: 'a|b' } }) }),
          fc.record({ cookies: fc.constantFrom({ group: { prefix: 'b' } }, { 'a.b': { regex: '[0-9]+' } }) }),
        ),
        { minLength: 1, maxLength: 3 },
      ),
    ),
  }),
)
const range = fc.oneof(fc.record({ min: fc.integer() }), fc.record({ max: fc.integer() }), fc.constant({ min: 0, max: 0.5 }))

function longDuration(): fc.Arbitrary<string> {
  return fc.constantFrom('1s', '1m30s', '2h', '30')
}

/** A Canary in each of its forms. */
export function validCanary(world: World = {}): fc.Arbitrary<Document> {
  const metric = fc.record({
    name: fc.constantFrom('orders', 'latency of the till'),
    prometheus: fc.record({
      address: maybe(fc.constant('https://prometheus.example.org/path')),
      query: fc.constantFrom('up', 'x{v="{{ candidate }}"}[{{interval}}]'),
    }),
    thresholdRange: range,
    interval: maybe(longDuration()),
  })
  const webhook = fc.record({
    name: fc.constantFrom('gate', 'load'),
    type: fc.constantFrom(...WEBHOOK_TYPES),
    url: fc.constantFrom('http://hooks', 'https://hooks.example.org/a?b=c'),
    timeout: maybe(fc.constantFrom('250ms', '60s')),
    retries: maybe(fc.integer({ min: 0, max: 5 })),
    metadata: maybe(fc.dictionary(fc.constantFrom('cmd', 'type'), text(50), { noNullPrototype: true })),
  })
  const rest = fc.record({
    function: validName(),
    mirror: maybe(
      fc.record({ percent: maybe(fc.constantFrom(0.5, 100)), iterations: maybe(fc.integer({ min: 1, max: 9 })), methods: maybe(fc.constant(['GET', 'POST'])) }),
    ),
    interval: maybe(longDuration()),
    deadline: maybe(longDuration()),
    analysis: maybe(
      fc.record({
        minRequests: maybe(fc.integer({ min: 1, max: 100 })),
        noData: maybe(fc.constantFrom('wait', 'pass', 'fail')),
        metrics: maybe(fc.array(metric, { minLength: 1, maxLength: 1 })),
      }),
    ),
    webhooks: maybe(fc.array(webhook, { minLength: 1, maxLength: 1 })),
    paused: maybe(fc.boolean()),
  })
  const spec = fc.tuple(canaryTraffic, rest).map(([traffic, other]) => ({ ...other, ...traffic }))
  return documentOf(world, ['weft.dev/v1alpha1'], 'Canary', fc.record({ spec }))
}

/** Any kind that a user may write, all equally often. */
export function validResource(world: World = {}): fc.Arbitrary<Document> {
  const all = [
    validFunction,
    validService,
    validSecret,
    validServiceAccount,
    validNamespace,
    validVirtualService,
    validDestinationRule,
    validCanary,
    validGateway,
    validIngress,
    validTrigger,
    validHttpRoute,
    validGrpcRoute,
    validReferenceGrant,
    validApiGateway,
    validServiceEntry,
    validWorkloadEntry,
    validAuthorizationPolicy,
    validPeerAuthentication,
    validRequestAuthentication,
  ]
  return fc.oneof(...all.map((make) => make(world)))
}
