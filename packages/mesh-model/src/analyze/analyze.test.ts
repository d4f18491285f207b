import fc from 'fast-check'
import { describe, expect, it } from '@jest/globals'
import { checkResource } from '@weft/api'
import { invalidResource, validResource, type Document } from '@weft/api/arbitraries'
import { FIXTURES } from '../../test/analyze-fixtures.ts'
import { ANALYSIS_CODES, analyze, type AnalysisCodeName } from './index.ts'

const codesOf = (documents: readonly unknown[]) => analyze(documents).map(({ code }) => code)
const names = Object.keys(ANALYSIS_CODES) as AnalysisCodeName[]
const at = (value: unknown, ...path: readonly string[]) => path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value)

describe('every code', () => {
  it('is one of many', () => {
    expect(names.length).toBeGreaterThanOrEqual(40)
  })

  it.each(names)('%s is found where it is, and not where nearly nothing is different', (code) => {
    const [found, near] = FIXTURES[code]
    expect(codesOf(found)).toContain(code)
    expect(codesOf(near)).not.toContain(code)
  })

  it('names the resource, the document and the field, and says what to do', () => {
    const [found] = FIXTURES.IST0101
    expect(analyze(found).find(({ code }) => code === 'IST0101')).toEqual({
      code: 'IST0101',
      name: 'ReferencedResourceNotFound',
      severity: 'error',
      resource: { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name: 'routes' },
      document: 1,
      field: 'spec.http[0].route[0].destination.subset',
      message: 'no DestinationRule of temp has a subset v2',
      help: 'correct the name, or apply what it refers to',
    })
  })
})

describe('policies at the ingress', () => {
  const policy = {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'frontend-ingress', namespace: 'istio-system' },
    spec: { selector: { matchLabels: { istio: 'ingressgateway' } }, action: 'DENY', rules: [{ from: [{ source: { notRequestPrincipals: ['*'] } }] }] },
  }
  const tokens = { ...policy, kind: 'RequestAuthentication', spec: { selector: policy.spec.selector, jwtRules: [{ issuer: 'https://idp.example' }] } }

  it('select something, and want somebody who verifies tokens there', () => {
    expect(codesOf([policy])).toEqual(['WEFT0207'])
    expect(codesOf([policy, tokens])).toEqual([])
  })
})

describe('annotations', () => {
  it.each([
    'weft.dev/applied-fields',
    'weft.dev/scaled-at',
    'weft.dev/rate-limit',
    'weft.dev/rate-limit-per-caller',
    'weft.dev/rate-limit-per-header',
    'weft.dev/streams',
    'weft.dev/visibility',
    'weft.dev/ingress-authentication',
  ])('%s is known on a Function', (name) => {
    const fn = {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Function',
      metadata: { name: 'temp', annotations: { [name]: '100/1s' } },
      spec: { template: { image: 'x:1' } },
    }
    expect(codesOf([fn])).not.toContain('IST0108')
    expect(codesOf([fn])).not.toContain('IST0107')
  })
})

describe('resources that go together', () => {
  it('are in order: nothing at all is found', () => {
    const documents = [
      { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'temp' }, spec: { template: { image: 'x:1' } } },
      { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'control' }, spec: { template: { image: 'x:1' } } },
      {
        apiVersion: 'networking.istio.io/v1beta1',
        kind: 'DestinationRule',
        metadata: { name: 'temp' },
        spec: { host: 'temp', subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
      },
      {
        apiVersion: 'networking.istio.io/v1beta1',
        kind: 'VirtualService',
        metadata: { name: 'temp' },
        spec: { hosts: ['temp'], http: [{ route: [{ destination: { host: 'temp.default.svc.cluster.local', subset: 'v1' } }] }] },
      },
      {
        apiVersion: 'security.istio.io/v1beta1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'temp' },
        spec: { rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/control', 'cluster.local/ns/weft-system/sa/ingress'] } }] }] },
      },
    ]
    expect(analyze(documents)).toEqual([])
  })

  it('make no error of a valid resource, once what it refers to is there', () => {
    fc.assert(
      fc.property(validResource(), (document) => {
        const errors = analyze([...withReferences(document), document]).filter(
          ({ severity, resource }) => severity === 'error' && resource.kind === document.kind,
        )
        expect(errors).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('anything', () => {
  it('can be analysed, and what is not valid is told', () => {
    fc.assert(
      fc.property(invalidResource(), ({ document }) => {
        expect(codesOf([document]).includes('IST0106')).toBe(isRefused(document))
      }),
      { numRuns: 150 },
    )
    expect(
      codesOf([
        null,
        1,
        'x',
        [],
        {},
        { kind: 'VirtualService', metadata: { name: 'x', annotations: { 'weft.dev/granted-to': 1 } }, spec: { http: [null, 7, { route: 'x' }] } },
      ]),
    ).toContain('IST0106')
  })
})

function isRefused(document: unknown): boolean {
  try {
    return checkResource(document).violations !== undefined
  } catch {
    return true
  }
}

/** Functions of all hosts that a document names, DestinationRules with all subsets, and Secrets. */
function withReferences(document: Document): readonly unknown[] {
  const namespace = String(document.metadata['namespace'] ?? 'default')
  const hosts = new Map<string, Set<string>>()
  const name = (host: unknown, subset?: unknown) => {
    const key = typeof host === 'string' ? host : ''
    const subsets = hosts.get(key) ?? new Set()
    if (typeof subset === 'string') subsets.add(subset)
    if (key !== '') hosts.set(key, subsets)
  }
  name(at(document, 'spec', 'host'))
  name(at(document, 'spec', 'function'))
  for (const route of (at(document, 'spec', 'http') ?? []) as readonly unknown[]) {
    for (const share of (at(route, 'route') ?? []) as readonly unknown[]) name(at(share, 'destination', 'host'), at(share, 'destination', 'subset'))
    name(at(route, 'mirror', 'host'), at(route, 'mirror', 'subset'))
    for (const mirror of (at(route, 'mirrors') ?? []) as readonly unknown[]) name(at(mirror, 'destination', 'host'), at(mirror, 'destination', 'subset'))
    const delegate = at(route, 'delegate', 'name')
    if (typeof delegate === 'string') hosts.set(`delegate/${delegate}`, new Set([String(at(route, 'delegate', 'namespace') ?? namespace)]))
  }
  const servers = (at(document, 'spec', 'servers') ?? []) as readonly unknown[]
  const secrets = servers.flatMap((server): unknown[] => {
    const secret = at(server, 'tls', 'credentialName')
    const data = { 'tls.crt': 'eA==', 'tls.key': 'eA==', 'ca.crt': 'eA==' }
    return secret === undefined ? [] : [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, namespace }, data }]
  })
  const rest = [...hosts].flatMap(([host, subsets], index): unknown[] => {
    if (host.startsWith('delegate/'))
      return [
        { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: host.slice(9), namespace: [...subsets][0] }, spec: { http: [] } },
      ]
    const [short = '', ns = namespace] = host.split('.')
    const rule = { host, subsets: [...subsets].map((subset) => ({ name: subset, labels: {} })) }
    return [
      { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: short, namespace: ns }, spec: { template: { image: 'x:1' } } },
      { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: `rule-${index}`, namespace }, spec: rule },
    ]
  })
  // What fronts of generated documents send calls to.
  const nobody = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'nobody', namespace }, spec: { template: { image: 'x:1' } } }
  const shop = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop', namespace }, data: { 'tls.crt': 'eA==', 'tls.key': 'eA==', 'ca.crt': 'eA==' } }
  return [nobody, shop, ...secrets, ...rest, ...(document.apiVersion.startsWith('gateway.') ? gatewayReferences(document, namespace) : [])]
}

/** Everything that has a name in a document of the Gateway API, with leave to refer to it. */
function gatewayReferences(document: Document, own: string): readonly unknown[] {
  const found: { readonly name: string; readonly namespace: string; readonly gateway: boolean }[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const [name, namespace] = [at(value, 'name'), at(value, 'namespace')]
    const gateway = !('port' in value) && !('kind' in value)
    if (typeof name === 'string') found.push({ name, namespace: typeof namespace === 'string' ? namespace : own, gateway })
    for (const inner of Object.values(value)) walk(inner)
  }
  walk(document['spec'])
  const listeners = ['http', 'https'].map((name, index) => ({ name, port: 9000 + index, protocol: 'HTTP' }))
  const grant = { from: [{ group: 'gateway.networking.k8s.io', kind: document.kind, namespace: own }], to: [{ group: '', kind: 'Service' }] }
  return found.flatMap(({ name, namespace, gateway }) => [
    { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name, namespace }, spec: { template: { image: 'x:1' } } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: { 'tls.crt': 'a', 'tls.key': 'b' } },
    { apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', metadata: { name, namespace }, spec: grant },
    ...(gateway
      ? [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name, namespace }, spec: { gatewayClassName: 'weft', listeners } }]
      : []),
  ])
}
