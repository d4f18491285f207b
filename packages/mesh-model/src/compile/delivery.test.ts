import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { createCompiler } from '../compiler.ts'
import type { MeshRoute } from '../snapshot.ts'

const API = 'weft.dev/v1alpha1'
const revision = (short: string): Resource => ({
  apiVersion: API,
  kind: 'Revision',
  metadata: { name: `temp-${short}`, namespace: 'default' },
  spec: { function: 'temp', revision: short, number: 1, template: { image: 'x' } },
  status: { phase: 'Active' },
})
const fn = (canary: unknown, traffic: unknown = [{ revision: 'v1', weight: 100 }], spec: object = {}): Resource => ({
  apiVersion: API,
  kind: 'Function',
  metadata: { name: 'temp', namespace: 'default' },
  spec: { template: { image: 'x' }, ...spec },
  status: { traffic, canary },
})
const service = (name: string): Resource => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: 'temp' }, ports: [{ port: 80 }] },
})

/** Routes of a host: their names, and where each of them goes. */
function routes(resources: readonly Resource[], host = 'temp'): readonly string[] {
  const { snapshot } = createCompiler({ proxies: ['node-1'] }).apply(
    [...resources, revision('v1'), revision('v2')].map((resource) => ({ type: 'set', resource })),
  )
  return (snapshot.hosts.get(`default/${host}`)?.routes ?? []).map(shown)
}

function shown({ name, targets, mirrors = [] }: MeshRoute): string {
  const shares = targets.map(
    ({ workload, weight, responseHeaders }) => `${workload?.slice(-2) ?? '-'}=${weight}${responseHeaders === undefined ? '' : ' with headers'}`,
  )
  return [`${name}:`, ...shares, ...mirrors.map(({ workload, millionths }) => `copies to ${workload?.slice(-2) ?? '-'} ${millionths / 10_000} %`)].join(' ')
}

const match = [{ headers: { 'x-user': { exact: 'jason' } } }]
const affinity = { cookie: 'run', value: 'v2.a', maxAgeSeconds: 60 }
const split = [
  { revision: 'v1', weight: 80 },
  { revision: 'v2', weight: 20 },
]

describe('the routes of a canary', () => {
  it.each<[string, readonly Resource[], readonly string[]]>([
    ['are none without one', [fn(undefined)], ['default: v1=100']],
    ['take calls that match to the candidate', [fn({ candidate: 'v2', match })], ['canary-match: v2=100', 'default: v1=100']],
    [
      'come after the header rules of the function',
      [fn({ candidate: 'v2', match }, undefined, { matches: [{ headers: { a: 'b' }, revision: 'v1' }] })],
      ['match-0: v1=100', 'canary-match: v2=100', 'default: v1=100'],
    ],
    ['copy calls', [fn({ candidate: 'v2', mirror: { percent: 50, methods: ['GET'] } })], ['canary-mirror: v1=100 copies to v2 50 %', 'default: v1=100']],
    ['copy nothing of no method', [fn({ candidate: 'v2', mirror: { percent: 50, methods: [] } })], ['default: v1=100']],
    ['give the share of the candidate a cookie', [fn({ candidate: 'v2', affinity }, split)], ['canary-session: v2=100', 'default: v1=80 v2=20 with headers']],
    ['take the cookie back', [fn({ candidate: 'v2', expire: { cookie: 'run' } })], ['canary-session-over: v1=100', 'default: v1=100']],
    [
      'take the cookie back although the candidate is gone',
      [fn({ candidate: 'v9', expire: { cookie: 'run' } })],
      ['canary-session-over: v1=100', 'default: v1=100'],
    ],
    ['leave out a candidate that is not there', [fn({ candidate: 'v9', match, affinity })], ['default: v1=100']],
    ['leave out what is not understood', [fn({ candidate: 'v2', match: 'x' })], ['default: v1=100']],
    ['leave out a match that the proxy could not read', [fn({ candidate: 'v2', match: [{ headers: { a: { regex: '(?=x)' } } }] })], ['default: v1=100']],
    ['hold behind a Service that has the name of the function', [fn({ candidate: 'v2', match }), service('temp')], ['canary-match: v2=100', 'default: v1=100']],
  ])('%s', (_name, resources, expected) => expect(routes(resources)).toEqual(expected))

  it('hold behind a Service of another name, as the split does', () => {
    expect(routes([fn({ candidate: 'v2', match }), service('front')], 'front')).toEqual(['canary-match: v2=100', 'default: v1=100'])
  })

  it.each<[string, object, readonly string[]]>([
    ['of all calls', { route: [{ destination: { host: 'temp' } }] }, ['vs-0-canary-match: v2=100', 'vs-0: v1=100']],
    [
      'with a share of 0 beside it',
      {
        route: [
          { destination: { host: 'gone' }, weight: 0 },
          { destination: { host: 'temp' }, weight: 100, headers: { response: { set: { a: 'b' } } } },
        ],
      },
      ['vs-0-canary-match: v2=100 with headers', 'vs-0: -=0 v1=100 with headers'],
    ],
    ['with shares for others', { route: ['temp', 'gone'].map((host) => ({ destination: { host }, weight: 50 })) }, ['vs-0: v1=50 -=50']],
    ['to a subset', { route: [{ destination: { host: 'temp', subset: 'v1' } }] }, ['vs-0: -=100']],
    ['to a port that is not there', { route: [{ destination: { host: 'temp', port: { number: 7 } } }] }, ['vs-0: -=100']],
    ['that redirects', { redirect: { uri: '/x' } }, ['vs-0:']],
  ])('hold in a route of a VirtualService %s, or do not', (_name, http, expected) => {
    const spec = { hosts: ['front'], http: [http] }
    const virtualService: Resource = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'vs', namespace: 'default' }, spec }
    expect(routes([fn({ candidate: 'v2', match }), service('front'), virtualService], 'front')).toEqual(expected)
  })

  it('go with the canary, and nothing else changes', () => {
    const compiler = createCompiler({ proxies: ['node-1'] })
    compiler.apply([fn({ candidate: 'v2', match }), revision('v1'), revision('v2')].map((resource) => ({ type: 'set', resource })))
    const { snapshot, difference } = compiler.apply([{ type: 'set', resource: fn(undefined) }])
    expect([difference.hosts.set, difference.workloads.set]).toEqual([['default/temp'], []])
    expect(snapshot.hosts.get('default/temp')?.routes.map(shown)).toEqual(['default: v1=100'])
  })
})
