import { describe, expect, it } from '@jest/globals'
import { parseResource } from '../parse-resource.ts'
import { readExpression } from './expression.ts'
import { convertRemoved, type Conversion } from './index.ts'

const old = (apiVersion: string, kind: string, name: string, spec: unknown): unknown => ({ apiVersion, kind, metadata: { name, namespace: 'shop' }, spec })
const routeRule = (name: string, spec: unknown) => old('config.istio.io/v1alpha2', 'RouteRule', name, spec)
const denier = old('config.istio.io/v1alpha2', 'denier', 'deny', { status: { code: 7 } })
const rule = (match: string | undefined, handler = 'deny.denier') =>
  old('config.istio.io/v1alpha2', 'rule', 'deny', { ...(match === undefined ? {} : { match }), actions: [{ handler, instances: ['x.checknothing'] }] })
const specs = ({ documents }: Conversion): readonly unknown[] => documents.map((document) => (document as { spec: unknown }).spec)
const errors = ({ problems }: Conversion): readonly string[] => problems.flatMap(({ severity, message }) => (severity === 'error' ? [message] : []))

/** What Weft keeps today; ServiceEntry and RequestAuthentication are checked where they are read. */
const KEPT = new Set(['VirtualService', 'DestinationRule', 'AuthorizationPolicy', 'PeerAuthentication'])

function converted(...documents: readonly unknown[]): Conversion {
  const conversion = convertRemoved(documents)
  for (const document of conversion.documents) if (KEPT.has((document as { kind: string }).kind)) expect(() => parseResource(document)).not.toThrow()
  return conversion
}

describe('an expression of Mixer', () => {
  it.each([
    ['a == "x"', [['a equals x']]],
    ["source.labels['app'] != 'x'", [['source.labels["app"] not equals x']]],
    ['a == "x" && b != "y"', [['a equals x', 'b not equals y']]],
    ['a == "x" || b == "y" && c == "z"', [['a equals x'], ['b equals y', 'c equals z']]],
    [
      '(a == "x" || b == "y") && c == "z"',
      [
        ['a equals x', 'c equals z'],
        ['b equals y', 'c equals z'],
      ],
    ],
    ['!(a == "x" || b == "y")', [['a not equals x', 'b not equals y']]],
    ['!(a == "x" && b == "y")', [['a not equals x'], ['b not equals y']]],
    ['!!(a == "x")', [['a equals x']]],
    ['a | "none" == "x"', [['a equals x']]],
    ['match(request.path, "/a*") && request.path.endsWith("z")', [['request.path prefix /a', 'request.path suffix z']]],
    ['!request.path.startsWith("/health")', [['request.path not prefix /health']]],
  ])('%s', (text, alternatives) => {
    const words = readExpression(text).map((atoms) => atoms.map(({ attribute, how, value, negated }) => `${attribute} ${negated ? 'not ' : ''}${how} ${value}`))
    expect(words).toEqual(alternatives)
  })

  it.each([
    ['', 'it ends too soon'],
    ['a', '"==" is missing'],
    ['a == ', 'it ends too soon'],
    ['a == b', '"b" is not expected'],
    ['(a == "x"', '")" is missing'],
    ['a == "x" b', '"b" is not expected'],
    ['a == "x" § b', '"§ b" cannot be read'],
    ['a | "x" == "x"', 'a is compared with what stands for its absence'],
    ['a == 5', '"5" cannot be read'],
    [Array.from({ length: 7 }, (_, index) => `(a${index} == "x" || b${index} == "y")`).join(' && '), 'the expression has more than 64 alternatives'],
  ])('refuses %s', (text, reason) => {
    expect(() => readExpression(text)).toThrow(reason)
  })
})

describe('RouteRules', () => {
  it('of a host become one VirtualService, the first by precedence, and one DestinationRule with their labels as subsets', () => {
    const conversion = converted(
      routeRule('split', {
        destination: { name: 'reviews' },
        precedence: 1,
        route: [
          { labels: { version: 'v1' }, weight: 90 },
          { labels: { version: 'v2' }, weight: 10 },
        ],
      }),
      routeRule('jason', {
        destination: { name: 'reviews' },
        precedence: 2,
        match: { request: { headers: { cookie: { regex: '^(.*?;)?(user=jason)(;.*)?$' }, uri: { prefix: '/r' } } }, source: { labels: { app: 'page' } } },
        route: [{ labels: { version: 'v2' } }],
        httpFault: { delay: { percent: 10, fixedDelay: '5s' }, abort: { percent: 5, httpStatus: 400 } },
        httpReqTimeout: { simpleTimeout: { timeout: '10s' } },
        httpReqRetries: { simpleRetry: { attempts: 3, perTryTimeout: '2s' } },
      }),
    )
    expect(errors(conversion)).toEqual([])
    expect(specs(conversion)).toEqual([
      {
        host: 'reviews',
        subsets: [
          { name: 'v2', labels: { version: 'v2' } },
          { name: 'v1', labels: { version: 'v1' } },
        ],
      },
      {
        hosts: ['reviews'],
        http: [
          {
            match: [{ uri: { prefix: '/r' }, headers: { cookie: { regex: '^(.*?;)?(user=jason)(;.*)?$' } }, sourceLabels: { app: 'page' } }],
            route: [{ destination: { host: 'reviews', subset: 'v2' } }],
            timeout: '10s',
            retries: { attempts: 3, perTryTimeout: '2s' },
            fault: { delay: { fixedDelay: '5s', percentage: { value: 10 } }, abort: { httpStatus: 400, percentage: { value: 5 } } },
          },
          {
            route: [
              { destination: { host: 'reviews', subset: 'v1' }, weight: 90 },
              { destination: { host: 'reviews', subset: 'v2' }, weight: 10 },
            ],
          },
        ],
      },
    ])
  })

  it.each([
    ['a redirect', { redirect: { uri: '/new', authority: 'other' } }, { redirect: { uri: '/new', authority: 'other' } }],
    ['a rewrite', { rewrite: { uri: '/new' } }, { route: [{ destination: { host: 'a' } }], rewrite: { uri: '/new' } }],
    ['headers', { appendHeaders: { 'x-a': 'b' } }, { route: [{ destination: { host: 'a' } }], headers: { request: { add: { 'x-a': 'b' } } } }],
    ['a mirror', { mirror: { name: 'b', labels: { version: 'v2' } } }, { route: [{ destination: { host: 'a' } }], mirror: { host: 'b', subset: 'v2' } }],
    [
      'CORS',
      { corsPolicy: { allowOrigin: ['https://x'], maxAge: '1h' } },
      { route: [{ destination: { host: 'a' } }], corsPolicy: { allowOrigins: [{ exact: 'https://x' }], maxAge: '1h' } },
    ],
  ])('keep %s', (_name, spec, route) => {
    expect(specs(converted(routeRule('r', { destination: { name: 'a' }, ...spec }))).at(-1)).toEqual({ hosts: ['a'], http: [route] })
  })

  it.each([
    ['a rule without a destination', {}, 'it names no destination'],
    ['a field that nobody knows', { destination: { name: 'a' }, l4Fault: {} }, 'l4Fault has no equivalent; the route is written without it'],
    [
      'a caller by name',
      { destination: { name: 'a' }, match: { source: { name: 'b' } } },
      'match.source.name has no equivalent; write sourceLabels or sourceNamespace',
    ],
  ])('tell of %s', (_name, spec, message) => {
    expect(errors(convertRemoved([routeRule('r', spec)]))).toEqual([message])
  })

  it('take the settings of DestinationPolicies with them', () => {
    const policy = (spec: unknown) => old('config.istio.io/v1alpha2', 'DestinationPolicy', 'p', spec)
    const breaker = { simpleCb: { maxConnections: 100, httpConsecutiveErrors: 5, sleepWindow: '15m', httpMaxEjectionPercent: 100 } }
    const conversion = converted(
      policy({ destination: { name: 'a' }, loadBalancing: { name: 'LEAST_CONN' } }),
      policy({ destination: { name: 'a', labels: { version: 'v1' } }, circuitBreaker: breaker }),
    )
    const settings = {
      connectionPool: { tcp: { maxConnections: 100 } },
      outlierDetection: { consecutive5xxErrors: 5, baseEjectionTime: '15m', maxEjectionPercent: 100 },
    }
    expect(specs(conversion)).toEqual([
      {
        host: 'a',
        trafficPolicy: { loadBalancer: { simple: 'LEAST_REQUEST' } },
        subsets: [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: settings }],
      },
    ])
  })
})

describe("Mixer's rule with a denier", () => {
  it.each<[string, readonly unknown[]]>([
    [
      'source.labels["function"] != "control" && request.path != "/healthz" && destination.labels["function"] == "thermostat"',
      [
        {
          selector: { matchLabels: { 'weft.dev/function': 'thermostat' } },
          action: 'DENY',
          rules: [{ from: [{ source: { notPrincipals: ['cluster.local/ns/shop/sa/control'] } }], to: [{ operation: { notPaths: ['/healthz'] } }] }],
        },
      ],
    ],
    [
      'destination.service == "a.shop.svc.cluster.local" && (source.namespace == "x" || request.method == "DELETE")',
      [
        {
          selector: { matchLabels: { 'weft.dev/function': 'a' } },
          action: 'DENY',
          rules: [{ from: [{ source: { namespaces: ['x'] } }] }, { to: [{ operation: { methods: ['DELETE'] } }] }],
        },
      ],
    ],
    ['request.headers["x-a"] == "1"', [{ action: 'DENY', rules: [{ when: [{ key: 'request.headers[x-a]', values: ['1'] }] }] }]],
    ['match(request.path, "/admin*")', [{ action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin*'] } }] }] }]],
    [
      'destination.labels["app"] == "a" && request.path == "/x" || destination.labels["app"] == "b"',
      [
        { selector: { matchLabels: { app: 'a' } }, action: 'DENY', rules: [{ to: [{ operation: { paths: ['/x'] } }] }] },
        { selector: { matchLabels: { app: 'b' } }, action: 'DENY', rules: [{}] },
      ],
    ],
  ])('denies where %s', (match, policies) => {
    const conversion = converted(denier, rule(match))
    expect(errors(conversion)).toEqual([])
    expect(specs(conversion)).toEqual(policies)
  })

  it.each([
    ['another handler', rule('a == "x"', 'quota.memquota'), 'only actions of a denier in the same files are converted; this rule has quota.memquota'],
    ['an attribute without equivalent', rule('request.size == "x"'), 'match: request.size has no equivalent'],
    ['workloads by what they are not', rule('destination.labels["app"] != "x"'), 'match: workloads can only be selected by labels that they have'],
    ['callers by a label', rule('source.labels["tier"] == "x"'), 'match: callers are known by identity, and the label tier tells none'],
    ['something that is two things', rule('request.path == "/a" && request.path == "/b"'), 'match: request.path cannot be two things at once'],
    ['what cannot be read', rule('a =='), 'match: it ends too soon'],
  ])('is not converted with %s, and nothing is written for it', (_name, document, message) => {
    const conversion = convertRemoved([denier, document])
    expect(errors(conversion)).toEqual([expect.stringContaining(message)])
    expect(conversion.documents).toEqual([])
  })

  it('without a match denies everything', () => {
    expect(specs(converted(denier, rule(undefined)))).toEqual([{ action: 'DENY', rules: [{}] }])
  })
})

describe('the other kinds that were removed', () => {
  it.each<[string, unknown, readonly unknown[]]>([
    [
      'an EgressRule',
      old('config.istio.io/v1alpha2', 'EgressRule', 'e', { destination: { service: '*.example.com' }, ports: [{ port: 443, protocol: 'https' }] }),
      [{ hosts: ['*.example.com'], location: 'MESH_EXTERNAL', resolution: 'NONE', ports: [{ number: 443, protocol: 'HTTPS', name: 'https-0' }] }],
    ],
    ['a MeshPolicy', old('authentication.istio.io/v1alpha1', 'MeshPolicy', 'default', { peers: [{ mtls: {} }] }), [{ mtls: { mode: 'STRICT' } }]],
    [
      'a Policy with a target and a token',
      old('authentication.istio.io/v1alpha1', 'Policy', 'p', {
        targets: [{ name: 'a' }],
        origins: [{ jwt: { issuer: 'i', jwksUri: 'https://i/keys', jwtHeaders: ['x-jwt'] } }],
      }),
      [
        { selector: { matchLabels: { 'weft.dev/function': 'a' } }, mtls: { mode: 'PERMISSIVE' } },
        { selector: { matchLabels: { 'weft.dev/function': 'a' } }, jwtRules: [{ issuer: 'i', jwksUri: 'https://i/keys', fromHeaders: [{ name: 'x-jwt' }] }] },
      ],
    ],
  ])('%s', (_name, document, expected) => {
    expect(specs(converted(document))).toEqual(expected)
  })

  it('a ServiceRole and its binding allow', () => {
    const role = old('rbac.istio.io/v1alpha1', 'ServiceRole', 'viewer', {
      rules: [{ services: ['a.shop.svc.cluster.local'], methods: ['GET'], paths: ['/x*'] }],
    })
    const binding = old('rbac.istio.io/v1alpha1', 'ServiceRoleBinding', 'b', {
      subjects: [{ user: 'cluster.local/ns/shop/sa/c' }, { properties: { 'source.namespace': 'n' } }],
      roleRef: { kind: 'ServiceRole', name: 'viewer' },
    })
    expect(specs(converted(role, binding))).toEqual([
      {
        selector: { matchLabels: { 'weft.dev/function': 'a' } },
        action: 'ALLOW',
        rules: [
          {
            from: [{ source: { principals: ['cluster.local/ns/shop/sa/c'] } }, { source: { namespaces: ['n'] } }],
            to: [{ operation: { paths: ['/x*'], methods: ['GET'] } }],
          },
        ],
      },
    ])
    expect(errors(convertRemoved([role]))).toEqual(['no ServiceRoleBinding in the same files refers to it: nobody would be allowed'])
  })

  it('without equivalent are told, and what was not removed comes back as it is', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: {} }
    const conversion = convertRemoved([old('config.istio.io/v1alpha2', 'memquota', 'q', {}), service])
    expect(conversion).toEqual({
      documents: [service],
      problems: [{ resource: 'memquota shop/q', severity: 'error', message: 'rate limits by quota were removed from Istio' }],
    })
  })
})
