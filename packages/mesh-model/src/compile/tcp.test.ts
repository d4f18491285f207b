import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aDestinationRule, aFunction, aPolicy, aRevision, aService, aVirtualService, compiled, reasonsOf } from '../../test/resources.ts'

const RAW = { protocol: 'tcp', port: 6379 }
const cache = [aFunction('cache', { traffic: { v1: 100 }, spec: { template: { runtime: 'process', ...RAW } } }), aRevision('cache', 'v1', { template: RAW })]
const temp = [aFunction('temp', { traffic: { v1: 100 } }), aRevision('temp', 'v1')]

describe('what a function speaks', () => {
  it.each([
    ['as its template says', { protocol: 'grpc' }, 'grpc'],
    ['as its annotation says', { annotations: { 'weft.dev/protocol': 'http2' } }, 'http2'],
    ['as its contract does', { contract: 'grpc' }, 'grpc'],
    ['as its template says rather than its annotation', { protocol: 'tcp', annotations: { 'weft.dev/protocol': 'grpc' } }, 'tcp'],
    ['HTTP/1.1 when nothing says otherwise', {}, undefined],
    ['HTTP/1.1 when its annotation says nothing that there is', { annotations: { 'weft.dev/protocol': 'gopher' } }, undefined],
  ])('is read: %s', (_name, template, protocol) => {
    const snapshot = compiled(aFunction('temp', { traffic: { v1: 100 } }), aRevision('temp', 'v1', { template }))
    expect(snapshot.workloads.get('default/temp-v1')?.protocol).toBe(protocol)
  })
})

describe('a host of raw TCP', () => {
  it('has the one port of its function, and goes where its traffic does', () => {
    const { hosts, workloads } = compiled(...cache)
    const routes = [{ name: 'default', matches: [], targets: [{ workload: 'default/cache-v1', weight: 100 }] }]
    expect(hosts.get('default/cache')).toMatchObject({ ports: [6379], tcp: { ports: [6379], routes } })
    expect(workloads.get('default/cache-v1')).toMatchObject({ protocol: 'tcp', port: 6379 })
    expect(compiled(...temp).hosts.get('default/temp')?.tcp).toBeUndefined()
  })

  it('has port 8080 when its function names none', () => {
    const raw = [
      aFunction('cache', { traffic: { v1: 100 }, spec: { template: { protocol: 'tcp' } } }),
      aRevision('cache', 'v1', { template: { protocol: 'tcp' } }),
    ]
    expect(compiled(...raw).hosts.get('default/cache')?.tcp?.ports).toEqual([8080])
  })

  it.each<[string, object, readonly number[], readonly number[] | undefined, readonly string[]]>([
    ['tcp before raw TCP', { port: 6379, name: 'tcp-redis' }, [6379], [6379], []],
    ['redis before raw TCP', { port: 6379, name: 'redis' }, [6379], [6379], []],
    ['TLS before raw TCP', { port: 6379, name: 'tls' }, [6379], [6379], []],
    ['nothing before raw TCP', { port: 6379 }, [6379], [6379], []],
    ['HTTP before raw TCP', { port: 6379, name: 'http' }, [6379], [6379], ['Service/behind ProtocolConflict']],
    ['appProtocol, which wins over the name', { port: 6379, name: 'http', appProtocol: 'mysql' }, [6379], [6379], []],
  ])('a Service says %s', (_name, port, ports, tcp, reasons) => {
    const snapshot = compiled(...cache, aService('behind', { app: 'cache' }, { ports: [port] }))
    const host = snapshot.hosts.get('default/behind')
    expect([host?.ports, host?.tcp?.ports, reasonsOf(snapshot)]).toEqual([ports, tcp, reasons])
  })

  it('follows a policy of which only what has nothing of HTTP allows', () => {
    const rules = [{ to: [{ operation: { methods: ['GET'] } }] }, { from: [{ source: { namespaces: ['default'] } }] }]
    const selector = { matchLabels: { app: 'cache' } }
    const denied = [
      { from: [{ source: { namespaces: ['evil'] } }], to: [{ operation: { paths: ['/x'] } }], when: [{ key: 'request.headers[x]', values: ['1'] }] },
    ]
    const snapshot = compiled(...cache, aPolicy('some', { selector, rules }), aPolicy('not', { selector, action: 'DENY', rules: denied }))
    const policy = snapshot.workloads.get('default/cache-v1')?.policy
    expect(policy?.allow?.map(({ index }) => index)).toEqual([1])
    expect(policy?.deny).toMatchObject([{ sources: [{ namespaces: [{ value: 'evil' }] }], operations: [{}] }])
    expect(policy?.deny[0]?.conditions).toBeUndefined()
  })
})

describe('ports of a Service before functions of HTTP', () => {
  it('carry it, whatever other protocol they name, but those of TLS and UDP are left out', () => {
    const ports = [
      { port: 9000, name: 'http-api' },
      { port: 9001, name: 'grpc-web-x' },
      { port: 9002, name: 'redis' },
      { port: 9003, name: 'x', appProtocol: 'tcp' },
      { port: 9004, name: 'https' },
      { port: 9005, name: 'y', appProtocol: 'kubernetes.io/h2c' },
      { port: 9006, name: 'udp' },
      { port: 80, name: 'web', targetPort: 'web' },
    ]
    const snapshot = compiled(...temp, aService('many', { app: 'temp' }, { ports }))
    expect(snapshot.hosts.get('default/many')).toMatchObject({ ports: [80, 9000, 9001, 9002, 9003, 9005] })
    expect(reasonsOf(snapshot).toSorted()).toEqual([
      'Service/many PortNotSupported',
      'Service/many PortNotSupported',
      'Service/many ProtocolConflict',
      'Service/many ProtocolConflict',
    ])
  })
})

describe('routes of connections', () => {
  const v2 = aRevision('cache', 'v2', { template: RAW, number: 2 })
  const subsets = aDestinationRule('cache', { v1: { version: 'v1' }, v2: { version: 'v2' } })
  const to = (subset: string, weight?: number) => ({ destination: { host: 'cache', subset }, ...(weight === undefined ? {} : { weight }) })
  const shares = (...resources: readonly Resource[]) =>
    compiled(...cache, v2, subsets, ...resources)
      .hosts.get('default/cache')
      ?.tcp?.routes.map(({ matches, targets, origin }) => [matches, targets.map(({ workload, weight }) => `${weight} ${workload ?? '503'}`), origin.kind])

  it('are those of a VirtualService, TLS first, each with its shares and conditions', () => {
    const tls = [{ match: [{ sniHosts: ['cache'], port: 6379 }], route: [to('v1')] }]
    const tcp = [
      { match: [{ port: 6379, sourceLabels: { app: 'a' }, sourceNamespace: 'shop', gateways: ['mesh'] }, { gateways: ['outside'] }], route: [to('v2')] },
      { match: [{ gateways: ['outside'] }], route: [to('v2')] },
      { route: [to('v1', 75), to('v2', 25)] },
    ]
    expect(shares(aVirtualService('cache', { hosts: ['cache'], tls, tcp }))).toEqual([
      [[{ port: 6379, serverNames: ['cache'] }], ['100 default/cache-v1'], 'VirtualService'],
      [[{ port: 6379, sourceLabels: { app: 'a' }, sourceNamespace: 'shop' }], ['100 default/cache-v2'], 'VirtualService'],
      [[], ['75 default/cache-v1', '25 default/cache-v2'], 'VirtualService'],
    ])
  })

  it('are not changed by a VirtualService that has none, nor are those of calls by one that has only them', () => {
    expect(shares(aVirtualService('cache', { hosts: ['cache'], http: [{ route: [{ destination: { host: 'cache', subset: 'v2' } }] }] }))).toEqual([
      [[], ['100 default/cache-v1'], 'Function'],
    ])
    const snapshot = compiled(...temp, aVirtualService('temp', { hosts: ['temp'], tcp: [{ route: [{ destination: { host: 'temp' } }] }] }))
    expect(snapshot.hosts.get('default/temp')?.routes.map(({ origin }) => origin.kind)).toEqual(['Function'])
    expect(snapshot.hosts.get('default/temp')?.tcp).toBeUndefined()
  })

  it('of another namespace hold for callers there, and what they do not take is refused there', () => {
    const foreign = aVirtualService(
      'theirs',
      { hosts: ['cache.default'], tcp: [{ match: [{ port: 1 }], route: [{ destination: { host: 'cache.default' } }] }] },
      { namespace: 'shop' },
    )
    expect(shares(foreign)).toEqual([
      [[{ port: 1, sourceNamespace: 'shop' }], ['100 default/cache-v1'], 'VirtualService'],
      [[{ sourceNamespace: 'shop' }], ['100 503'], 'VirtualService'],
      [[], ['100 default/cache-v1'], 'Function'],
    ])
  })

  it('to a subset that is not there are refused, and their author is told', () => {
    const snapshot = compiled(...cache, aVirtualService('cache', { hosts: ['cache'], tcp: [{ route: [to('v9')] }] }))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/cache SubsetNotFound'])
    expect(snapshot.hosts.get('default/cache')?.tcp?.routes[0]?.targets[0]?.workload).toBeUndefined()
  })
})
