import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import {
  aFunction,
  aGrpcRoute,
  aHttpRoute,
  aReferenceGrant,
  aRevision,
  aService,
  aVirtualService,
  compiled,
  conditionsOf,
  newCompiler,
  reasonsOf,
  removed,
  set,
  sharesOf,
  toHost,
} from '../../test/resources.ts'
import type { MeshSnapshot } from '../snapshot.ts'

const deployed = (name: string, namespace = 'default'): readonly Resource[] => [
  aFunction(name, { namespace, traffic: { v1: 100 } }),
  aRevision(name, 'v1', { namespace }),
]
const temp = deployed('temp')
const path = (value: string, type = 'PathPrefix') => ({ path: { type, value } })
const ref = (name: string, more: object = {}) => ({ name, port: 8080, ...more })
const OF_TEMP = [toHost('temp')]

/** Names of the routes of a host in the order in which they are asked. */
const order = (snapshot: MeshSnapshot, host = 'default/temp') => snapshot.hosts.get(host)?.routes.map(({ name }) => name)
/** A rule with a name, so that its place can be seen. */
const rule = (name: string, ...matches: readonly object[]) => ({ name, matches, backendRefs: [ref('temp')] })

describe('which rule is asked first', () => {
  it.each([
    ['an exact path before a prefix', [rule('b', path('/aaaa')), rule('a', path('/a', 'Exact'))]],
    ['an expression before a prefix', [rule('b', path('/aaaa')), rule('a', path('/a.*', 'RegularExpression'))]],
    ['an exact path before an expression', [rule('b', path('/a.*', 'RegularExpression')), rule('a', path('/a', 'Exact'))]],
    ['the longer prefix', [rule('b', path('/a')), rule('a', path('/a/b'))]],
    ['the longer prefix, whatever the method', [rule('b', { ...path('/a'), method: 'GET' }), rule('a', path('/a/b'))]],
    ['a method before none', [rule('b', path('/a')), rule('a', { ...path('/a'), method: 'GET' })]],
    ['a method before headers', [rule('b', { headers: [{ name: 'x', value: 'y' }] }), rule('a', { method: 'GET' })]],
    [
      'more headers before fewer',
      [
        rule('b', { headers: [{ name: 'x', value: 'y' }] }),
        rule('a', {
          headers: [
            { name: 'x', value: 'y' },
            { name: 'z', value: 'y' },
          ],
        }),
      ],
    ],
    ['headers before query parameters', [rule('b', { queryParams: [{ name: 'x', value: 'y' }] }), rule('a', { headers: [{ name: 'x', value: 'y' }] })]],
    ['a query parameter before none', [rule('b', {}), rule('a', { queryParams: [{ name: 'x', value: 'y' }] })]],
    ['what is written first, of equals', [rule('a', { headers: [{ name: 'x', value: 'y' }] }), rule('b', { headers: [{ name: 'z', value: 'y' }] })]],
    ['a slash at the end of a prefix changes nothing', [rule('a', path('/a/')), rule('b', path('/a'))]],
  ])('%s', (_what, rules) => {
    expect(order(compiled(...temp, aHttpRoute('r', { parentRefs: OF_TEMP, rules })))?.slice(0, 2)).toEqual(['a', 'b'])
  })

  it('is decided match by match, not rule by rule', () => {
    const rules = [rule('wide', path('/'), path('/a/b/c')), rule('middle', path('/a/b'))]
    expect(order(compiled(...temp, aHttpRoute('r', { parentRefs: OF_TEMP, rules })))?.slice(0, 3)).toEqual(['wide', 'middle', 'wide'])
  })

  it.each([
    ['the older route', { name: 'z', created: '2026-01-01T00:00:00Z' }, { name: 'a', created: '2026-01-02T00:00:00Z' }],
    ['the first by name, of the same age', { name: 'a', created: '2026-01-01T00:00:00Z' }, { name: 'b', created: '2026-01-01T00:00:00Z' }],
  ])('among several routes, %s', (_what, first, second) => {
    const route = ({ name, created }: { name: string; created: string }) =>
      aHttpRoute(name, { parentRefs: OF_TEMP, rules: [rule(`of-${name}`, path('/a'))] }, { created })
    for (const resources of [
      [first, second],
      [second, first],
    ]) {
      expect(order(compiled(...temp, ...resources.map(route)))?.slice(0, 2)).toEqual([`of-${first.name}`, `of-${second.name}`])
    }
  })

  it.each([
    ['the longer service', [{ service: 'a.B' }, { service: 'a.Bcd' }]],
    [
      'the longer method',
      [
        { service: 'a.B', method: 'Go' },
        { service: 'a.B', method: 'Going' },
      ],
    ],
    ['an exact name before an expression', [{ type: 'RegularExpression', service: 'a[.].*long' }, { service: 'a.B' }]],
  ])('of a GRPCRoute: %s', (_what, [second, first]) => {
    const rules = [
      { name: 'b', matches: [{ method: second }] },
      { name: 'a', matches: [{ method: first }] },
    ]
    expect(order(compiled(...temp, aGrpcRoute('r', { parentRefs: OF_TEMP, rules })))?.slice(0, 2)).toEqual(['a', 'b'])
  })

  it('a GRPCRoute before an HTTPRoute', () => {
    const http = aHttpRoute('a', { parentRefs: OF_TEMP, rules: [rule('http', path('/a.B/Go', 'Exact'))] })
    const grpc = aGrpcRoute('z', { parentRefs: OF_TEMP, rules: [{ name: 'grpc', matches: [{ method: { service: 'a.B' } }] }] })
    expect(order(compiled(...temp, http, grpc))?.slice(0, 2)).toEqual(['grpc', 'http'])
  })
})

describe('a route that is attached to a host', () => {
  const split = (...backendRefs: readonly object[]) => aHttpRoute('r', { parentRefs: OF_TEMP, rules: [{ backendRefs }] })

  it('has its calls, and what it does not take is answered 404', () => {
    const snapshot = compiled(...temp, aHttpRoute('r', { parentRefs: OF_TEMP, rules: [rule('a', path('/a'))] }))
    const routes = snapshot.hosts.get('default/temp')?.routes ?? []
    expect(routes.map(({ name }) => name)).toEqual(['a', 'no-route', 'default'])
    expect(routes[1]).toMatchObject({ matches: [], answer: { kind: 'refusal' } })
    expect(conditionsOf(snapshot, 'default/r')).toEqual(['temp Accepted=True Accepted', 'temp ResolvedRefs=True ResolvedRefs'])
  })

  it.each<readonly [string, readonly object[], readonly string[]]>([
    ['one backend', [ref('temp')], ['default/temp-v1=1']],
    ['weights', [ref('temp', { weight: 9 }), ref('other', { weight: 1 })], ['default/other-v1=1', 'default/temp-v1=9']],
    ['weight 1 where none is written', [ref('temp'), ref('other', { weight: 3 })], ['default/other-v1=3', 'default/temp-v1=1']],
    ['a Function by its kind', [{ group: 'weft.dev', kind: 'Function', name: 'other' }], ['default/other-v1=1']],
    ['a Service over revisions', [ref('both')], ['default/other-v1=1']],
  ])('sends them by %s', (_what, backends, shares) => {
    const snapshot = compiled(...temp, ...deployed('other'), aService('both', { app: 'other' }), split(...backends))
    expect(sharesOf(snapshot, 'default/temp', 0)).toEqual(shares)
  })

  it.each<readonly [string, object, string]>([
    ['nothing', ref('nobody'), 'BackendNotFound'],
    ['a port that is not there', { name: 'temp', port: 9 }, 'BackendNotFound'],
    ['a kind that is none', { group: 'example.org', kind: 'Bucket', name: 'x' }, 'InvalidKind'],
    ['another namespace without its leave', ref('temp', { namespace: 'shop' }), 'RefNotPermitted'],
    ['a Function that is not there', { group: 'weft.dev', kind: 'Function', name: 'nobody' }, 'BackendNotFound'],
  ])('answers 500 for a share of %s, and says why', (_what, backend, reason) => {
    const snapshot = compiled(...temp, ...deployed('temp', 'shop'), split(ref('temp'), backend))
    expect(snapshot.hosts.get('default/temp')?.routes[0]?.targets).toEqual([
      { weight: 1, workload: 'default/temp-v1' },
      { weight: 1, workload: undefined, missing: expect.any(String), missingStatus: 500 },
    ])
    expect(conditionsOf(snapshot, 'default/r')).toEqual(['temp Accepted=True Accepted', `temp ResolvedRefs=False ${reason}`])
    expect(reasonsOf(snapshot)).toEqual([`HTTPRoute/r ${reason}`])
  })

  it('of gRPC answers 503 for such a share', () => {
    const snapshot = compiled(...temp, aGrpcRoute('r', { parentRefs: OF_TEMP, rules: [{ backendRefs: [ref('nobody')] }] }))
    expect(snapshot.hosts.get('default/temp')?.routes[0]?.targets).toEqual([{ weight: 1, workload: undefined, missing: expect.any(String) }])
  })

  it.each([
    ['no backendRefs', []],
    ['weights of 0 alone', [ref('temp', { weight: 0 })]],
  ])('answers 500 with %s', (_what, backends) => {
    expect(compiled(...temp, split(...backends)).hosts.get('default/temp')?.routes[0]?.targets).toMatchObject([{ workload: undefined, missingStatus: 500 }])
  })

  it('holds for its port alone, by number or by name', () => {
    const service = aService(
      'both',
      { app: 'temp' },
      {
        ports: [
          { port: 8080, name: 'http' },
          { port: 9090, name: 'http-admin' },
        ],
      },
    )
    for (const parent of [toHost('both', { port: 9090 }), toHost('both', { sectionName: 'http-admin' })]) {
      const snapshot = compiled(...temp, service, aHttpRoute('r', { parentRefs: [parent], rules: [rule('a', path('/a'))] }))
      const routes = snapshot.hosts.get('default/both')?.routes ?? []
      expect(routes.map(({ name, matches }) => [name, matches[0]?.port])).toEqual([
        ['a', 9090],
        ['no-route', 9090],
        ['default', undefined],
      ])
    }
  })

  it.each([
    ['a host that is not there', toHost('nobody')],
    ['a port that is not there', toHost('temp', { port: 9 })],
    ['a name of a port that is not there', toHost('temp', { sectionName: 'http-admin' })],
    ['a Function that is not there', { group: 'weft.dev', kind: 'Function', name: 'nobody' }],
  ])('is not accepted at %s', (_what, parent) => {
    const snapshot = compiled(...temp, aHttpRoute('r', { parentRefs: [parent], rules: [rule('a', path('/a'))] }))
    expect(conditionsOf(snapshot, 'default/r')[0]).toMatch(/ Accepted=False NoMatchingParent$/)
    expect(order(snapshot)).toEqual(['default'])
  })

  it('has several parents, each with its own conditions', () => {
    const route = aHttpRoute('r', { parentRefs: [toHost('nobody'), toHost('temp')], rules: [rule('a')] })
    expect(conditionsOf(compiled(...temp, route), 'default/r')).toEqual([
      'nobody Accepted=False NoMatchingParent',
      'nobody ResolvedRefs=True ResolvedRefs',
      'temp Accepted=True Accepted',
      'temp ResolvedRefs=True ResolvedRefs',
    ])
  })

  it('says nothing of parents that are somebody else\u2019s', () => {
    const route = aHttpRoute('r', { parentRefs: [{ group: 'example.org', kind: 'Mesh', name: 'x' }], rules: [rule('a')] })
    expect(compiled(...temp, route).statuses.size).toBe(0)
  })

  it('gives way to a VirtualService of the host, and takes over when that goes', () => {
    const compiler = newCompiler()
    const owner = aVirtualService('owner', { hosts: ['temp'], http: [{ route: [{ destination: { host: 'temp' } }] }] })
    const first = compiler.apply([...temp, owner, split(ref('temp'))].map(set)).snapshot
    expect(conditionsOf(first, 'default/r')[0]).toBe('temp Accepted=False HostConflict')
    expect(reasonsOf(first)).toEqual(['HTTPRoute/r HostConflict'])
    expect(order(first)).toEqual(['owner-0'])
    const second = compiler.apply([removed(owner)]).snapshot
    expect(conditionsOf(second, 'default/r')[0]).toBe('temp Accepted=True Accepted')
    expect(order(second)).toEqual(['r-0', 'no-route', 'default'])
  })

  it('owns the split of a function that has one', () => {
    const pinned = aFunction('temp', { traffic: { v1: 100 }, spec: { traffic: [{ revision: 'v1', weight: 100 }] } })
    expect(reasonsOf(compiled(pinned, aRevision('temp', 'v1'), split(ref('temp'))))).toEqual(['Function/temp SplitOwned'])
  })

  it('follows what it refers to, as that comes and goes', () => {
    const compiler = newCompiler()
    const later = deployed('later')
    compiler.apply([...temp, split(ref('later'))].map(set))
    expect(sharesOf(compiler.snapshot, 'default/temp', 0)).toEqual(['?=1'])
    expect(sharesOf(compiler.apply(later.map(set)).snapshot, 'default/temp', 0)).toEqual(['default/later-v1=1'])
    expect(conditionsOf(compiler.snapshot, 'default/r')[1]).toBe('temp ResolvedRefs=True ResolvedRefs')
    expect(compiler.apply([removed(split())]).snapshot.statuses.size).toBe(0)
    expect(order(compiler.snapshot)).toEqual(['default'])
  })
})

describe('a route of another namespace', () => {
  const consumer = (backend: object) =>
    aHttpRoute('mine', { parentRefs: [toHost('temp', { namespace: 'default' })], rules: [{ backendRefs: [backend] }] }, { namespace: 'shop' })

  it('holds for callers of its own namespace, who have nothing of the host\u2019s own routes', () => {
    const producer = aHttpRoute('r', { parentRefs: OF_TEMP, rules: [rule('own')] })
    const routes = compiled(...temp, producer, consumer(ref('temp', { namespace: 'default' }))).hosts.get('default/temp')?.routes ?? []
    expect(routes.map(({ name, matches }) => [name, matches[0]?.sourceNamespace])).toEqual([
      ['mine-0', 'shop'],
      ['no-route', 'shop'],
      ['own', undefined],
      ['no-route', undefined],
      ['default', undefined],
    ])
  })

  it('needs no leave to send them where they would have gone', () => {
    const snapshot = compiled(...temp, consumer(ref('temp', { namespace: 'default' })))
    expect(conditionsOf(snapshot, 'shop/mine')).toEqual(['temp Accepted=True Accepted', 'temp ResolvedRefs=True ResolvedRefs'])
    expect(sharesOf(snapshot, 'default/temp', 0)).toEqual(['default/temp-v1=1'])
  })

  it('cannot take over the calls of others', () => {
    const snapshot = compiled(...temp, ...deployed('evil', 'shop'), consumer(ref('evil')))
    const wide = snapshot.hosts.get('default/temp')?.routes.filter(({ matches }) => matches.every((match) => match.sourceNamespace === undefined)) ?? []
    expect(wide.flatMap(({ targets }) => targets.map(({ workload }) => workload))).toEqual(['default/temp-v1'])
  })
})

describe('a ReferenceGrant', () => {
  const route = aHttpRoute('r', { parentRefs: OF_TEMP, rules: [{ backendRefs: [ref('stock', { namespace: 'shop' })] }] })
  const from = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }
  const to = { group: '', kind: 'Service' }
  const grant = (spec: object, namespace = 'shop') => aReferenceGrant('g', spec, { namespace })
  const world = [...temp, ...deployed('stock', 'shop'), route]

  it.each<readonly [string, Resource, boolean]>([
    ['of all Services', grant({ from: [from], to: [to] }), true],
    ['of this one', grant({ from: [from], to: [{ ...to, name: 'stock' }] }), true],
    ['among others', grant({ from: [{ ...from, namespace: 'x' }, from], to: [{ group: '', kind: 'Secret' }, to] }), true],
    ['of another name', grant({ from: [from], to: [{ ...to, name: 'other' }] }), false],
    ['of another kind', grant({ from: [from], to: [{ group: '', kind: 'Secret' }] }), false],
    ['for another namespace', grant({ from: [{ ...from, namespace: 'x' }], to: [to] }), false],
    ['for another kind', grant({ from: [{ ...from, kind: 'GRPCRoute' }], to: [to] }), false],
    ['for another group', grant({ from: [{ ...from, group: '' }], to: [to] }), false],
    ['in another namespace', grant({ from: [from], to: [to] }, 'default'), false],
  ])('%s', (_what, resource, allowed) => {
    const snapshot = compiled(...world, resource)
    expect(sharesOf(snapshot, 'default/temp', 0)).toEqual([allowed ? 'shop/stock-v1=1' : '?=1'])
    expect(conditionsOf(snapshot, 'default/r')[1]).toBe(`temp ResolvedRefs=${allowed ? 'True ResolvedRefs' : 'False RefNotPermitted'}`)
  })

  it('is in force when it is given, and not when it is withdrawn', () => {
    const compiler = newCompiler()
    const given = grant({ from: [from], to: [to] })
    const shares = () => sharesOf(compiler.snapshot, 'default/temp', 0)
    compiler.apply(world.map(set))
    expect(shares()).toEqual(['?=1'])
    compiler.apply([set(given)])
    expect(shares()).toEqual(['shop/stock-v1=1'])
    compiler.apply([removed(given)])
    expect(shares()).toEqual(['?=1'])
  })
})
