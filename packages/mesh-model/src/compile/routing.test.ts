import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import {
  aDestinationRule,
  aFunction,
  aNamespace,
  aRevision,
  aService,
  aVirtualService,
  compiled,
  newCompiler,
  reasonsOf,
  removed,
  set,
  sharesOf,
} from '../../test/resources.ts'

const temp = [aFunction('temp', { traffic: { v1: 90, v2: 10 } }), aRevision('temp', 'v1'), aRevision('temp', 'v2', { number: 2 })]
const article = [
  aFunction('tempv1', { traffic: { '00001': 100 } }),
  aRevision('tempv1', '00001', { labels: { app: 'temp', version: 'v1' } }),
  aFunction('tempv2', { traffic: { '00001': 100 } }),
  aRevision('tempv2', '00001', { labels: { app: 'temp', version: 'v2' } }),
  aService('temp', { app: 'temp' }),
]
const subsets = { v1: { version: 'v1' }, v2: { version: 'v2' } }
const split = (v1: number, v2: number) => ({
  hosts: ['temp'],
  http: [
    {
      route: [
        { destination: { host: 'temp', subset: 'v1' }, weight: v1 },
        { destination: { host: 'temp', subset: 'v2' }, weight: v2 },
      ],
    },
  ],
})
const to = (host: string, subset?: string) => [{ destination: { host, ...(subset === undefined ? {} : { subset }) } }]

interface Case {
  readonly name: string
  readonly resources: readonly Resource[]
  readonly host?: string
  readonly shares: readonly string[]
  readonly reasons?: readonly string[]
}

const cases: readonly Case[] = [
  { name: "a function's split is its status, weight by weight", resources: temp, shares: ['default/temp-v1=90', 'default/temp-v2=10'] },
  {
    name: 'a function without a ready revision answers 503',
    resources: [aFunction('temp'), aRevision('temp', 'v1', { phase: 'Pending' })],
    shares: ['?=100'],
  },
  {
    name: 'a share of a revision that is gone answers 503, the rest lives',
    resources: [aFunction('temp', { traffic: { v1: 50, v9: 50 } }), aRevision('temp', 'v1')],
    shares: ['?=50', 'default/temp-v1=50'],
  },
  { name: 'two functions behind a Service share its calls', resources: article, shares: ['default/tempv1-00001=50', 'default/tempv2-00001=50'] },
  {
    name: 'a VirtualService splits two functions behind a Service 90/10',
    resources: [...article, aVirtualService('temp', split(90, 10)), aDestinationRule('temp', subsets)],
    shares: ['default/tempv1-00001=90', 'default/tempv2-00001=10'],
  },
  {
    name: 'a VirtualService splits two revisions of one function, whatever their own split',
    resources: [...temp, aVirtualService('temp', split(20, 80)), aDestinationRule('temp', subsets)],
    shares: ['default/temp-v1=20', 'default/temp-v2=80'],
  },
  {
    name: "a Service over two functions follows each function's own split",
    resources: [
      ...temp,
      aFunction('other', { traffic: { '00001': 100 } }),
      aRevision('other', '00001', { labels: { app: 'temp' } }),
      aService('all', { app: 'temp' }),
    ],
    host: 'default/all',
    shares: ['default/other-00001=50', 'default/temp-v1=45', 'default/temp-v2=5'],
  },
  {
    name: 'shares that are not whole become parts of a million',
    resources: [
      ...temp,
      aFunction('b', { traffic: { x: 100 } }),
      aRevision('b', 'x', { labels: { app: 'temp' } }),
      aFunction('c', { traffic: { x: 100 } }),
      aRevision('c', 'x', { labels: { app: 'temp' } }),
      aService('all', { app: 'temp' }),
    ],
    host: 'default/all',
    shares: ['default/b-x=333333', 'default/c-x=333333', 'default/temp-v1=300000', 'default/temp-v2=33333'],
  },
  {
    name: 'a Service selects by the labels that every revision has',
    resources: [...temp, aService('pinned', { 'weft.dev/function': 'temp', 'weft.dev/revision': 'v2' })],
    host: 'default/pinned',
    shares: ['default/temp-v2=100'],
  },
  {
    name: 'a Service over functions leaves out the one that is not ready',
    resources: [
      ...article.slice(0, 2),
      aFunction('tempv2'),
      aRevision('tempv2', '00001', { phase: 'Pending', labels: { app: 'temp' } }),
      aService('temp', { app: 'temp' }),
    ],
    shares: ['default/tempv1-00001=100'],
  },
  { name: 'a Service that selects nothing answers 503', resources: [aService('temp', { app: 'none' })], shares: ['?=100'] },
  {
    name: 'a Service that selects nothing leaves the host to the function of its name',
    resources: [...temp, aService('temp', { app: 'none' })],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
  },
  {
    name: 'a Service that selects another function has the host, and the shadowed function is told',
    resources: [...temp, aFunction('b', { traffic: { x: 100 } }), aRevision('b', 'x'), aService('temp', { app: 'b' })],
    shares: ['default/b-x=100'],
    reasons: ['Function/temp HostOwnedByService'],
  },
  {
    name: 'a route to an unknown subset answers 503 for its share and says so',
    resources: [...temp, aVirtualService('temp', split(90, 10)), aDestinationRule('temp', { v1: { version: 'v1' } })],
    shares: ['?=10', 'default/temp-v1=90'],
    reasons: ['VirtualService/temp SubsetNotFound'],
  },
  {
    name: 'a route to an unknown host answers 503 for its share and says so',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('nobody') }] })],
    shares: ['?=100'],
    reasons: ['VirtualService/temp HostNotFound'],
  },
  {
    name: 'a route to a port that the host has not answers 503 and says so',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: [{ destination: { host: 'temp', port: { number: 9 } } }] }] })],
    shares: ['?=100'],
    reasons: ['VirtualService/temp PortNotFound'],
  },
  {
    name: 'a route to a foreign host name answers 503 and says so',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('api.example.com.') }] })],
    shares: ['?=100'],
    reasons: ['VirtualService/temp HostNotFound'],
  },
  {
    name: 'weights are shares of their sum, whatever it is',
    resources: [...temp, aVirtualService('temp', split(3, 1)), aDestinationRule('temp', subsets)],
    shares: ['default/temp-v1=3', 'default/temp-v2=1'],
  },
  {
    name: 'weights that add up to nothing answer 503 and say so',
    resources: [...temp, aVirtualService('temp', split(0, 0)), aDestinationRule('temp', subsets)],
    shares: ['?=100'],
    reasons: ['VirtualService/temp WeightsInvalid'],
  },
  {
    name: 'the only destination takes all, whatever its weight (Istio)',
    resources: [
      ...temp,
      aVirtualService('temp', { hosts: ['temp'], http: [{ route: [{ destination: { host: 'temp', subset: 'v1' }, weight: 0 }] }] }),
      aDestinationRule('temp', subsets),
    ],
    shares: ['default/temp-v1=100'],
  },
  {
    name: 'a VirtualService without subsets follows the split of the function',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('temp'), timeout: '3s' }] })],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
  },
  {
    name: 'a subset of a retired revision reaches it',
    resources: [
      aFunction('temp', { traffic: { v2: 100 } }),
      aRevision('temp', 'v1', { phase: 'Retired' }),
      aRevision('temp', 'v2'),
      aVirtualService('temp', split(90, 10)),
      aDestinationRule('temp', subsets),
    ],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
  },
  {
    name: 'a subset that several revisions have means the one with traffic',
    resources: [
      aFunction('tempv1', { traffic: { b: 100 } }),
      aRevision('tempv1', 'a', { labels: { app: 'temp', version: 'v1' }, phase: 'Retired' }),
      aRevision('tempv1', 'b', { labels: { app: 'temp', version: 'v1' }, number: 2 }),
      aRevision('tempv1', 'c', { labels: { app: 'temp', version: 'v1' }, number: 3, phase: 'Pending' }),
      aService('temp', { app: 'temp' }),
      aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('temp', 'v1') }] }),
      aDestinationRule('temp', subsets),
    ],
    shares: ['default/tempv1-b=100'],
  },
  {
    name: 'of two VirtualServices for a host the older one counts, and the younger is told',
    resources: [
      ...temp,
      aDestinationRule('temp', subsets),
      aVirtualService('young', { hosts: ['temp'], http: [{ route: to('temp', 'v2') }] }, { created: '2026-02-01T00:00:00Z' }),
      aVirtualService('zold', { hosts: ['temp'], http: [{ route: to('temp', 'v1') }] }),
    ],
    shares: ['default/temp-v1=100'],
    reasons: ['VirtualService/young HostConflict'],
  },
  {
    name: 'a VirtualService with a field that is not supported has no effect and names the field',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('nobody'), mirror_percent: 1 }] })],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
    reasons: ['VirtualService/temp FieldNotSupported'],
  },
  {
    name: 'a VirtualService with a pattern that RE2 refuses has no effect',
    resources: [...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ match: [{ uri: { regex: '(?=x)' } }], route: to('nobody') }] })],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
    reasons: ['VirtualService/temp InvalidResource'],
  },
  {
    name: 'a VirtualService that would set an identity header has no effect',
    resources: [
      ...temp,
      aVirtualService('temp', { hosts: ['temp'], http: [{ headers: { request: { set: { 'X-Forwarded-Client-Cert': 'URI=x' } } }, route: to('nobody') }] }),
    ],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
    reasons: ['VirtualService/temp InvalidResource'],
  },
  {
    name: 'a pinned function is told that a VirtualService owns its split',
    resources: [
      aFunction('temp', { traffic: { v1: 100 }, spec: { traffic: [{ revision: 'v1', weight: 100 }] } }),
      ...temp.slice(1),
      aVirtualService('temp', split(50, 50)),
      aDestinationRule('temp', subsets),
    ],
    shares: ['default/temp-v1=50', 'default/temp-v2=50'],
    reasons: ['Function/temp SplitOwned'],
  },
  {
    name: 'a VirtualService and a DestinationRule for nothing are told so',
    resources: [...temp, aVirtualService('x', { hosts: ['ghost', 'api.example.com.'], http: [{ route: to('temp') }] }), aDestinationRule('phantom', subsets)],
    shares: ['default/temp-v1=90', 'default/temp-v2=10'],
    reasons: ['DestinationRule/phantom HostNotFound', 'VirtualService/x HostNotFound'],
  },
  {
    name: 'v1alpha3 of a VirtualService is read like v1',
    resources: [...temp, aVirtualService('temp', split(1, 99), { version: 'v1alpha3' }), aDestinationRule('temp', subsets)],
    shares: ['default/temp-v1=1', 'default/temp-v2=99'],
  },
  {
    name: 'the alias openfaas-fn is the namespace default, for resources and in host names',
    resources: [
      ...temp,
      aVirtualService('temp', { hosts: ['temp.openfaas-fn'], http: [{ route: to('temp.openfaas-fn.svc.cluster.local', 'v1') }] }, { namespace: 'openfaas-fn' }),
      aDestinationRule('temp.openfaas-fn.svc', subsets),
    ],
    shares: ['default/temp-v1=100'],
  },
]

describe('where the calls of a host go', () => {
  it.each(cases)('$name', ({ resources, host = 'default/temp', shares, reasons = [] }) => {
    const snapshot = compiled(...resources)
    expect(sharesOf(snapshot, host)).toEqual([...shares].toSorted())
    expect(reasonsOf(snapshot)).toEqual(reasons)
  })
})

describe('hosts', () => {
  it('a function answers on 80, 8080 and its own port, under its full name', () => {
    const host = compiled(aFunction('temp', { traffic: { v1: 100 }, spec: { template: { port: 3000 } } }), aRevision('temp', 'v1')).hosts.get('default/temp')
    expect(host).toMatchObject({ ports: [80, 3000, 8080], fqdn: 'temp.default.svc.cluster.local' })
  })

  it('header rules of a function come before its weights', () => {
    const fn = aFunction('temp', { traffic: { v1: 100 }, spec: { matches: [{ headers: { 'End-User': 'jason' }, revision: 'v2' }] } })
    const routes = compiled(fn, aRevision('temp', 'v1'), aRevision('temp', 'v2', { phase: 'Retired' })).hosts.get('default/temp')?.routes
    expect(routes).toMatchObject([
      { matches: [{ headers: [{ name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false }] }], targets: [{ workload: 'default/temp-v2' }] },
      { matches: [], targets: [{ workload: 'default/temp-v1' }] },
    ])
  })

  it('a header rule for a revision that is not there answers 503, and the function is told', () => {
    const snapshot = compiled(
      aFunction('temp', { traffic: { v1: 100 }, spec: { matches: [{ headers: { a: 'b' }, revision: 'v9' }] } }),
      aRevision('temp', 'v1'),
    )
    expect(sharesOf(snapshot, 'default/temp', 0)).toEqual(['?=100'])
    expect(reasonsOf(snapshot)).toEqual(['Function/temp RevisionNotFound'])
  })

  it('a VirtualService of another namespace holds for the callers of that namespace alone', () => {
    const snapshot = compiled(
      ...temp,
      aNamespace('team'),
      aDestinationRule('temp', subsets),
      aVirtualService(
        'mine',
        { hosts: ['temp.default'], http: [{ match: [{ uri: { prefix: '/x' } }], route: to('temp.default', 'v2') }] },
        { namespace: 'team' },
      ),
    )
    expect(snapshot.hosts.get('default/temp')?.routes).toMatchObject([
      { matches: [{ sourceNamespace: 'team', path: { match: { kind: 'prefix', value: '/x' } } }], targets: [{ workload: 'default/temp-v2' }] },
      { matches: [{ sourceNamespace: 'team' }], targets: [{ workload: undefined }] },
      { matches: [], targets: [{ workload: 'default/temp-v1' }, { workload: 'default/temp-v2' }] },
    ])
  })

  it('a DestinationRule of a third namespace does not change what a subset is', () => {
    const snapshot = compiled(
      ...temp,
      aDestinationRule('temp', { v1: { version: 'v1' } }),
      aDestinationRule('temp.default', { v1: { version: 'v2' } }, { namespace: 'evil', created: '2020-01-01T00:00:00Z' }),
      aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('temp', 'v1') }] }),
    )
    expect(sharesOf(snapshot, 'default/temp')).toEqual(['default/temp-v1=100'])
  })

  it('everything a VirtualService says about a route is in the route', () => {
    const http = [
      {
        name: 'all',
        match: [
          {
            uri: { prefix: '/Api' },
            ignoreUriCase: true,
            method: { exact: 'GET' },
            authority: { exact: 'TEMP.default' },
            headers: { 'X-A': { exact: '1' }, 'x-b': {}, 'x-c': { regex: 'a+' } },
            withoutHeaders: { 'x-d': { prefix: 'z' } },
            queryParams: { q: { exact: '1' } },
            port: 8080,
            sourceLabels: { app: 'control' },
            sourceNamespace: 'openfaas-fn',
          },
        ],
        route: [{ destination: { host: 'temp' }, headers: { response: { remove: ['X-R'] } } }],
        timeout: '1.5s',
        retries: { attempts: 3, perTryTimeout: '500ms', retryOn: '5xx,reset' },
        headers: { request: { set: { 'X-S': '100%' }, add: { 'X-T': 't' } } },
      },
    ]
    const [route] = compiled(...temp, aVirtualService('temp', { hosts: ['temp'], http })).hosts.get('default/temp')?.routes ?? []
    expect(route).toMatchObject({
      name: 'all',
      origin: { kind: 'VirtualService', name: 'temp' },
      timeoutMs: 1500,
      retries: { attempts: 3, perTryTimeoutMs: 500, retryOn: '5xx,reset' },
      requestHeaders: { set: [{ name: 'x-s', value: '100%' }], add: [{ name: 'x-t', value: 't' }], remove: [] },
      matches: [
        {
          path: { match: { kind: 'prefix', value: '/Api' }, ignoreCase: true },
          methods: [{ kind: 'exact', value: 'GET' }],
          authority: { kind: 'exact', value: 'temp.default' },
          headers: [
            { name: 'x-a', match: { kind: 'exact', value: '1' }, invert: false },
            { name: 'x-b', match: { kind: 'present' }, invert: false },
            { name: 'x-c', match: { kind: 'regex', value: 'a+' }, invert: false },
            { name: 'x-d', match: { kind: 'prefix', value: 'z' }, invert: true },
          ],
          queryParameters: [{ name: 'q', match: { kind: 'exact', value: '1' } }],
          port: 8080,
          sourceLabels: { app: 'control' },
          sourceNamespace: 'default',
        },
      ],
    })
    expect(route?.targets[0]?.responseHeaders).toEqual({ set: [], add: [], remove: ['x-r'] })
  })

  it('go when their function goes, with everything that it had', () => {
    const compiler = newCompiler()
    compiler.apply(temp.map(set))
    const { snapshot, difference } = compiler.apply(temp.map(removed))
    expect([snapshot.hosts.size, snapshot.workloads.size]).toEqual([0, 0])
    expect(difference).toMatchObject({ hosts: { set: [], removed: ['default/temp'] }, workloads: { set: [], removed: ['default/temp-v1', 'default/temp-v2'] } })
  })

  it('a destination that appears later is found then', () => {
    const compiler = newCompiler()
    compiler.apply([...temp, aVirtualService('temp', { hosts: ['temp'], http: [{ route: to('late', 'x') }] })].map(set))
    expect(reasonsOf(compiler.snapshot)).toEqual(['VirtualService/temp HostNotFound'])
    compiler.apply([set(aFunction('late', { traffic: { a: 100 } }))])
    expect(reasonsOf(compiler.snapshot)).toEqual(['VirtualService/temp SubsetNotFound'])
    compiler.apply([set(aDestinationRule('late', { x: { version: 'a' } }))])
    expect(sharesOf(compiler.snapshot, 'default/temp')).toEqual(['?=100'])
    compiler.apply([set(aRevision('late', 'a'))])
    expect(sharesOf(compiler.snapshot, 'default/temp')).toEqual(['default/late-a=100'])
    expect(reasonsOf(compiler.snapshot)).toEqual([])
  })
})

describe('namespaces', () => {
  it('are those that exist, and default; the alias is none', () => {
    expect([...compiled(aNamespace('team'), aNamespace('openfaas-fn')).namespaces].toSorted()).toEqual(['default', 'team'])
  })
})
