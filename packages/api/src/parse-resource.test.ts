import { describe, expect, it } from '@jest/globals'
import { isDnsLabel, isWeftError } from '@weft/core'
import {
  checkResource,
  kindByName,
  KINDS,
  openApiSchemas,
  openFaasReadinessPath,
  openFaasScale,
  openFaasTimeout,
  parseManifest,
  parseResource,
  readResource,
  revisionObjectName,
} from './index.ts'

const fn = (spec: object, metadata: object = {}) => ({ apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'f', ...metadata }, spec })
const virtualService = (http: unknown, more: object = {}) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'v' },
  spec: { hosts: ['temp'], http, ...more },
})
const policy = (spec: object) => ({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { name: 'p' }, spec })
const route = [{ destination: { host: 'temp' } }]

const EC_KEYS = JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }] })
const jwt = (spec: unknown) => ({ apiVersion: 'security.istio.io/v1beta1', kind: 'RequestAuthentication', metadata: { name: 'jwt' }, spec })

describe('a resource in canonical form', () => {
  it('is in default, also when it says openfaas-fn, and in the one version of its group', () => {
    const given = { ...virtualService([{ route }]), apiVersion: 'networking.istio.io/v1alpha3' }
    expect(parseResource(given)).toMatchObject({ apiVersion: 'networking.istio.io/v1', metadata: { name: 'v', namespace: 'default' } })
    expect(parseResource({ ...given, metadata: { name: 'v', namespace: 'openfaas-fn' } }).metadata.namespace).toBe('default')
  })

  it('keeps what the store has set, and drops what only Kubernetes keeps there', () => {
    const metadata = {
      name: 'f',
      uid: 'u',
      resourceVersion: '7',
      generation: 2,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ x: 1 }],
      selfLink: '/x',
    }
    const { metadata: parsed } = parseResource(fn({ template: { image: 'a' } }, metadata))
    expect(parsed).toEqual({ name: 'f', namespace: 'default', uid: 'u', resourceVersion: '7', generation: 2, creationTimestamp: '2026-01-01T00:00:00Z' })
  })

  it('reads null as absent', () => {
    expect(parseResource(fn({ template: { image: 'a', labels: null }, scale: null }, { creationTimestamp: null, labels: null }))).toEqual({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Function',
      metadata: { name: 'f', namespace: 'default' },
      spec: { template: { image: 'a' } },
    })
  })

  it('has the text of a Secret in its data, over what was there', () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: 'b2xk', b: 'Yg==' }, stringData: { a: 'new' } }
    expect(parseResource(secret)).toMatchObject({ type: 'Opaque', data: { a: 'bmV3', b: 'Yg==' } })
    expect(parseResource(secret)).not.toHaveProperty('stringData')
  })

  it('has a spec where Istio lets it be absent', () => {
    expect(parseResource({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { name: 'p' } }).spec).toEqual({})
  })
})

/** A VirtualService without routes of calls. */
const connections = (spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'v' },
  spec: { hosts: ['temp'], ...spec },
})
const fnOf = (template: object): object => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'f' },
  spec: { template: { image: 'i', ...template } },
})

describe('a refusal', () => {
  it.each([
    [
      'an Istio field by name',
      virtualService([{ route, mirror_percent: 1 }]),
      /spec\.http\[0\]\.mirror_percent: field mirror_percent of VirtualService is not supported yet/,
    ],
    [
      'an address of the mesh',
      connections({ tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/8'] }], route }] }),
      /destinationSubnets of VirtualService is not supported/,
    ],
    ['routes of nothing', connections({}), /spec: has no routes: it needs one of http, tls and tcp/],
    [
      'weights of connections',
      connections({ tcp: [{ route: [...route, ...route] }] }),
      /spec\.tcp\[0\]\.route: has several destinations, and none has a weight/,
    ],
    ['TLS without a name', connections({ tls: [{ route }] }), /spec\.tls\[0\].*match/],
    ['a server name of somebody else', connections({ tls: [{ match: [{ sniHosts: ['other'] }], route }] }), /sniHosts\[0\]: "other" is none of the hosts/],
    ['a server name that is none', connections({ tls: [{ match: [{ sniHosts: ['a b'] }], route }] }), /sniHosts\[0\]: "a b" is no name of a host/],
    ['connections to delegate', connections({ hosts: undefined, tcp: [{ route }] }), /spec\.tcp: only routes of http can be delegated to/],
    ['a protocol', fnOf({ protocol: 'gopher' }), /spec\.template\.protocol: must be one of http, http2, grpc, tcp/],
    [
      'a traffic policy',
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name: 'd' },
        spec: { host: 'temp', trafficPolicy: { tunnel: {} } },
      },
      /spec\.trafficPolicy\.tunnel: field tunnel of DestinationRule is not supported yet/,
    ],
    ['a value of Istio', policy({ action: 'CUSTOM' }), /spec\.action: the value CUSTOM of AuthorizationPolicy is not supported yet; use ALLOW, DENY/],
    ['a list of conditions', policy({ rules: [{ when: [] }] }), /spec\.rules\[0\]\.when: must have 1 to 64 elements/],
    [
      'ports of a PeerAuthentication',
      { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: { name: 'p' }, spec: { portLevelMtls: {} } },
      /spec\.portLevelMtls: must have 1 to 64 fields/,
    ],
    [
      'ports of a PeerAuthentication for nobody in particular',
      { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: { name: 'p' }, spec: { portLevelMtls: { 8080: { mode: 'DISABLE' } } } },
      /spec\.portLevelMtls: needs a selector/,
    ],
    ['a target of a RequestAuthentication', jwt({ targetRefs: [] }), /spec\.targetRefs: field targetRefs of RequestAuthentication is not supported yet/],
    ['an issuer without keys', jwt({ jwtRules: [{ issuer: 'testing@example.com' }] }), /jwtRules\[0\]\.issuer: without jwks and jwksUri .* must be a URL/],
    ['neither issuer nor keys', jwt({ jwtRules: [{ audiences: ['a'] }] }), /jwtRules\[0\]: needs an issuer or a jwksUri/],
    ['keys twice', jwt({ jwtRules: [{ issuer: 'a', jwks: EC_KEYS, jwksUri: 'https://a.example/k' }] }), /has jwks and jwksUri; only one can hold/],
    ['keys from a file', jwt({ jwtRules: [{ jwksUri: 'file:///etc/passwd' }] }), /jwksUri: "file:\/\/\/etc\/passwd" is not an http or https URL/],
    ['a URL with a password', jwt({ jwtRules: [{ jwksUri: 'https://a:b@c.example/k' }] }), /has a user or a password/],
    ['keys that are none', jwt({ jwtRules: [{ issuer: 'a', jwks: '{}' }] }), /jwks: it is not a JSON Web Key Set/],
    ['a symmetric key', jwt({ jwtRules: [{ issuer: 'a', jwks: '{"keys":[{"kty":"oct","k":"YQ"}]}' }] }), /jwks: key 0: symmetric keys/],
    ['a private key', jwt({ jwtRules: [{ issuer: 'a', jwks: EC_KEYS.replace('"x"', '"d":"YQ","x"') }] }), /part of the private key/],
    [
      'an algorithm of another kind of key',
      jwt({ jwtRules: [{ issuer: 'a', jwks: EC_KEYS.replace('"x"', '"alg":"HS256","x"') }] }),
      /alg "HS256" is not one for EC/,
    ],
    [
      'a header of identity that a claim would forge',
      jwt({ jwtRules: [{ issuer: 'a', jwks: EC_KEYS, outputClaimToHeaders: [{ header: 'X-Forwarded-Client-Cert', claim: 'sub' }] }] }),
      /the header X-Forwarded-Client-Cert may not be set/,
    ],
    ['no rule at all, where rules are', jwt({ jwtRules: [] }), /jwtRules: must have 1 to 32 elements/],
    [
      'a claim that nobody can mean',
      policy({ rules: [{ when: [{ key: 'request.auth.claims[]', values: ['a'] }] }] }),
      /unknown key "request\.auth\.claims\[\]"/,
    ],
    [
      'a request principal that no token has',
      policy({ rules: [{ from: [{ source: { requestPrincipals: ['issuer'] } }] }] }),
      /requestPrincipals\[0\]: "issuer" is not ISSUER\/SUBJECT/,
    ],
    [
      'an unknown field, with the one that was meant',
      fn({ template: { image: 'a', timeot: '1s' } }),
      /spec\.template\.timeot: unknown field; did you mean timeout\?/,
    ],
    ['a range', fn({ template: { image: 'a', port: 70_000 } }), /spec\.template\.port: must be 1 to 65535, and is 70000/],
    [
      'a number that must be text',
      fn({ template: { image: 'a', env: { PORT: 8080 } } }),
      /spec\.template\.env\.PORT: must be text, and is 8080; put it in quotes: "8080"/,
    ],
    [
      'a sum',
      fn({ template: { image: 'a' }, traffic: [{ weight: 60 }, { revision: 'v1', weight: 30 }] }),
      /spec\.traffic: the weights must add up to 100, and add up to 90/,
    ],
    [
      'a route that shares out nothing',
      virtualService([{ route: [...route, { destination: { host: 'b' }, weight: 0 }] }]),
      /spec\.http\[0\]\.route: has several destinations, and none has a weight above 0/,
    ],
    ['a variable', fn({ template: { image: 'a', env: { LD_LIBRARY_PATH: '/x' } } }), /env\.LD_LIBRARY_PATH: this variable belongs to the platform/],
    [
      'a star in the middle',
      policy({ rules: [{ from: [{ source: { principals: ['a/*/b'] } }] }] }),
      /principals\[0\]: "a\/\*\/b": "\*" may only stand at one end/,
    ],
    ['a missing field', { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }, /spec\.selector: is missing/],
    [
      'a namespace where there is none',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', namespace: 'x' } },
      /metadata\.namespace: this kind is not in a namespace/,
    ],
  ])('names %s', (_, document, message) => {
    expect(() => parseResource(document)).toThrow(expect.objectContaining({ code: 'INVALID_RESOURCE', status: 422, message: expect.stringMatching(message) }))
  })

  it('tells everything at once', () => {
    const verdict = checkResource(
      fn({ template: { image: 'a', env: { NODE_OPTIONS: 'x' }, gremlin: 1 }, traffic: [{ weight: 101 }], scael: {} }, { name: 'Bad' }),
    )
    const fields = verdict.violations?.map(({ field }) => field)
    expect(fields).toEqual(
      expect.arrayContaining([
        'spec.template.gremlin',
        'spec.scael',
        'spec.traffic[0].weight',
        'metadata.name',
        'spec.template.env.NODE_OPTIONS',
        'spec.traffic',
      ]),
    )
  })

  it.each([
    ['config.istio.io/v1alpha2', 'RouteRule', 'REMOVED_KIND', /VirtualService/],
    ['config.istio.io/v1alpha2', 'denier', 'REMOVED_KIND', /AuthorizationPolicy/],
    ['config.istio.io/v1alpha2', 'checknothing', 'REMOVED_KIND', /AuthorizationPolicy/],
    ['config.istio.io/v1alpha2', 'rule', 'REMOVED_KIND', /AuthorizationPolicy/],
    ['config.istio.io/v1alpha2', 'constructor', 'REMOVED_KIND', /removed/],
    ['authentication.istio.io/v1alpha1', 'Policy', 'REMOVED_KIND', /PeerAuthentication/],
    ['networking.istio.io/v1', 'EnvoyFilter', 'UNSUPPORTED_KIND', /./],
    ['gateway.networking.k8s.io/v1alpha2', 'TLSRoute', 'UNSUPPORTED_KIND', /./],
    ['v1', 'Pod', 'UNKNOWN_KIND', /./],
    ['networking.istio.io/v2', 'VirtualService', 'UNKNOWN_KIND', /./],
    ['weft.dev/v1alpha1', '__proto__', 'UNKNOWN_KIND', /./],
  ])('of %s %s is %s and says what helps', (apiVersion, kind, code, help) => {
    expect(() => parseResource({ apiVersion, kind, metadata: { name: 'a' } })).toThrow(expect.objectContaining({ code, help: expect.stringMatching(help) }))
  })
})

describe('a Function of OpenFaaS', () => {
  const given = (spec: object) => ({
    apiVersion: 'openfaas.com/v1',
    kind: 'Function',
    metadata: { name: 'x', namespace: 'openfaas-fn' },
    spec: { name: 'env', image: 'functions/alpine', ...spec },
  })

  it('becomes ours, with scale, readiness and time-out from its labels, annotations and variables', () => {
    const resource = parseResource(
      given({
        labels: { 'com.openfaas.scale.min': '2', 'com.openfaas.scale.max': '5', 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '5m' },
        annotations: { 'com.openfaas.health.http.path': '/healthz' },
        environment: { write_timeout: '10s', exec_timeout: '30s' },
        limits: { memory: '128Mi' },
        secrets: ['key'],
      }),
    )
    expect(resource).toMatchObject({
      apiVersion: 'weft.dev/v1alpha1',
      metadata: { name: 'env', namespace: 'default' },
      spec: {
        template: { image: 'functions/alpine', timeout: '30s', readinessPath: '/healthz', secrets: ['key'], limits: { memory: '128Mi' } },
        scale: { min: 2, max: 5, zeroAfter: '5m' },
      },
    })
  })

  it.each([
    ['a scale that is no number', { labels: { 'com.openfaas.scale.min': 'many' } }, /spec\.scale\.min/],
    ['an unknown field', { gremlin: 1 }, /spec\.gremlin: unknown field/],
  ])('is refused for %s', (_, spec, message) => {
    expect(() => parseResource(given(spec))).toThrow(expect.objectContaining({ code: 'INVALID_RESOURCE', message: expect.stringMatching(message) }))
  })

  it('reads nothing from labels, annotations and variables that are not there', () => {
    expect([openFaasScale(null), openFaasReadinessPath({}), openFaasTimeout({ exec_timeout: '0s' })]).toEqual([undefined, undefined, undefined])
  })
})

describe('a Function of Kubeless', () => {
  const given = (spec: object = {}) => ({
    apiVersion: 'kubeless.io/v1beta1',
    kind: 'Function',
    metadata: { name: 'get', labels: { 'created-by': 'kubeless', function: 'get' } },
    spec: { handler: 'get.foo', runtime: 'nodejs14', function: 'module.exports = { foo: () => 1 }', timeout: '180', ...spec },
  })

  it('becomes ours and the source to build', () => {
    const { resource, source } = readResource(
      given({
        deps: '{"dependencies":{}}',
        checksum: `sha256:${'a'.repeat(64)}`,
        'function-content-type': 'base64+zip+deps',
        deployment: {
          metadata: { creationTimestamp: null },
          spec: {
            strategy: {},
            template: {
              spec: {
                containers: [{ name: '', env: [{ name: 'A', value: 'b' }], resources: { limits: { memory: '128Mi' } } }],
                volumes: [{ name: 'v', secret: { secretName: 'key' } }],
              },
            },
          },
          status: {},
        },
        service: { ports: [{ name: 'http-function-port', port: 8080, protocol: 'TCP', targetPort: 8080 }], selector: { function: 'get' }, type: 'ClusterIP' },
        horizontalPodAutoscaler: { metadata: {}, spec: { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 } },
      }),
    )
    expect(resource.spec).toEqual({
      template: {
        runtime: 'nodejs14',
        handler: 'get.foo',
        labels: { 'created-by': 'kubeless', function: 'get' },
        timeout: '180',
        env: { A: 'b' },
        limits: { memory: '128Mi' },
        secrets: ['key'],
      },
    })
    expect(source).toMatchObject({ form: 'base64', archive: 'zip', runtime: 'nodejs14', handler: 'get.foo', dependencies: '{"dependencies":{}}' })
  })

  it('is not a resource before its source is built', () => {
    expect(() => parseResource(given())).toThrow(expect.objectContaining({ code: 'INVALID_RESOURCE', message: expect.stringContaining('built first') }))
  })

  it.each([
    [
      'a reserved variable',
      { deployment: { spec: { template: { spec: { containers: [{ env: [{ name: 'NODE_OPTIONS', value: 'x' }] }] } } } } },
      /NODE_OPTIONS/,
    ],
    [
      'a field of pods that is not supported',
      { deployment: { spec: { template: { spec: { hostNetwork: true } } } } },
      /hostNetwork of Function is not supported yet/,
    ],
    ['a handler that is a path', { handler: '../x.y' }, /spec\.handler/],
  ])('is refused for %s', (_, spec, message) => {
    expect(() => readResource(given(spec))).toThrow(expect.objectContaining({ code: 'INVALID_RESOURCE', message: expect.stringMatching(message) }))
  })
})

describe('a manifest', () => {
  it('gives each resource with its place, and takes lists apart', () => {
    const text =
      '# two\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Namespace\n    metadata: { name: b }\n'
    expect(parseManifest(text).map(({ resource, line, column }) => [resource.metadata.name, line, column])).toEqual([
      ['a', 2, 1],
      ['b', 10, 5],
    ])
  })

  it('tells all problems of all documents, each at its line and column', () => {
    const text =
      'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: A\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ngremlin: 1\n---\nkind: Pod\napiVersion: v1\n'
    try {
      parseManifest(text, 'all.yaml')
      throw new Error('was accepted')
    } catch (error) {
      expect(isWeftError(error, 'INVALID_MANIFEST') && error.message).toMatch(
        /^all\.yaml cannot be applied: 4:9: Namespace A: metadata\.name.*; 10:10: Secret s: gremlin: unknown field.*; 12:1: there is no resource kind v1 Pod/,
      )
    }
  })
})

describe('the registry', () => {
  it.each(['fn', 'Function', 'functions', 'function', 'functions.weft.dev', 'FN'])('knows %s', (name) => {
    expect(kindByName(name)?.kind).toBe('Function')
  })

  it('has no name twice in a group, no short name twice at all, and a schema of every kind for OpenAPI', () => {
    const names = KINDS.flatMap(({ group, plural, singular, shortNames }) => [`${plural}.${group}`, `${singular}.${group}`, ...shortNames])
    expect(new Set(names).size).toBe(names.length)
    expect(Object.keys(openApiSchemas())).toHaveLength(KINDS.length)
    expect(() => JSON.stringify(openApiSchemas())).not.toThrow()
  })
})

describe('the name of a revision', () => {
  it.each([
    ['temp', 'v2', 'temp-v2'],
    ['temp', '00001', 'temp-00001'],
  ])('of %s %s is %s', (name, revision, expected) => {
    expect(revisionObjectName(name, revision)).toBe(expected)
  })

  it('is a label however long the parts are, and never that of another pair', () => {
    const pairs = [
      ['a-b', 'c'],
      ['a', 'b-c'],
      ['x'.repeat(63), 'v1'],
      ['x'.repeat(63), 'v2'],
      ['x'.repeat(62), 'x-v1'],
      ['a', `${'y'.repeat(60)}-1`],
      ['x'.repeat(63), '00001'],
    ] as const
    const names = pairs.map(([name, revision]) => revisionObjectName(name, revision))
    expect(names.every(isDnsLabel)).toBe(true)
    expect(new Set(names).size).toBe(pairs.length)
  })
})
