import { describe, expect, it } from '@jest/globals'
import { aFunction, aPolicy, aRevision, aService, compiled, reasonsOf } from '../../test/resources.ts'

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
