import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import {
  aFunction,
  aGateway,
  anExternal,
  aPeerAuthentication,
  aPolicy,
  aRequestAuthentication,
  aRevision,
  aService,
  aVirtualService,
  compiled,
  newCompiler,
  reasonsOf,
  removed,
  set,
} from '../../test/resources.ts'
import type { MeshSnapshot } from '../snapshot.ts'

const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'
const WORKLOAD = 'weft-system/egressgateway-80'
const http = (number: number, hosts: readonly string[] = ['a.example.com']) => ({ port: { number, name: `http-${number}`, protocol: 'HTTP' }, hosts })
const gateway = (servers: readonly unknown[] = [http(80)], selector = { istio: 'egressgateway' }) => aGateway('egress', servers, {}, selector)
const entry = anExternal('a', { hosts: ['a.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] })
const to = (host: string, more: object = {}) => ({ route: [{ destination: { host, ...more } }] })
const through = (host: string, more: object = {}, namespace = 'default') =>
  aVirtualService('a', { hosts: ['a.example.com'], http: [to(host, more)] }, { namespace })
const rule = (host: string, spec: object, namespace = 'default'): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'egress', namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { host, ...spec },
})
const targetOf = (snapshot: MeshSnapshot) => {
  const [target] = snapshot.externals.get('a.example.com')?.routes[0]?.routes[0]?.targets ?? []
  return target?.workload ?? target?.missing
}

describe('a route that leads to the egress gateway', () => {
  it.each<[string, string, string, object]>([
    ['Istio’s whole name', EGRESS, 'default', {}],
    ['its name and namespace', 'istio-egressgateway.istio-system', 'default', {}],
    ['its short name beside it', 'istio-egressgateway', 'istio-system', {}],
    ['our name', 'egressgateway.weft-system', 'default', {}],
    ['our whole name', 'egressgateway.weft-system.svc.cluster.local', 'default', {}],
    ['Istio’s name in our namespace', 'istio-egressgateway.weft-system', 'default', {}],
    ['the port as well', EGRESS, 'default', { port: { number: 80 } }],
  ])('by %s goes to its port', (_name, host, namespace, more) => {
    expect(targetOf(compiled(gateway(), entry, through(host, more, namespace)))).toBe(WORKLOAD)
  })

  it.each<[string, readonly Resource[], string, string]>([
    ['no Gateway that selects it', [through(EGRESS)], 'HostNotFound', `no Gateway selects the egress gateway, so that nothing listens at ${EGRESS}`],
    ['another port', [gateway(), through(EGRESS, { port: { number: 81 } })], 'PortNotFound', 'no Gateway has a server of the egress gateway on port 81'],
    [
      'no port where there are several',
      [gateway([http(80), http(81)]), through(EGRESS)],
      'PortNotFound',
      'the egress gateway has the ports 80, 81, and the destination names none',
    ],
    ['an unknown subset', [gateway(), through(EGRESS, { subset: 'a' })], 'SubsetNotFound', `no DestinationRule of ${EGRESS} has a subset a`],
  ])('with %s goes nowhere, and its author is told', (_name, resources, reason, message) => {
    const snapshot = compiled(entry, ...resources)
    expect([targetOf(snapshot), reasonsOf(snapshot)]).toEqual([message, [`VirtualService/a ${reason}`]])
  })

  it('is not taken for a name of another namespace', () => {
    const resources = [aFunction('istio-egressgateway', { traffic: { v1: 100 } }), aRevision('istio-egressgateway', 'v1')]
    expect(targetOf(compiled(gateway(), entry, ...resources, through('istio-egressgateway')))).toBe('default/istio-egressgateway-v1')
  })

  it('is not shadowed by a Service or a function of its name', () => {
    const service = aService('istio-egressgateway', { istio: 'egressgateway' }, { namespace: 'istio-system' })
    const fn = aFunction('istio-egressgateway', { namespace: 'istio-system', traffic: { v1: 100 } })
    const snapshot = compiled(gateway(), entry, service, fn, aRevision('istio-egressgateway', 'v1', { namespace: 'istio-system' }), through(EGRESS))
    expect(targetOf(snapshot)).toBe(WORKLOAD)
    expect(snapshot.hosts.has('istio-system/istio-egressgateway')).toBe(false)
  })

  it('follows what comes and goes', () => {
    const compiler = newCompiler()
    const missing = `no Gateway selects the egress gateway, so that nothing listens at ${EGRESS}`
    const after = (...changes: Parameters<typeof compiler.apply>[0]) => targetOf(compiler.apply(changes).snapshot)
    expect(after(set(entry), set(through(EGRESS)))).toBe(missing)
    expect(after(set(gateway()))).toBe(WORKLOAD)
    expect(after(set(gateway([http(80)], { istio: 'ingressgateway' })))).toBe(missing)
    expect(after(set(gateway()))).toBe(WORKLOAD)
    expect(after(removed(gateway()))).toBe(missing)
    expect([...compiler.snapshot.workloads.keys()]).toEqual([])
  })
})

describe('a port of the egress gateway', () => {
  const workloadOf = (...resources: readonly Resource[]) => compiled(gateway(), ...resources).workloads.get(WORKLOAD)

  it('is a workload with an identity of its own, and there are none without a Gateway', () => {
    expect(workloadOf()).toMatchObject({
      namespace: 'weft-system',
      serviceAccount: 'egressgateway',
      mtls: 'strict',
      port: 80,
      gateway: 'egress:80',
      proxy: 'node',
    })
    expect(compiled(aGateway('ingress', [http(80)])).workloads.size).toBe(0)
  })

  it.each<[string, Resource, boolean]>([
    ['by Istio’s label in its namespace', aPolicy('p', { selector: { matchLabels: { istio: 'egressgateway' } } }, { namespace: 'istio-system' }), true],
    ['by another label of Istio’s', aPolicy('p', { selector: { matchLabels: { app: 'istio-egressgateway' } } }, { namespace: 'istio-system' }), true],
    ['by the label of Istio’s chart', aPolicy('p', { selector: { matchLabels: { istio: 'egress' } } }, { namespace: 'istio-system' }), true],
    ['by our label in our namespace', aPolicy('p', { selector: { matchLabels: { 'weft.dev/gateway': 'egress' } } }, { namespace: 'weft-system' }), true],
    ['for its whole namespace', aPolicy('p', {}, { namespace: 'istio-system' }), true],
    ['for the whole mesh', aPolicy('p', {}, { namespace: 'weft-system' }), true],
    ['by its label in another namespace', aPolicy('p', { selector: { matchLabels: { istio: 'egressgateway' } } }), false],
    ['by the label of the ingress', aPolicy('p', { selector: { matchLabels: { istio: 'ingressgateway' } } }, { namespace: 'istio-system' }), false],
  ])('has the policies that select it: %s', (_name, policy, selected) => {
    const snapshot = compiled(gateway(), policy)
    expect(snapshot.workloads.get(WORKLOAD)?.policy.allow).toEqual(selected ? [] : undefined)
    expect(reasonsOf(snapshot)).toEqual([])
  })

  it('denies when one of them is not understood, and follows changes', () => {
    const broken = aPolicy(
      'p',
      { selector: { matchLabels: { istio: 'egressgateway' } }, rules: [{ when: [{ key: 'x', values: ['y'] }] }] },
      { namespace: 'istio-system' },
    )
    const compiler = newCompiler()
    compiler.apply([set(gateway())])
    expect(compiler.apply([set(broken)]).snapshot.workloads.get(WORKLOAD)?.policy.broken).toBeDefined()
    expect(compiler.apply([removed(broken)]).snapshot.workloads.get(WORKLOAD)?.policy).toEqual({ deny: [], allow: undefined })
  })

  it('has the mode of the PeerAuthentication that selects it, by port, by selector, by namespace', () => {
    const peer = (name: string, spec: object, namespace: string) => aPeerAuthentication(name, spec, { namespace })
    const selector = { matchLabels: { istio: 'egressgateway' } }
    const mesh = peer('mesh', { mtls: { mode: 'PERMISSIVE' } }, 'weft-system')
    const own = peer('own', { selector, mtls: { mode: 'STRICT' }, portLevelMtls: { '80': { mode: 'DISABLE' } } }, 'istio-system')
    expect(workloadOf(mesh)?.mtls).toBe('permissive')
    expect(workloadOf(mesh, own)?.mtls).toBe('disable')
    expect(compiled(gateway([http(81)]), mesh, own).workloads.get('weft-system/egressgateway-81')?.mtls).toBe('strict')
    expect(reasonsOf(compiled(gateway(), mesh, peer('own', { selector }, 'weft-system'), own))).toEqual([])
  })

  it('verifies tokens where a RequestAuthentication selects it', () => {
    const tokens = aRequestAuthentication(
      'tokens',
      { selector: { matchLabels: { istio: 'egressgateway' } }, jwtRules: [{ issuer: 'i', jwksUri: 'https://i.example.com/keys' }] },
      { namespace: 'istio-system' },
    )
    expect(workloadOf(tokens)?.authentication).toHaveLength(1)
  })
})

describe('a Gateway of the egress gateway', () => {
  const server = (protocol: string, mode?: string, number = 443) => ({
    port: { number, name: `${protocol}-${mode}`, protocol },
    hosts: ['a.example.com'],
    ...(mode === undefined ? {} : { tls: { mode, ...(mode === 'SIMPLE' ? { credentialName: 'c' } : {}) } }),
  })

  it.each<[string, readonly unknown[], readonly string[]]>([
    ['HTTP', [server('HTTP')], ['egress:443 http']],
    ['HTTPS by ISTIO_MUTUAL', [server('HTTPS', 'ISTIO_MUTUAL')], ['egress:443 http']],
    ['TLS by ISTIO_MUTUAL', [server('TLS', 'ISTIO_MUTUAL')], ['egress:443/connections tcp']],
    ['PASSTHROUGH', [server('TLS', 'PASSTHROUGH')], ['egress:443/connections tcp']],
    ['HTTP and PASSTHROUGH on one port', [server('HTTPS', 'ISTIO_MUTUAL'), server('TLS', 'PASSTHROUGH')], ['egress:443 http', 'egress:443/connections tcp']],
  ])('carries %s', (_name, servers, chains) => {
    const snapshot = compiled(gateway(servers))
    expect(snapshot.listeners.get('egress:443')?.chains.map(({ key, protocol }) => `${key} ${protocol}`)).toEqual(chains)
    expect(reasonsOf(snapshot)).toEqual([])
  })

  it('says which of its servers cannot be', () => {
    expect(reasonsOf(compiled(gateway([server('HTTPS', 'SIMPLE')])))).toEqual(['Gateway/egress InvalidResource'])
    expect(reasonsOf(compiled(aGateway('in', [server('HTTPS', 'ISTIO_MUTUAL')])))).toEqual(['Gateway/in InvalidResource'])
  })

  it('takes no name away from the ingress', () => {
    const names = compiled(gateway(), aGateway('in', [http(80, ['b.example.com'])])).chainNames.get('ingress:8080')
    expect([names?.domains, names?.claimed]).toEqual([['b.example.com'], []])
  })
})

describe('a DestinationRule of the egress gateway', () => {
  const mutual = { tls: { mode: 'ISTIO_MUTUAL', sni: 'a.example.com' } }

  it.each<[string, object, readonly string[]]>([
    ['subsets alone', { subsets: [{ name: 'a' }] }, []],
    ['ISTIO_MUTUAL with a server name', { subsets: [{ name: 'a', trafficPolicy: mutual }] }, []],
    ['the same for a port', { subsets: [{ name: 'a', trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ...mutual }] } }] }, []],
    ['a load balancer', { trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } }, []],
    ['another kind of TLS', { trafficPolicy: { tls: { mode: 'SIMPLE' } } }, ['DestinationRule/egress TrafficPolicyIgnored']],
    [
      'another kind of TLS for a port',
      { trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }] } },
      ['DestinationRule/egress TrafficPolicyIgnored'],
    ],
    ['limits', { trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 } } } }, ['DestinationRule/egress TrafficPolicyIgnored']],
  ])('says something that holds, or is told: %s', (_name, spec, reasons) => {
    expect(reasonsOf(compiled(gateway(), rule(EGRESS, spec)))).toEqual(reasons)
  })

  it('makes subsets that routes may name, as far as it is exported', () => {
    const named = rule(EGRESS, { subsets: [{ name: 'a' }] })
    expect(targetOf(compiled(gateway(), entry, named, through(EGRESS, { subset: 'a' })))).toBe(WORKLOAD)
    expect(reasonsOf(compiled(rule(EGRESS, { subsets: [{ name: 'a' }] })))).toEqual(['DestinationRule/egress HostNotFound'])
  })
})

describe('routes at a gateway to hosts outside', () => {
  it('mean what their author sees', () => {
    const front = aVirtualService('a', { hosts: ['a.example.com'], gateways: ['egress'], http: [to('a.example.com')] })
    const routes = compiled(gateway(), entry, front).gatewayHosts.get('egress:80|a.example.com')?.routes
    expect(routes?.[0]?.targets).toEqual([{ weight: 100, workload: undefined, external: { host: 'a.example.com', port: 80, namespace: 'default' } }])
  })
})
