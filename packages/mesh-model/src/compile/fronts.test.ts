import { describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import type { Resource } from '@weft/core'
import type { MeshRoute, MeshSnapshot } from '../snapshot.ts'
import { aFunction, aRevision, aSecret, compiled as compiledAll, newCompiler, reasonsOf, removed, set } from '../../test/resources.ts'

const functions = ['shop', 'other'].flatMap((name) => [aFunction(name, { traffic: { v1: 100 } }), aRevision(name, 'v1')])
const compiled = (...resources: readonly Resource[]) => compiledAll(...functions, ...resources)
const resource = (apiVersion: string, kind: string, spec: unknown, namespace = 'default') =>
  parseResource({ apiVersion, kind, metadata: { name: 'front', namespace }, spec })
const ingress = (spec: unknown) => resource('networking.k8s.io/v1', 'Ingress', spec)
const trigger = (spec: object) => resource('kubeless.io/v1beta1', 'HTTPTrigger', { 'function-name': 'shop', 'host-name': 'shop.example.com', ...spec })
const functionIngress = (spec: object, namespace = 'default') =>
  resource('openfaas.com/v1', 'FunctionIngress', { function: 'shop', domain: 'shop.example.com', ...spec }, namespace)
const backend = (name: string, number?: number) => ({ service: { name, ...(number === undefined ? {} : { port: { number } }) } })
const rule = (host: string | undefined, ...paths: readonly (readonly [path: string, pathType: string, name: string])[]) => ({
  ...(host === undefined ? {} : { host }),
  http: { paths: paths.map(([path, pathType, name]) => ({ path, pathType, backend: backend(name) })) },
})

const names = (snapshot: MeshSnapshot) => [...snapshot.gatewayHosts.keys()].map((key) => key.replace(/\/[^|]*/, '')).toSorted()
const routesAt = (snapshot: MeshSnapshot, name: string) => snapshot.gatewayHosts.get(`ingress:8080|${name}`)?.routes ?? []
const told = ({ matches, targets, rewrite }: MeshRoute) => [
  matches.map(({ path }) => `${path?.match.kind} ${path?.match.kind === 'present' ? '' : path?.match.value}`).join(', '),
  targets[0]?.workload,
  rewrite?.path?.kind === 'prefix' ? rewrite.path.value : undefined,
]

describe('an Ingress', () => {
  it('has its names, and sends paths where they belong, the longest first', () => {
    const paths = [
      ['/', 'Prefix', 'other'],
      ['/shop', 'Prefix', 'shop'],
      ['/shop', 'Exact', 'other'],
      ['/shop/deep/', 'ImplementationSpecific', 'other'],
    ] as const
    const snapshot = compiled(ingress({ rules: [rule('shop.example.com', ...paths)] }))
    expect(names(snapshot)).toEqual(['ingress:8080|shop.example.com'])
    expect(routesAt(snapshot, 'shop.example.com').map(told)).toEqual([
      ['exact /shop/deep, prefix /shop/deep/', 'default/other-v1', undefined],
      ['exact /shop', 'default/other-v1', undefined],
      ['exact /shop, prefix /shop/', 'default/shop-v1', undefined],
      ['prefix /', 'default/other-v1', undefined],
    ])
  })

  it('answers under a star for one label only', () => {
    const [route] = routesAt(compiled(ingress({ rules: [rule('*.example.com', ['/', 'Prefix', 'shop'])] })), '*.example.com')
    expect(route?.matches[0]?.authority).toEqual({ kind: 'regex', value: '[^.]+\\.example\\.com' })
  })

  it('sends what no rule has to its default backend', () => {
    const snapshot = compiled(ingress({ rules: [rule('shop.example.com', ['/a', 'Prefix', 'shop'])], defaultBackend: backend('other') }))
    expect(routesAt(snapshot, 'shop.example.com').map(told).at(-1)).toEqual(['prefix /', 'default/other-v1', undefined])
    expect(routesAt(snapshot, '*').map(told)).toEqual([['prefix /', 'default/other-v1', undefined]])
  })

  it('has TLS for the names of a Secret in its own namespace', () => {
    const spec = { rules: [rule('shop.example.com', ['/', 'Prefix', 'shop'])], tls: [{ hosts: ['shop.example.com'], secretName: 'shop' }] }
    const snapshot = compiled(ingress(spec), aSecret('shop', { 'tls.crt': 'eA==', 'tls.key': 'eA==' }))
    expect(snapshot.listeners.get('ingress:8443')?.chains).toMatchObject([{ serverNames: ['shop.example.com'], tls: { certificate: { key: 'default/shop' } } }])
    expect(names(snapshot)).toEqual(['ingress:8080|shop.example.com', 'ingress:8443|shop.example.com'])
    const elsewhere = compiled(ingress(spec), aSecret('shop', { 'tls.crt': 'eA==', 'tls.key': 'eA==' }, { namespace: 'weft-system' }))
    expect(reasonsOf(elsewhere)).toEqual(['Ingress/front CredentialNotFound'])
  })

  it.each([
    ['of another class', { ingressClassName: 'nginx' }, 'GatewayNotOurs'],
    ['for a Service that is not there', { rules: [rule('shop.example.com', ['/', 'Prefix', 'nobody'])] }, 'HostNotFound'],
    [
      'for a port that is not there',
      { rules: [{ host: 'shop.example.com', http: { paths: [{ pathType: 'Prefix', backend: backend('shop', 99) }] } }] },
      'PortNotFound',
    ],
  ])('%s says so', (_name, spec, reason) => {
    const snapshot = compiled(ingress({ rules: [rule('shop.example.com', ['/', 'Prefix', 'shop'])], ...spec }))
    expect(reasonsOf(snapshot)).toEqual([`Ingress/front ${reason}`])
    expect(snapshot.gatewayHosts.size).toBe(reason === 'GatewayNotOurs' ? 0 : 1)
  })

  it('goes with everything that it had', () => {
    const compiler = newCompiler()
    const one = ingress({ rules: [rule('shop.example.com', ['/', 'Prefix', 'shop'])] })
    compiler.apply([...functions, one].map(set))
    const { snapshot } = compiler.apply([removed(one)])
    expect([snapshot.gatewayHosts.size, snapshot.gateways.size, snapshot.listeners.size, snapshot.findings.length]).toEqual([0, 0, 0, 0])
    expect(snapshot.chainNames.get('ingress:8080')?.domains).toEqual([])
  })
})

describe('an HTTPTrigger of Kubeless', () => {
  it.each([
    [undefined, [['prefix /', 'default/shop-v1', undefined]]],
    ['/', [['prefix /', 'default/shop-v1', undefined]]],
    ['echo', [['exact /echo, prefix /echo/', 'default/shop-v1', '/']]],
    ['/echo/', [['exact /echo, prefix /echo/', 'default/shop-v1', '/']]],
  ])('shows its function under the path %s', (path, expected) => {
    expect(routesAt(compiled(trigger(path === undefined ? {} : { path })), 'shop.example.com').map(told)).toEqual(expected)
  })

  it('with a certificate sends calls to https', () => {
    const snapshot = compiled(trigger({ tls: true, 'tls-secret': 'shop' }), aSecret('shop', { 'tls.crt': 'eA==', 'tls.key': 'eA==' }))
    expect(snapshot.gatewayHosts.get('ingress:8080|shop.example.com')?.httpsPort).toBe(8443)
    expect(names(snapshot)).toEqual(['ingress:8080|shop.example.com', 'ingress:8443|shop.example.com'])
  })

  it('lets pages of other origins call, without credentials', () => {
    const [route] = routesAt(compiled(trigger({ 'cors-enable': true })), 'shop.example.com')
    expect(route?.cors).toMatchObject({ origins: [{ kind: 'regex', value: '.*' }] })
    expect(route?.cors?.credentials).toBeUndefined()
  })
})

describe('a FunctionIngress of OpenFaaS', () => {
  it.each([
    ['/', [['prefix /', 'default/shop-v1', undefined]]],
    ['/v1/shop', [['exact /v1/shop, prefix /v1/shop/', 'default/shop-v1', '/']]],
    ['/v1/shop/(.*)', [['exact /v1/shop, prefix /v1/shop/', 'default/shop-v1', '/']]],
  ])('shows its function under the path %s', (path, expected) => {
    expect(routesAt(compiled(functionIngress({ path })), 'shop.example.com').map(told)).toEqual(expected)
  })

  it('finds functions of openfaas-fn from the namespace openfaas, and its certificate beside it', () => {
    const snapshot = compiled(functionIngress({ tls: { enabled: true, issuerRef: { name: 'letsencrypt' } } }, 'openfaas'))
    expect(routesAt(snapshot, 'shop.example.com').map(told)).toEqual([['prefix /', 'default/shop-v1', undefined]])
    expect(snapshot.findings.map(({ message }) => message)).toEqual([expect.stringContaining('openfaas/front-cert')])
  })
})

describe('several of them', () => {
  it('share a name: the oldest first, and what takes every call last', () => {
    const all = { ...trigger({}), metadata: { name: 'all', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' } }
    const part = {
      ...functionIngress({ function: 'other', path: '/other' }),
      metadata: { name: 'part', namespace: 'default', creationTimestamp: '2026-02-01T00:00:00Z' },
    }
    expect(routesAt(compiled(all, part), 'shop.example.com').map(told)).toEqual([
      ['exact /other, prefix /other/', 'default/other-v1', '/'],
      ['prefix /', 'default/shop-v1', undefined],
    ])
  })

  it.each([
    ['host-name', () => trigger({ 'host-name': 'localhost' })],
    ['host-name', () => trigger({ 'host-name': '*.example.com' })],
    ['function-name', () => trigger({ 'function-name': '../system' })],
    ['path', () => trigger({ path: '/../system' })],
    ['path', () => trigger({ path: '/a//b' })],
    ['path', () => trigger({ path: '/a%2fb' })],
    ['path', () => functionIngress({ path: '/a/(b|c)' })],
    ['tls-secret', () => trigger({ tls: true })],
    ['basic-auth-secret', () => trigger({ 'basic-auth-secret': 'users' })],
    ['domain', () => functionIngress({ domain: 'http://evil' })],
  ])('are refused with a bad %s', (field, make) => {
    expect(make).toThrow(field)
  })
})
