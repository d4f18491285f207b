import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aFunction, aRevision, aService, compiled, newCompiler, reasonsOf, removed, set } from '../../test/resources.ts'

const temp = [
  aFunction('temp', { traffic: { v1: 100 } }),
  aRevision('temp', 'v1', { labels: { app: 'temp', version: 'v1' } }),
  aRevision('temp', 'v2', { labels: { app: 'temp', version: 'v2' }, number: 2 }),
]
const rule = (name: string, spec: object, place: { readonly namespace?: string; readonly created?: string } = {}): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name, namespace: place.namespace ?? 'default', creationTimestamp: place.created ?? '2026-01-01T00:00:00Z' },
  spec: { host: 'temp.default', ...spec },
})
const lb = (simple: string) => ({ loadBalancer: { simple } })
const balancerOf = (resources: readonly Resource[], workload = 'default/temp-v1') => compiled(...resources).workloads.get(workload)?.traffic?.balancer?.kind

describe('how often a function may be called', () => {
  const limited = (annotations: Readonly<Record<string, string>>): Resource => {
    const fn = aFunction('temp', { traffic: { v1: 100 } })
    return { ...fn, metadata: { ...fn.metadata, annotations } }
  }

  it('is said by its annotations, for all its revisions, until they are taken back', () => {
    const compiler = newCompiler()
    compiler.apply(temp.map(set))
    const said = compiler.apply([set(limited({ 'weft.dev/rate-limit': '5/1m', 'weft.dev/rate-limit-per-header': 'X-User=2/1s' }))])
    expect(said.difference.workloads.set).toEqual(['default/temp-v1', 'default/temp-v2'].filter((key) => said.snapshot.workloads.has(key)))
    expect(said.snapshot.workloads.get('default/temp-v1')?.rates).toEqual({
      all: { calls: 5, intervalMs: 60_000 },
      perHeader: { header: 'x-user', limit: { calls: 2, intervalMs: 1000 } },
    })
    expect(compiler.apply([set(limited({}))]).snapshot.workloads.get('default/temp-v1')?.rates).toBeUndefined()
  })

  it('is said by the annotations of its template too, where its own say nothing', () => {
    const { metadata, ...fn } = limited({ 'weft.dev/rate-limit-per-caller': '7/1s' })
    const template = { runtime: 'node22', annotations: { 'weft.dev/rate-limit': '5/1m', 'weft.dev/rate-limit-per-caller': '9/1s' } }
    const { workloads } = compiled(...temp.slice(1), { ...fn, metadata, spec: { ...(fn.spec as object), template } })
    expect(workloads.get('default/temp-v1')?.rates).toEqual({ all: { calls: 5, intervalMs: 60_000 }, perCaller: { calls: 7, intervalMs: 1000 } })
  })

  it.each(['', '5', '0/1s', '5/', '5/1ms', '5/25h', '-1/1s', '5/soon', '1e9/1s'])('is not limited by %j, which is told', (text) => {
    const snapshot = compiled(...temp.slice(1), limited({ 'weft.dev/rate-limit': text }))
    expect(reasonsOf(snapshot)).toEqual(['Function/temp InvalidResource'])
    expect(snapshot.workloads.get('default/temp-v1')?.rates).toBeUndefined()
  })
})

describe('which calls of a function are watched', () => {
  const annotated = (value?: string): Resource => {
    const fn = aFunction('temp', { traffic: { v1: 100 } })
    return { ...fn, metadata: { ...fn.metadata, annotations: value === undefined ? {} : { 'weft.dev/streams': value } } }
  }

  it('is said by its annotation, until it is taken back', () => {
    const compiler = newCompiler()
    compiler.apply(temp.map(set))
    const said = compiler.apply([set(annotated('every-call'))])
    expect(said.difference.workloads.set).toContain('default/temp-v1')
    expect(said.snapshot.workloads.get('default/temp-v1')?.watched).toBe('every-call')
    expect(compiler.apply([set(annotated())]).snapshot.workloads.get('default/temp-v1')?.watched).toBeUndefined()
  })

  it('and nothing else can be said', () => {
    const snapshot = compiled(...temp.slice(1), annotated('some'))
    expect(reasonsOf(snapshot)).toEqual(['Function/temp InvalidResource'])
    expect(snapshot.workloads.get('default/temp-v1')?.watched).toBeUndefined()
  })
})

describe('how calls reach the workloads of a host', () => {
  it('is said for all of them, and by subsets for their own, setting by setting', () => {
    const policy = { ...lb('RANDOM'), outlierDetection: { consecutive5xxErrors: 3 } }
    const { workloads } = compiled(
      ...temp,
      rule('temp', { trafficPolicy: policy, subsets: [{ name: 'v2', labels: { version: 'v2' }, trafficPolicy: lb('ROUND_ROBIN') }] }),
    )
    expect(workloads.get('default/temp-v1')?.traffic).toEqual({ balancer: { kind: 'random' }, outliers: { errors: 3 } })
    expect(workloads.get('default/temp-v2')?.traffic).toEqual({ balancer: { kind: 'round-robin' }, outliers: { errors: 3 } })
  })

  it('is said by the oldest rule of its namespace, else by the mesh', () => {
    const [older, younger] = [rule('b', { trafficPolicy: lb('RANDOM') }), rule('a', { trafficPolicy: lb('ROUND_ROBIN') }, { created: '2026-02-01T00:00:00Z' })]
    const mesh = rule('mesh', { trafficPolicy: lb('LEAST_REQUEST') }, { namespace: 'weft-system' })
    expect(balancerOf([...temp, younger, mesh, older])).toBe('random')
    expect(balancerOf([...temp, mesh])).toBe('least-request')
  })

  it('is not said by another namespace, which is told', () => {
    const snapshot = compiled(...temp, rule('mine', { trafficPolicy: lb('RANDOM') }, { namespace: 'shop' }))
    expect(snapshot.workloads.get('default/temp-v1')?.traffic).toBeUndefined()
    expect(reasonsOf(snapshot)).toEqual(['DestinationRule/mine TrafficPolicyIgnored'])
  })

  it('is said by the function itself before a Service over it', () => {
    const service = [aService('all', { app: 'temp' }), rule('all', { host: 'all', trafficPolicy: lb('RANDOM') })]
    expect(balancerOf([...temp, ...service])).toBe('random')
    expect(balancerOf([...temp, ...service, rule('temp', { trafficPolicy: lb('ROUND_ROBIN') })])).toBe('round-robin')
  })

  it('is said for revisions that come later, until it is taken back', () => {
    const compiler = newCompiler()
    const how = rule('temp', { trafficPolicy: lb('RANDOM') })
    compiler.apply([...temp, how].map(set))
    const { snapshot } = compiler.apply([set(aRevision('temp', 'v3', { number: 3 }))])
    expect(snapshot.workloads.get('default/temp-v3')?.traffic?.balancer?.kind).toBe('random')
    const after = compiler.apply([removed(how)])
    expect(after.difference.workloads.set.toSorted()).toEqual(['default/temp-v1', 'default/temp-v2', 'default/temp-v3'])
    expect(after.snapshot.workloads.get('default/temp-v3')?.traffic).toBeUndefined()
  })

  it('is read with its limits', () => {
    const connectionPool = {
      tcp: { maxConnections: 1, connectTimeout: '30ms' },
      http: { http1MaxPendingRequests: 2, http2MaxRequests: 3, maxRequestsPerConnection: 0, maxRetries: 4, idleTimeout: '5s' },
    }
    expect(compiled(...temp, rule('temp', { trafficPolicy: { connectionPool } })).workloads.get('default/temp-v1')?.traffic?.pool).toEqual({
      maxConnections: 1,
      connectTimeoutMs: 30,
      maxPending: 2,
      maxRequests: 3,
      maxRetries: 4,
      idleTimeoutMs: 5000,
    })
  })

  it('keeps subsets where a setting is not supported, and says so', () => {
    const subsets = [{ name: 'v1', labels: { version: 'v1' } }]
    const snapshot = compiled(...temp, rule('temp', { subsets, trafficPolicy: { ...lb('RANDOM'), tunnel: {} } }))
    expect(reasonsOf(snapshot)).toEqual(['DestinationRule/temp FieldNotSupported'])
    expect(snapshot.workloads.get('default/temp-v1')?.traffic).toBeUndefined()
  })
})
