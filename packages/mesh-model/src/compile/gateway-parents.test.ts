import { describe, expect, it } from '@jest/globals'
import { refKey, refOf, type Resource } from '@weft/core'
import {
  aFunction,
  aGateway,
  aHttpListener as listener,
  aHttpRoute,
  aGrpcRoute,
  anApiGateway,
  aReferenceGrant,
  aRevision,
  aSecret,
  compiled as compiledAll,
  conditionsOf,
  gatewayServer,
  newCompiler,
  reasonsOf,
  removed,
  set,
} from '../../test/resources.ts'
import type { MeshSnapshot } from '../snapshot.ts'

const shop = [aFunction('shop', { traffic: { v1: 100 } }), aRevision('shop', 'v1')]
const compiled = (...resources: readonly Resource[]) => compiledAll(...shop, ...resources)
const rule = (name: string, path = '/') => ({ name, matches: [{ path: { value: path } }], backendRefs: [{ name: 'shop', port: 8080 }] })
const route = (name: string, parent: object = {}, more: object = {}, place = {}) =>
  aHttpRoute(name, { parentRefs: [{ name: 'web', ...parent }], rules: [rule(name)], ...more }, place)
const WEB = anApiGateway('web', [listener('http')])
const REF = refOf(WEB)
const named = (name: string, labels: Readonly<Record<string, string>> = {}): Resource => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })

const namesOf = (snapshot: MeshSnapshot) =>
  [...snapshot.gatewayHosts].map(([key, { routes }]) => `${key} ${routes.map(({ name }) => name).join(',')}`.trim()).toSorted()
/** `LISTENER TYPE=STATUS REASON` of what does not hold as it should, and how many routes are attached. */
const listenersOf = (snapshot: MeshSnapshot, ref = REF) =>
  (snapshot.statuses.get(refKey(ref))?.listeners ?? []).map(({ name, attachedRoutes, conditions }) =>
    `${name} ${attachedRoutes} ${conditions
      .filter(({ type, status }) => (status === 'True') === (type === 'Conflicted'))
      .map(({ type, reason }) => `${type}:${reason}`)
      .join(' ')}`.trimEnd(),
  )
const gatewayConditions = (snapshot: MeshSnapshot, ref = REF) =>
  snapshot.statuses.get(refKey(ref))?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`)

describe('a route that is attached to a Gateway', () => {
  it('has its calls there, under its hosts', () => {
    const snapshot = compiled(WEB, route('r', {}, { hostnames: ['shop.example.org'] }))
    expect(namesOf(snapshot)).toEqual(['ingress:8080|*', 'ingress:8080|shop.example.org r'])
    expect(conditionsOf(snapshot, 'default/r')).toEqual(['web Accepted=True Accepted', 'web ResolvedRefs=True ResolvedRefs'])
    expect(listenersOf(snapshot)).toEqual(['http 1'])
    expect(gatewayConditions(snapshot)).toEqual(['Accepted=True Accepted', 'Programmed=True Programmed'])
    expect(reasonsOf(snapshot)).toEqual([])
  })

  it.each<readonly [string, string | undefined, readonly string[], readonly string[] | string]>([
    ['every host on both sides', undefined, [], ['*']],
    ['a host of the listener', 'shop.example.org', [], ['shop.example.org']],
    ['a host of the route', undefined, ['shop.example.org'], ['shop.example.org']],
    ['a host below the listener\u2019s star', '*.example.org', ['shop.example.org', 'other.net'], ['shop.example.org']],
    ['the listener\u2019s host below a star', 'shop.example.org', ['*.example.org'], ['shop.example.org']],
    ['no host in common', 'shop.example.org', ['other.net'], 'NoMatchingListenerHostname'],
    ['what is above a star', '*.example.org', ['example.org'], 'NoMatchingListenerHostname'],
  ])('meets the listener at %s', (_what, hostname, hostnames, expected) => {
    const gateway = anApiGateway('web', [listener('http', hostname === undefined ? {} : { hostname })])
    const snapshot = compiled(gateway, route('r', {}, hostnames.length === 0 ? {} : { hostnames }))
    if (typeof expected === 'string') expect(conditionsOf(snapshot, 'default/r')[0]).toBe(`web Accepted=False ${expected}`)
    else expect(namesOf(snapshot).filter((name) => name.endsWith(' r'))).toEqual(expected.map((name) => `ingress:8080|${name} r`))
  })

  it.each<readonly [string, object, string]>([
    ['a listener that is not there', { sectionName: 'https' }, 'web Accepted=False NoMatchingParent'],
    ['a port that is not there', { port: 81 }, 'web:81 Accepted=False NoMatchingParent'],
    ['a listener on another port', { sectionName: 'http', port: 9000 }, 'web:9000 Accepted=False NoMatchingParent'],
    ['its listener', { sectionName: 'http' }, 'web Accepted=True Accepted'],
    ['its port', { port: 80 }, 'web:80 Accepted=True Accepted'],
  ])('names %s', (_what, parent, expected) => {
    const snapshot = compiled(anApiGateway('web', [listener('http'), listener('admin', { port: 9000 })]), route('r', parent))
    expect(conditionsOf(snapshot, 'default/r')[0]).toBe(expected)
    expect(listenersOf(snapshot)).toEqual([`http ${expected.endsWith('Accepted') ? 1 : 0}`, 'admin 0'])
  })

  it.each<readonly [string, object | undefined, string]>([
    ['by default', undefined, 'False NotAllowedByListeners'],
    ['from the same namespace', { namespaces: { from: 'Same' } }, 'False NotAllowedByListeners'],
    ['from all', { namespaces: { from: 'All' } }, 'True Accepted'],
    ['by labels', { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } }, 'True Accepted'],
    ['by other labels', { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'b' } } } }, 'False NotAllowedByListeners'],
    [
      'by an expression',
      { namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['edge'] }] } } },
      'True Accepted',
    ],
    ['of another kind', { namespaces: { from: 'All' }, kinds: [{ kind: 'GRPCRoute' }] }, 'False NotAllowedByListeners'],
  ])('of another namespace is allowed %s or not', (_what, allowedRoutes, expected) => {
    const gateway = anApiGateway('web', [listener('http', allowedRoutes === undefined ? {} : { allowedRoutes })])
    const snapshot = compiled(gateway, named('edge', { team: 'a' }), route('r', { namespace: 'default' }, {}, { namespace: 'edge' }))
    expect(conditionsOf(snapshot, 'edge/r')[0]).toBe(`web Accepted=${expected}`)
  })

  it('is let in when its namespace gets the label, and out when it loses it', () => {
    const compiler = newCompiler()
    const gateway = anApiGateway('web', [listener('http', { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } } })])
    compiler.apply([...shop, gateway, named('edge'), route('r', { namespace: 'default' }, {}, { namespace: 'edge' })].map(set))
    const accepted = () => conditionsOf(compiler.snapshot, 'edge/r')[0]
    expect(accepted()).toBe('web Accepted=False NotAllowedByListeners')
    compiler.apply([set(named('edge', { team: 'a' }))])
    expect(accepted()).toBe('web Accepted=True Accepted')
    expect(namesOf(compiler.snapshot)).toEqual(['ingress:8080|* r'])
    compiler.apply([set(named('edge'))])
    expect(accepted()).toBe('web Accepted=False NotAllowedByListeners')
    expect(namesOf(compiler.snapshot)).toEqual([])
  })

  it('stands among the routes of others by what it matches', () => {
    const first = aHttpRoute('a', { parentRefs: [{ name: 'web' }], rules: [rule('wide'), rule('narrow', '/a/b')] }, { created: '2026-01-01T00:00:00Z' })
    const second = aHttpRoute('b', { parentRefs: [{ name: 'web' }], rules: [rule('middle', '/a'), rule('wide-too')] }, { created: '2026-01-02T00:00:00Z' })
    const grpc = aGrpcRoute('c', { parentRefs: [{ name: 'web' }], rules: [{ name: 'rpc', matches: [{ method: { service: 'a.B' } }] }] })
    expect(namesOf(compiled(WEB, second, first, grpc))).toEqual(['ingress:8080|* rpc,narrow,middle,wide,wide-too'])
    expect(listenersOf(compiled(WEB, second, first, grpc))).toEqual(['http 3'])
  })

  it('may be attached to a host as well', () => {
    const both = aHttpRoute('r', { parentRefs: [{ name: 'web' }, { group: '', kind: 'Service', name: 'shop' }], rules: [rule('r')] })
    const snapshot = compiled(WEB, both)
    expect(conditionsOf(snapshot, 'default/r').filter((each) => each.includes('Accepted='))).toEqual([
      'web Accepted=True Accepted',
      'shop Accepted=True Accepted',
    ])
    expect(snapshot.hosts.get('default/shop')?.routes[0]?.name).toBe('r')
  })

  it('needs a ReferenceGrant for a backend elsewhere', () => {
    const elsewhere = [aFunction('stock', { namespace: 'other', traffic: { v1: 100 } }), aRevision('stock', 'v1', { namespace: 'other' })]
    const r = aHttpRoute('r', { parentRefs: [{ name: 'web' }], rules: [{ backendRefs: [{ name: 'stock', namespace: 'other', port: 8080 }] }] })
    const spec = { from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }], to: [{ group: '', kind: 'Service' }] }
    const grant = aReferenceGrant('g', spec, { namespace: 'other' })
    const compiler = newCompiler()
    compiler.apply([WEB, r, ...elsewhere].map(set))
    const target = () => compiler.snapshot.gatewayHosts.get('ingress:8080|*')?.routes[0]?.targets[0]
    expect(target()).toMatchObject({ workload: undefined, missingStatus: 500 })
    expect(conditionsOf(compiler.snapshot, 'default/r')[1]).toBe('web ResolvedRefs=False RefNotPermitted')
    compiler.apply([set(grant)])
    expect(target()).toEqual({ weight: 1, workload: 'other/stock-v1' })
    expect(conditionsOf(compiler.snapshot, 'default/r')[1]).toBe('web ResolvedRefs=True ResolvedRefs')
    compiler.apply([removed(grant)])
    expect(target()).toMatchObject({ workload: undefined })
  })

  it('says nothing of a Gateway of another class, and finds one that is not there', () => {
    const foreign = anApiGateway('web', [listener('http')], { className: 'other' })
    expect([...compiled(foreign, route('r')).statuses.keys()]).toEqual([])
    expect(reasonsOf(compiled(foreign, route('r')))).toEqual([])
    expect(reasonsOf(compiled(route('r')))).toEqual(['HTTPRoute/r GatewayNotFound'])
  })

  it('goes to the port of its listener when it is sent to another host', () => {
    const redirect = { rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'example.org' } }] }] }
    const at = (port: number) => {
      const snapshot = compiled(anApiGateway('web', [listener('http', { port })]), route('r', {}, redirect))
      return [...snapshot.gatewayHosts.values()][0]?.routes[0]?.answer
    }
    expect(at(80)).not.toHaveProperty('port')
    expect(at(9000)).toMatchObject({ port: 9000 })
  })
})

describe('a Gateway', () => {
  const secure = (more: object = {}) => listener('https', { port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert', ...more }] } })
  const secret = (namespace = 'default') => aSecret('cert', { 'tls.crt': 'YQ==', 'tls.key': 'YQ==' }, { namespace })

  it('has the certificate of its Secret', () => {
    const snapshot = compiled(anApiGateway('web', [secure()]), secret(), route('r'))
    expect(snapshot.listeners.get('ingress:8443')?.chains).toEqual([
      expect.objectContaining({ protocol: 'https', tls: expect.objectContaining({ certificate: { kind: 'secret', key: 'default/cert' } }) }),
    ])
    expect(listenersOf(snapshot)).toEqual(['https 1'])
  })

  it.each<readonly [string, readonly Resource[], object, string]>([
    ['is not there', [], {}, 'https 0 ResolvedRefs:InvalidCertificateRef Programmed:Invalid'],
    ['has no key', [aSecret('cert', { 'tls.crt': 'YQ==' })], {}, 'https 0 ResolvedRefs:InvalidCertificateRef Programmed:Invalid'],
    ['is no Secret', [], { kind: 'ConfigMap' }, 'https 0 ResolvedRefs:InvalidCertificateRef Programmed:Invalid'],
    ['is somebody else\u2019s', [secret('other')], { namespace: 'other' }, 'https 0 ResolvedRefs:RefNotPermitted Programmed:Invalid'],
  ])('is not in force when its certificate %s', (_what, resources, ref, expected) => {
    const snapshot = compiled(anApiGateway('web', [secure(ref)]), ...resources)
    expect(listenersOf(snapshot)).toEqual([expected])
    expect(gatewayConditions(snapshot)).toEqual(['Accepted=True ListenersNotValid', 'Programmed=False Invalid'])
  })

  it('has a certificate of another namespace while a ReferenceGrant lets it', () => {
    const compiler = newCompiler()
    const from = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'default' }]
    const grant = aReferenceGrant('g', { from, to: [{ group: '', kind: 'Secret', name: 'cert' }] }, { namespace: 'other' })
    const key = () => compiler.snapshot.listeners.get('ingress:8443')?.chains[0]?.tls?.certificate
    compiler.apply([anApiGateway('web', [secure({ namespace: 'other' })]), secret('other')].map(set))
    expect(key()).toEqual({ kind: 'secret', key: '' })
    compiler.apply([set(grant)])
    expect(key()).toEqual({ kind: 'secret', key: 'other/cert' })
    expect(listenersOf(compiler.snapshot)).toEqual(['https 0'])
    compiler.apply([removed(grant)])
    expect(key()).toEqual({ kind: 'secret', key: '' })
    expect(compiler.snapshot.credentials.size).toBe(0)
  })

  it('of a GatewayClass of ours is ours, as long as that is there', () => {
    const gatewayClass = (controllerName: string): Resource => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'mine' },
      spec: { controllerName },
    })
    const compiler = newCompiler()
    const own = gatewayClass('weft.dev/gateway-controller')
    compiler.apply([...shop, anApiGateway('web', [listener('http')], { className: 'mine' }), route('r')].map(set))
    expect(compiler.snapshot.gateways.size).toBe(0)
    compiler.apply([set(own)])
    expect(namesOf(compiler.snapshot)).toEqual(['ingress:8080|* r'])
    expect(compiler.snapshot.statuses.get(refKey(refOf(own)))?.conditions).toMatchObject([{ type: 'Accepted', status: 'True' }])
    expect(conditionsOf(compiler.snapshot, 'default/r')[0]).toBe('web Accepted=True Accepted')
    compiler.apply([set(gatewayClass('example.org/other'))])
    expect(compiler.snapshot.gateways.size).toBe(0)
    expect(compiler.snapshot.statuses.size).toBe(0)
  })

  it('stands beside one of Istio of the same name', () => {
    const snapshot = compiled(WEB, aGateway('web', [gatewayServer(9090, ['*'])]), route('r'))
    expect([...snapshot.gateways.keys()].toSorted()).toEqual(['default/gateway-api:web', 'default/web'])
    expect(namesOf(snapshot)).toEqual(['ingress:8080|* r', 'ingress:9090|*'])
  })

  it('loses a port that an older one has for something else', () => {
    const plain = listener('plain', { port: 443 })
    expect(listenersOf(compiled(anApiGateway('web', [plain])))).toEqual(['plain 0 Accepted:PortUnavailable Conflicted:ProtocolConflict Programmed:Invalid'])
  })

  it('says which kinds of routes it does not know', () => {
    const snapshot = compiled(anApiGateway('web', [listener('http', { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }, { kind: 'HTTPRoute' }] } })]))
    expect(listenersOf(snapshot)).toEqual(['http 0 ResolvedRefs:InvalidRouteKinds'])
    expect(snapshot.statuses.get(refKey(REF))?.listeners?.[0]?.supportedKinds).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }])
  })
})
