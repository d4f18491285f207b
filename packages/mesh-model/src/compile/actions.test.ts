import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aDestinationRule, aFunction, aRevision, aVirtualService, compiled, newCompiler, reasonsOf, removed, set, sharesOf } from '../../test/resources.ts'

const functions = ['temp', 'echo'].flatMap((name) => [
  aFunction(name, { traffic: { v1: 100 } }),
  aRevision(name, 'v1', { labels: { version: 'v1' } }),
  aRevision(name, 'v2', { labels: { version: 'v2' }, number: 2, phase: 'Retired' }),
])
const to = (host: string, subset?: string) => [{ destination: { host, ...(subset === undefined ? {} : { subset }) } }]
const rule = aDestinationRule('echo', { v1: { version: 'v1' }, v2: { version: 'v2' } })
const routesOf = (...resources: readonly Resource[]) => compiled(...functions, rule, ...resources).hosts.get('default/temp')?.routes ?? []
const temp = (http: readonly unknown[], more: object = {}) => aVirtualService('temp', { hosts: ['temp'], http, ...more })

describe('what routes do beside choosing a target', () => {
  it('copies go to the workloads of a host, and keep them in the mesh', () => {
    const snapshot = compiled(...functions, rule, temp([{ route: to('temp'), mirror: { host: 'echo', subset: 'v2' }, mirrorPercent: 25 }]))
    expect(snapshot.hosts.get('default/temp')?.routes[0]?.mirrors).toEqual([{ workload: 'default/echo-v2', millionths: 250_000 }])
    expect(snapshot.workloads.has('default/echo-v2')).toBe(true)
  })

  it('copies for a host that is not there are left out and reported, the calls go on', () => {
    const snapshot = compiled(...functions, temp([{ route: to('temp'), mirrors: [{ destination: { host: 'gone' } }, { destination: { host: 'echo' } }] }]))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/temp HostNotFound'])
    expect(snapshot.hosts.get('default/temp')?.routes[0]?.mirrors).toEqual([{ workload: 'default/echo-v1', millionths: 1_000_000 }])
    expect(sharesOf(snapshot, 'default/temp')).toEqual(['default/temp-v1=100'])
  })

  it('answers need no target', () => {
    const [redirect, fixed] = routesOf(
      temp([{ match: [{ uri: { exact: '/a' } }], redirect: { scheme: 'https', derivePort: 'FROM_PROTOCOL_DEFAULT' } }, { directResponse: { status: 204 } }]),
    )
    expect(redirect).toMatchObject({ targets: [], answer: { kind: 'redirect', status: 301, scheme: 'https', port: 443 } })
    expect(fixed).toMatchObject({ targets: [], answer: { kind: 'fixed', status: 204 } })
  })

  it('shares of faults are millionths; without one all calls are meant', () => {
    const [route] = routesOf(temp([{ route: to('temp'), fault: { delay: { fixedDelay: '2s', percentage: { value: 0.1 } }, abort: { grpcStatus: '14' } } }]))
    expect(route?.fault).toEqual({ delay: { millionths: 1000, ms: 2000 }, abort: { millionths: 1_000_000, status: { kind: 'grpc', code: 14 } } })
  })

  it.each<[string, object]>([
    ['nothing', {}],
    ['two things', { route: to('temp'), redirect: { uri: '/x' } }],
    ['an abort without a status', { route: to('temp'), fault: { abort: {} } }],
    ['a retry condition that does not exist', { route: to('temp'), retries: { retryOn: 'sometimes' } }],
    ['a rewrite of something in the middle', { route: to('temp'), rewrite: { uriRegexRewrite: { match: 'a', rewrite: 'b' } } }],
  ])('a route that says %s keeps the resource from having an effect', (_name, route) => {
    const snapshot = compiled(...functions, temp([route]))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/temp InvalidResource'])
    expect(sharesOf(snapshot, 'default/temp')).toEqual(['default/temp-v1=100'])
  })
})

describe('gateways', () => {
  it('routes for Gateways alone have no effect in the mesh, and that is said', () => {
    const snapshot = compiled(...functions, temp([{ route: to('echo') }], { gateways: ['front'] }))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/temp GatewayNotFound'])
    expect(sharesOf(snapshot, 'default/temp')).toEqual(['default/temp-v1=100'])
  })

  it('conditions on Gateways never hold for calls of the mesh', () => {
    const routes = routesOf(
      temp(
        [
          { match: [{ gateways: ['front'] }], route: to('echo') },
          { match: [{ gateways: ['front'] }, { uri: { prefix: '/a' }, gateways: ['mesh'] }], route: to('temp') },
        ],
        {
          gateways: ['front', 'mesh'],
        },
      ),
    )
    expect(routes.map(({ matches }) => matches.map(({ path }) => path?.match))).toEqual([[{ kind: 'prefix', value: '/a' }]])
  })
})

describe('delegates', () => {
  const root = (match: unknown, more: object = {}) => temp([{ match, delegate: { name: 'part' }, ...more }, { route: to('temp') }])
  const part = (http: readonly unknown[]) => aVirtualService('part', { http })

  it('stand in the place of the route that delegates, with the conditions of both', () => {
    const routes = routesOf(
      root([{ uri: { prefix: '/a' }, headers: { 'x-a': { exact: '1' } } }], { timeout: '3s' }),
      part([
        { match: [{ uri: { prefix: '/a/b' } }], route: to('echo') },
        { route: to('temp'), timeout: '1s' },
      ]),
    )
    const header = { name: 'x-a', match: { kind: 'exact', value: '1' }, invert: false }
    expect(routes).toMatchObject([
      { timeoutMs: 3000, matches: [{ path: { match: { value: '/a/b' } }, headers: [header] }], targets: [{ workload: 'default/echo-v1' }] },
      { timeoutMs: 1000, matches: [{ path: { match: { value: '/a' } }, headers: [header] }], targets: [{ workload: 'default/temp-v1' }] },
      { matches: [], targets: [{ workload: 'default/temp-v1' }] },
    ])
  })

  it('that match nothing of what is delegated are left out and reported', () => {
    const snapshot = compiled(...functions, root([{ uri: { prefix: '/a' } }]), part([{ match: [{ uri: { exact: '/b' } }], route: to('echo') }]))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/part DelegateConflict'])
    expect(snapshot.hosts.get('default/temp')?.routes).toHaveLength(1)
  })

  it('that are not there are left out and reported, until they come', () => {
    const compiler = newCompiler()
    const { snapshot } = compiler.apply([...functions, root([{ uri: { prefix: '/a' } }])].map(set))
    expect(reasonsOf(snapshot)).toEqual(['VirtualService/temp DelegateNotFound'])
    const delegate = part([{ route: to('echo') }])
    expect(compiler.apply([set(delegate)]).snapshot.hosts.get('default/temp')?.routes[0]?.targets[0]?.workload).toBe('default/echo-v1')
    expect(reasonsOf(compiler.apply([removed(delegate)]).snapshot)).toEqual(['VirtualService/temp DelegateNotFound'])
  })
})
