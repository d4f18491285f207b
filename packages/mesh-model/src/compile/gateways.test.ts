import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { describeHost } from '../explain/index.ts'
import type { MeshSnapshot } from '../snapshot.ts'
import {
  aFunction,
  aGateway,
  aRevision,
  aSecret,
  aVirtualService,
  compiled as compiledAll,
  gatewayServer as server,
  newCompiler,
  reasonsOf as reasons,
  removed,
  set,
  tlsServer,
} from '../../test/resources.ts'

const shop = [aFunction('shop', { traffic: { v1: 100 } }), aRevision('shop', 'v1')]
const to = (host: string, match?: unknown) => ({ ...(match === undefined ? {} : { match: [match] }), route: [{ destination: { host } }] })
const routes = (name: string, hosts: readonly string[], gateways: readonly string[], http: readonly unknown[] = [to('shop')], place = {}) =>
  aVirtualService(name, { hosts, gateways, http }, place)

const names = (snapshot: MeshSnapshot) => [...snapshot.gatewayHosts.keys()].toSorted()
const compiled = (...resources: readonly Resource[]) => compiledAll(...shop, ...resources)
const compilerOf = (...resources: readonly Resource[]) => {
  const compiler = newCompiler()
  compiler.apply([...shop, ...resources].map(set))
  return compiler
}

describe('names of a gateway', () => {
  it.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ['the same name', ['shop.example.com'], ['shop.example.com'], ['shop.example.com']],
    ['every name', ['*'], ['shop.example.com'], ['*', 'shop.example.com']],
    ['every name on both sides', ['*'], ['*'], ['*']],
    ['a star above a name', ['*.example.com'], ['shop.example.com'], ['*.example.com', 'shop.example.com']],
    ['a name below a star of the routes', ['shop.example.com'], ['*.example.com'], ['shop.example.com']],
    ['a narrower star', ['*.example.com'], ['*.eu.example.com'], ['*.example.com', '*.eu.example.com']],
    ['a name that is not served', ['shop.example.com'], ['other.example.com'], ['shop.example.com']],
    ['what is above a star', ['*.example.com'], ['example.com'], ['*.example.com']],
    ['a short name', ['*'], ['shop'], ['*', 'shop.default.svc.cluster.local']],
    ['other letters', ['Shop.Example.COM'.toLowerCase()], ['shop.example.com'], ['shop.example.com']],
    ['only routes of its namespace', ['./shop.example.com'], ['shop.example.com'], ['shop.example.com']],
  ])('take %s', (_name, served, asked, expected) => {
    const snapshot = compiled(aGateway('web', [server(80, served)]), routes('shop', asked, ['web']))
    expect(names(snapshot)).toEqual(expected.map((name) => `ingress:8080|${name}`).toSorted())
  })

  it('take routes of the namespaces that they name alone', () => {
    const gateway = aGateway('web', [server(80, ['other/shop.example.com', 'third/*'])], { namespace: 'other' })
    const snapshot = compiled(gateway, routes('shop', ['shop.example.com'], ['other/web']))
    expect(snapshot.gatewayHosts.get('ingress:8080|shop.example.com')?.routes).toEqual([])
    expect(reasons(snapshot)).toEqual(['VirtualService/shop HostNotServed'])
  })

  it.each([
    [80, 'ingress:8080'],
    [8080, 'ingress:8080'],
    [9090, 'ingress:9090'],
  ])('stand on the port that is bound for %s', (port, listener) => {
    const snapshot = compiled(aGateway('web', [server(port, ['*'])]))
    expect([...snapshot.listeners.keys()]).toEqual([listener])
  })

  it.each([{ istio: 'ingressgateway' }, { istio: 'ingress' }, { 'weft.dev/gateway': 'ingress' }, {}])('are those of a Gateway that selects %j', (selector) => {
    expect(compiled(aGateway('web', [server(80, ['*'])], {}, selector)).gateways.get('default/web')?.placement).toBe('ingress')
  })

  it('are not those of a gateway of somebody else', () => {
    const snapshot = compiled(aGateway('web', [server(80, ['*'])], {}, { istio: 'mine' }), routes('shop', ['*'], ['web']))
    expect(names(snapshot)).toEqual([])
    expect(reasons(snapshot)).toEqual(['Gateway/web GatewayNotOurs'])
  })
})

describe('routes at a gateway', () => {
  const targets = (snapshot: MeshSnapshot, name: string) =>
    snapshot.gatewayHosts.get(`ingress:8080|${name}`)?.routes.map((route) => [route.name, route.targets[0]?.workload ?? route.targets[0]?.missing])

  it('hold there, and in the mesh only when it is named', () => {
    const there = compiled(aGateway('web', [server(80, ['*'])]), routes('shop', ['shop'], ['web'], [{ ...to('shop'), name: 'mine' }]))
    expect(targets(there, 'shop.default.svc.cluster.local')).toEqual([['mine', 'default/shop-v1']])
    expect(there.hosts.get('default/shop')?.routes.map(({ name }) => name)).toEqual(['default'])
    const both = compiled(aGateway('web', [server(80, ['*'])]), routes('shop', ['shop'], ['web', 'mesh'], [{ ...to('shop'), name: 'mine' }]))
    expect(both.hosts.get('default/shop')?.routes.map(({ name }) => name)).toEqual(['mine'])
  })

  it('go by conditions on the gateway and on the port', () => {
    const http = [
      { name: 'mesh', ...to('shop', { gateways: ['mesh'] }) },
      { name: 'web', ...to('shop', { gateways: ['web'], uri: { prefix: '/a' } }) },
      { name: 'other', ...to('shop', { gateways: ['default/other'] }) },
      { name: 'port', ...to('shop', { port: 80, uri: { prefix: '/b' } }) },
      { name: 'elsewhere', ...to('shop', { port: 443 }) },
    ]
    const snapshot = compiled(aGateway('web', [server(80, ['shop.example.com'])]), routes('shop', ['shop.example.com'], ['web', 'mesh'], http))
    expect(targets(snapshot, 'shop.example.com')?.map(([name]) => name)).toEqual(['web', 'port'])
    expect(JSON.stringify([...snapshot.gatewayHosts.values()])).not.toMatch(/"gateways"|"port":/)
  })

  it('of several VirtualServices are merged: the oldest first, routes for every call last', () => {
    const old = routes(
      'zzz',
      ['shop.example.com'],
      ['web'],
      [
        { name: 'old', ...to('shop', { uri: { prefix: '/old' } }) },
        { name: 'all', ...to('shop') },
      ],
    )
    const young = routes('aaa', ['shop.example.com'], ['web'], [{ name: 'young', ...to('shop', { uri: { prefix: '/young' } }) }], {
      created: '2026-02-01T00:00:00Z',
    })
    const snapshot = compiled(aGateway('web', [server(80, ['shop.example.com'])]), young, old)
    expect(targets(snapshot, 'shop.example.com')?.map(([name]) => name)).toEqual(['old', 'young', 'all'])
  })

  it('of several Gateways on one port are merged', () => {
    const gateways = [aGateway('a', [server(80, ['a.example.com'])]), aGateway('b', [server(8080, ['b.example.com'])])]
    const snapshot = compiled(...gateways, routes('a', ['a.example.com'], ['a']), routes('b', ['b.example.com'], ['b']))
    expect(names(snapshot)).toEqual(['ingress:8080|a.example.com', 'ingress:8080|b.example.com'])
    expect(snapshot.listeners.get('ingress:8080')?.chains).toHaveLength(1)
  })

  it('keep a workload in the mesh that nothing else refers to', () => {
    const parked = aRevision('shop', 'v0', { phase: 'Retired', labels: { version: 'v0' } })
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'old', namespace: 'default' },
      spec: { selector: { version: 'v0' }, ports: [{ port: 80 }] },
    }
    const snapshot = compiled(parked, service, aGateway('web', [server(80, ['*'])]), routes('shop', ['*'], ['web'], [to('old')]))
    expect(snapshot.workloads.has('default/shop-v0')).toBe(true)
  })

  it('say when there is no such Gateway, until it comes', () => {
    const compiler = compilerOf(routes('shop', ['shop.example.com'], ['web']))
    expect(reasons(compiler.snapshot)).toEqual(['VirtualService/shop GatewayNotFound'])
    compiler.apply([set(aGateway('web', [server(80, ['*'])]))])
    expect(reasons(compiler.snapshot)).toEqual([])
    expect(names(compiler.snapshot)).toContain('ingress:8080|shop.example.com')
    compiler.apply([removed(aGateway('web', []))])
    expect(names(compiler.snapshot)).toEqual([])
    expect(compiler.snapshot.listeners.size).toBe(0)
  })

  it('are told with the function that they lead to', () => {
    const snapshot = compiled(aGateway('web', [server(80, ['*'])]), routes('shop', ['shop.example.com'], ['web']))
    expect(describeHost(snapshot, { namespace: 'default', name: 'shop' })?.names).toMatchObject([
      { name: 'http://shop.example.com', port: 8080, gateway: { name: 'web' } },
    ])
  })

  it('change without touching other names', () => {
    const other = routes('other', ['other.example.com'], ['web'])
    const compiler = compilerOf(aGateway('web', [server(80, ['*'])]), routes('shop', ['shop.example.com'], ['web']), other)
    const { difference } = compiler.apply([set(routes('shop', ['shop.example.com'], ['web'], [{ name: 'new', ...to('shop') }]))])
    expect(difference).toMatchObject({ gatewayHosts: { set: ['ingress:8080|shop.example.com'] }, chainNames: { set: [] }, listeners: { set: [] } })
  })
})

describe('TLS servers', () => {
  const pair = { 'tls.crt': 'Y2VydA==', 'tls.key': 'a2V5' }

  it.each<[string, Readonly<Record<string, string>>, string | undefined]>([
    ['tls.crt and tls.key', pair, undefined],
    ['cert and key', { cert: 'Y2VydA==', key: 'a2V5' }, undefined],
    ['a certificate without its key', { 'tls.crt': 'Y2VydA==' }, 'CredentialInvalid'],
    ['something else', { password: 'eA==' }, 'CredentialNotFound'],
  ])('take a Secret with %s', (_name, data, reason) => {
    const snapshot = compiled(aGateway('web', [tlsServer(['shop.example.com'])]), aSecret('shop', data))
    expect(reasons(snapshot)).toEqual(reason === undefined ? [] : [`Gateway/web ${reason}`])
    expect(snapshot.credentials.get('default/shop')?.certificate).toEqual(reason === undefined ? { chain: 'Y2VydA==', privateKey: 'a2V5' } : undefined)
  })

  it.each<[string, Readonly<Record<string, string>>, boolean]>([
    ['in the Secret itself', { ...pair, 'ca.crt': 'Y2E=' }, false],
    ['in NAME-cacert', pair, true],
  ])('find the roots of client certificates %s', (_name, data, beside) => {
    const gateway = aGateway('web', [tlsServer(['shop.example.com'], { mode: 'MUTUAL' })])
    const snapshot = compiled(gateway, aSecret('shop', data), ...(beside ? [aSecret('shop-cacert', { 'ca.crt': 'Y2E=' })] : []))
    expect(reasons(snapshot)).toEqual([])
    expect(snapshot.credentials.get('default/shop')?.roots).toEqual({ certificates: 'Y2E=' })
  })

  it('say when there are no roots for client certificates', () => {
    const snapshot = compiled(aGateway('web', [tlsServer(['shop.example.com'], { mode: 'MUTUAL' })]), aSecret('shop', pair))
    expect(reasons(snapshot)).toEqual(['Gateway/web CredentialInvalid'])
  })

  it('use a Secret beside the Gateway before one of the platform', () => {
    const gateway = aGateway('web', [tlsServer(['shop.example.com'])])
    const platform = aSecret('shop', pair, { namespace: 'weft-system' })
    const source = (snapshot: MeshSnapshot) => snapshot.gateways.get('default/web')?.servers[0]?.tls?.certificate
    expect(source(compiled(gateway, platform))).toEqual({ kind: 'secret', key: 'weft-system/shop', others: ['default/shop'] })
    expect(source(compiled(gateway, platform, aSecret('shop', pair)))).toEqual({ kind: 'secret', key: 'default/shop', others: ['weft-system/shop'] })
  })

  it('change with their Secret alone', () => {
    const compiler = compilerOf(aGateway('web', [tlsServer(['shop.example.com'])]), aSecret('shop', pair))
    const { difference } = compiler.apply([set(aSecret('shop', { ...pair, 'tls.crt': 'bmV3' }))])
    expect(difference).toMatchObject({ credentials: { set: ['default/shop'] }, listeners: { set: [] }, gateways: { set: [] } })
    compiler.apply([removed(aSecret('shop', {}))])
    expect(compiler.snapshot.credentials.size).toBe(0)
    expect(reasons(compiler.snapshot)).toEqual(['Gateway/web CredentialNotFound'])
  })

  it('have a chain each; names of others are misdirected there', () => {
    const servers = [tlsServer(['*.example.com'], { name: 'wide' }), tlsServer(['secret.example.com'], { name: 'narrow', mode: 'MUTUAL' })]
    const snapshot = compiled(aGateway('web', servers), aSecret('shop', { ...pair, 'ca.crt': 'Y2E=' }))
    const wide = 'ingress:8443/default/web/wide'
    expect(snapshot.listeners.get('ingress:8443')?.chains.map(({ key, serverNames }) => [key, serverNames])).toEqual([
      [wide, ['*.example.com']],
      ['ingress:8443/default/web/narrow', ['secret.example.com']],
    ])
    expect(snapshot.chainNames.get(wide)).toEqual({ key: wide, domains: ['*.example.com'], elsewhere: ['secret.example.com'], claimed: [] })
    // Nothing of the platform is to be had under these names, whatever the port.
    expect(snapshot.chainNames.get('ingress:8080')?.claimed).toEqual(['*.example.com', 'secret.example.com'])
    expect(snapshot.chainNames.get('ingress:8443')?.elsewhere).toEqual(['*.example.com', 'secret.example.com'])
  })

  it('leave a name to the older Gateway', () => {
    const young = aGateway('aaa', [tlsServer(['shop.example.com', 'b.example.com'])], { created: '2026-02-01T00:00:00Z' })
    const snapshot = compiled(young, aGateway('old', [tlsServer(['shop.example.com'])]), aSecret('shop', pair))
    expect(snapshot.listeners.get('ingress:8443')?.chains.map(({ serverNames }) => serverNames)).toEqual([['shop.example.com'], ['b.example.com']])
    expect(reasons(snapshot)).toEqual(['Gateway/aaa GatewayConflict'])
  })

  it.each([443, 8443])('do not share port %s with plain HTTP', (port) => {
    const snapshot = compiled(aGateway('web', [server(port, ['*'])]))
    expect(reasons(snapshot)).toEqual(['Gateway/web GatewayConflict'])
    expect(snapshot.listeners.size).toBe(0)
  })

  it('redirect from http to the port that is bound for https', () => {
    const redirecting = { ...server(80, ['shop.example.com']), tls: { httpsRedirect: true } }
    const snapshot = compiled(aGateway('web', [redirecting]), routes('shop', ['shop.example.com'], ['web']))
    expect(snapshot.gatewayHosts.get('ingress:8080|shop.example.com')).toMatchObject({ httpsPort: 8443, routes: [] })
  })
})
