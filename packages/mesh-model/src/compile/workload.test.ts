import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshWorkload, PolicyRule } from '../snapshot.ts'
import {
  aDestinationRule,
  aFunction,
  anAccount,
  aPeerAuthentication,
  aPolicy,
  aRevision,
  aService,
  aVirtualService,
  compiled,
  newCompiler,
  reasonsOf,
  removed,
  set,
} from '../../test/resources.ts'

const fn = aFunction('temp', { traffic: { v1: 100 } })
const v1 = aRevision('temp', 'v1')

/** A spec of a PeerAuthentication. */
function mode(value: string, labels?: Readonly<Record<string, string>>): object {
  return { mtls: { mode: value }, ...(labels === undefined ? {} : { selector: { matchLabels: labels } }) }
}

/** `namespace/policy/rule` of each rule. */
function rulesOf(rules: readonly PolicyRule[] | undefined): readonly string[] | undefined {
  return rules?.map((rule) => `${rule.policy.namespace}/${rule.policy.name}/${rule.index}`)
}

describe('which revisions are in the mesh', () => {
  const cases: readonly { readonly name: string; readonly resources: readonly Resource[]; readonly workloads: readonly string[] }[] = [
    { name: 'one with traffic', resources: [fn, v1], workloads: ['temp-v1'] },
    {
      name: 'one that is to be proven, before it has traffic',
      resources: [fn, v1, aRevision('temp', 'v2', { phase: 'Pending' })],
      workloads: ['temp-v1', 'temp-v2'],
    },
    { name: 'one that still runs', resources: [fn, v1, aRevision('temp', 'v0', { phase: 'Active' })], workloads: ['temp-v0', 'temp-v1'] },
    {
      name: 'none that is retired or failed',
      resources: [fn, v1, aRevision('temp', 'v0', { phase: 'Retired' }), aRevision('temp', 'v2', { phase: 'Failed' })],
      workloads: ['temp-v1'],
    },
    {
      name: 'a retired one that a header rule names',
      resources: [
        aFunction('temp', { traffic: { v1: 100 }, spec: { matches: [{ headers: { a: 'b' }, revision: 'v0' }] } }),
        v1,
        aRevision('temp', 'v0', { phase: 'Retired' }),
      ],
      workloads: ['temp-v0', 'temp-v1'],
    },
    {
      name: 'a retired one that a subset of a host names',
      resources: [fn, v1, aRevision('temp', 'v0', { phase: 'Retired' }), aDestinationRule('temp', { old: { version: 'v0' } })],
      workloads: ['temp-v0', 'temp-v1'],
    },
    {
      name: 'a retired one that a Service alone selects',
      resources: [fn, v1, aRevision('temp', 'v0', { phase: 'Retired' }), aService('old', { version: 'v0' })],
      workloads: ['temp-v0', 'temp-v1'],
    },
    {
      name: 'none of a revision whose name is not that of its function',
      resources: [fn, v1, { ...aRevision('victim', 'v1'), metadata: { name: 'mine', namespace: 'default' } }],
      workloads: ['temp-v1'],
    },
    { name: "none in the platform's namespace", resources: [aRevision('ingress', 'v1', { namespace: 'weft-system' })], workloads: [] },
  ]
  it.each(cases)('$name', ({ resources, workloads }) => {
    expect([...compiled(...resources).workloads.values()].map(({ name }) => name).toSorted()).toEqual(workloads)
  })

  it('leave when the last that refers to them goes', () => {
    const compiler = newCompiler()
    const rule = aDestinationRule('temp', { old: { version: 'v0' } })
    const route = aVirtualService('temp', { hosts: ['temp'], http: [{ route: [{ destination: { host: 'temp', subset: 'old' } }] }] })
    compiler.apply([fn, v1, aRevision('temp', 'v0', { phase: 'Retired' }), rule, route].map(set))
    expect(compiler.apply([removed(route)]).difference.workloads).toEqual({ set: [], removed: [] })
    expect(compiler.apply([removed(rule)]).difference.workloads).toEqual({ set: [], removed: ['default/temp-v0'] })
  })
})

describe('a workload', () => {
  it('has the labels of its template, and those that the mesh gives it', () => {
    const labels = { app: 'shop', tier: 'x', 'weft.dev/function': 'forged' }
    expect(workload(fn, aRevision('temp', 'v1', { labels })).labels).toEqual({
      app: 'shop',
      tier: 'x',
      version: 'v1',
      'weft.dev/function': 'temp',
      'weft.dev/revision': 'v1',
    })
  })

  it('has the time-out and readiness path of its template, or the defaults', () => {
    expect(workload(fn, v1)).toMatchObject({ timeoutMs: 60_000, readinessPath: '/_/ready', proxy: 'node', revision: 'v1', function: 'temp' })
    const template = { timeout: '1m30s', readinessPath: '/up' }
    expect(workload(fn, aRevision('temp', 'v1', { template }))).toMatchObject({ timeoutMs: 90_000, readinessPath: '/up' })
  })

  it('has the identity of its own name, and another only when that grants it', () => {
    const other = aRevision('temp', 'v1', { template: { serviceAccount: 'shared' } })
    expect(workload(fn, v1).serviceAccount).toBe('temp')
    expect(workload(fn, other).serviceAccount).toBe('temp')
    expect(workload(fn, other, anAccount('shared', 'someone, temp')).serviceAccount).toBe('shared')
    expect(reasonsOf(compiled(fn, other, anAccount('shared', 'someone')))).toEqual(['Revision/temp-v1 ServiceAccountNotGranted'])
  })

  it('takes its identity back when the grant goes', () => {
    const compiler = newCompiler()
    const other = aRevision('temp', 'v1', { template: { serviceAccount: 'shared' } })
    compiler.apply([fn, other, anAccount('shared', 'temp')].map(set))
    compiler.apply([set(anAccount('shared', ''))])
    expect(compiler.snapshot.workloads.get('default/temp-v1')?.serviceAccount).toBe('temp')
  })
})

describe('mutual TLS', () => {
  const cases: readonly { readonly name: string; readonly policies: readonly Resource[]; readonly expected: MeshWorkload['mtls'] }[] = [
    { name: 'is strict when nobody says otherwise', policies: [], expected: 'strict' },
    { name: 'is as the mesh has it', policies: [aPeerAuthentication('m', mode('DISABLE'), { namespace: 'weft-system' })], expected: 'disable' },
    { name: 'is as Istio’s root namespace has it', policies: [aPeerAuthentication('m', mode('DISABLE'), { namespace: 'istio-system' })], expected: 'disable' },
    {
      name: 'is as the namespace has it before the mesh',
      policies: [aPeerAuthentication('m', mode('DISABLE'), { namespace: 'weft-system' }), aPeerAuthentication('n', mode('PERMISSIVE'))],
      expected: 'permissive',
    },
    {
      name: 'is as the workload has it before the namespace',
      policies: [aPeerAuthentication('n', mode('PERMISSIVE')), aPeerAuthentication('w', mode('STRICT', { app: 'temp' }))],
      expected: 'strict',
    },
    {
      name: 'of two for the same the older counts',
      policies: [aPeerAuthentication('a', mode('DISABLE'), { created: '2026-02-01T00:00:00Z' }), aPeerAuthentication('z', mode('PERMISSIVE'))],
      expected: 'permissive',
    },
    {
      name: 'UNSET leaves it to the next wider one',
      policies: [aPeerAuthentication('w', mode('UNSET', { app: 'temp' })), aPeerAuthentication('n', mode('PERMISSIVE'))],
      expected: 'permissive',
    },
    { name: 'without a mode leaves it to the next wider one', policies: [aPeerAuthentication('n', {})], expected: 'strict' },
    { name: 'of other labels is not meant', policies: [aPeerAuthentication('w', mode('DISABLE', { app: 'other' }))], expected: 'strict' },
    { name: 'of another namespace is not meant', policies: [aPeerAuthentication('n', mode('DISABLE'), { namespace: 'team' })], expected: 'strict' },
    {
      name: 'is that of the workload port, where it has one',
      policies: [aPeerAuthentication('w', { ...mode('STRICT', { app: 'temp' }), portLevelMtls: { 8080: { mode: 'DISABLE' } } })],
      expected: 'disable',
    },
    {
      name: 'of a port leaves it to that of the workload when it is UNSET',
      policies: [aPeerAuthentication('w', { ...mode('PERMISSIVE', { app: 'temp' }), portLevelMtls: { 8080: { mode: 'UNSET' } } })],
      expected: 'permissive',
    },
    {
      name: 'of a port that no workload has means nothing',
      policies: [aPeerAuthentication('w', { ...mode('PERMISSIVE', { app: 'temp' }), portLevelMtls: { 80: { mode: 'DISABLE' } } })],
      expected: 'permissive',
    },
    {
      name: 'of a port means nothing without a selector',
      policies: [aPeerAuthentication('n', { mtls: { mode: 'PERMISSIVE' }, portLevelMtls: { 8080: { mode: 'DISABLE' } } })],
      expected: 'permissive',
    },
    {
      name: 'is strict where it cannot be understood',
      policies: [
        aPeerAuthentication('n', mode('DISABLE')),
        aPeerAuthentication('w', { mtls: { mode: 'DISABLE' }, selector: { matchLabels: { app: 'temp' } }, portLevelMtls: {} }),
      ],
      expected: 'strict',
    },
  ]
  it.each(cases)('$name', ({ policies, expected }) => {
    expect(workload(fn, v1, ...policies).mtls).toBe(expected)
  })
})

describe('policies that select a workload', () => {
  const selector = { matchLabels: { app: 'temp' } }
  const cases: readonly {
    readonly name: string
    readonly policies: readonly Resource[]
    readonly allow: readonly string[] | undefined
    readonly deny: readonly string[]
  }[] = [
    { name: 'none', policies: [], allow: undefined, deny: [] },
    { name: 'an empty one allows nothing', policies: [aPolicy('p', {})], allow: [], deny: [] },
    { name: 'by labels', policies: [aPolicy('p', { selector, rules: [{}] })], allow: ['default/p/0'], deny: [] },
    { name: 'not of other labels', policies: [aPolicy('p', { selector: { matchLabels: { app: 'other' } }, rules: [{}] })], allow: undefined, deny: [] },
    {
      name: 'not where only one of two labels is there',
      policies: [aPolicy('p', { selector: { matchLabels: { app: 'temp', x: 'y' } } })],
      allow: undefined,
      deny: [],
    },
    { name: 'not of another namespace', policies: [aPolicy('p', {}, { namespace: 'team' })], allow: undefined, deny: [] },
    { name: 'of the root namespace, for all', policies: [aPolicy('p', {}, { namespace: 'weft-system' })], allow: [], deny: [] },
    { name: 'of the root namespace under its name of Istio', policies: [aPolicy('p', {}, { namespace: 'istio-system' })], allow: [], deny: [] },
    {
      name: 'of the root namespace by labels',
      policies: [aPolicy('p', { selector, action: 'DENY', rules: [{}] }, { namespace: 'weft-system' })],
      allow: undefined,
      deny: ['weft-system/p/0'],
    },
    {
      name: 'all together, oldest first',
      policies: [
        aPolicy('a', { rules: [{}, {}] }, { created: '2026-03-01T00:00:00Z' }),
        aPolicy('b', { selector, rules: [{}] }),
        aPolicy('c', { action: 'DENY', rules: [{}] }),
        aPolicy('d', { rules: [{}] }, { namespace: 'weft-system', version: 'v1beta1' }),
      ],
      allow: ['default/b/0', 'weft-system/d/0', 'default/a/0', 'default/a/1'],
      deny: ['default/c/0'],
    },
    { name: 'an empty DENY denies nothing', policies: [aPolicy('p', { action: 'DENY' })], allow: undefined, deny: [] },
  ]
  it.each(cases)('$name', ({ policies, allow, deny }) => {
    const { policy } = workload(fn, v1, ...policies)
    expect({ allow: rulesOf(policy.allow), deny: rulesOf(policy.deny), broken: policy.broken }).toEqual({ allow, deny, broken: undefined })
  })

  const broken: readonly { readonly name: string; readonly spec: unknown; readonly says: string; readonly version?: string }[] = [
    { name: 'a condition that is not known', spec: { rules: [{ when: [{ key: 'x', values: ['y'] }] }] }, says: 'condition key x' },
    {
      name: 'a request principal that no token has',
      spec: { rules: [{ from: [{ source: { requestPrincipals: ['issuer'] } }] }] },
      says: '"issuer" is not ISSUER/SUBJECT',
    },
    { name: 'a block that is no address', spec: { action: 'DENY', rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/99'] } }] }] }, says: '"10.0.0.0/99"' },
    { name: 'the action CUSTOM', spec: { action: 'CUSTOM' }, says: 'spec.action' },
    { name: 'a target reference', spec: { targetRefs: [] }, says: 'spec.targetRefs' },
    { name: 'a source that says nothing', spec: { rules: [{ from: [{ source: {} }] }] }, says: 'spec.rules[0].from[0].source' },
    { name: 'an operation that says nothing', spec: { rules: [{ to: [{ operation: {} }] }] }, says: 'operation' },
    { name: 'a star in the middle', spec: { rules: [{ to: [{ operation: { paths: ['/a*b'] } }] }] }, says: '"/a*b"' },
    { name: 'a star at both ends', spec: { rules: [{ to: [{ operation: { paths: ['*b*'] } }] }] }, says: '"*b*"' },
    { name: 'a path template in the middle of a segment', spec: { rules: [{ to: [{ operation: { paths: ['/a{*}b'] } }] }] }, says: '"/a{*}b"' },
    { name: 'a selector by expressions', spec: { selector: { matchLabels: { app: 'temp' }, matchExpressions: [] } }, says: 'spec.selector.matchExpressions' },
    { name: 'a selector that is no object', spec: { selector: 7 }, says: 'spec.selector' },
    { name: 'a misspelt field', spec: { rule: [] }, says: 'spec.rule' },
    { name: 'a version that is not known', spec: { rules: [{}] }, version: 'v2', says: 'apiVersion' },
    { name: 'no object at all', spec: 'allow', says: 'spec' },
  ]
  it.each(broken)('deny everything when there is $name', ({ spec, version, says }) => {
    const snapshot = compiled(fn, v1, aPolicy('ok', { rules: [{}] }), aPolicy('p', spec, version === undefined ? {} : { version }))
    expect(snapshot.workloads.get('default/temp-v1')?.policy.broken).toMatchObject({ policy: { name: 'p' }, reason: expect.stringContaining(says) })
    expect(reasonsOf(snapshot)).toContain('AuthorizationPolicy/p PolicyBroken')
  })

  it('that are broken concern the workloads they select, nobody else', () => {
    const snapshot = compiled(fn, v1, aFunction('b', { traffic: { x: 100 } }), aRevision('b', 'x'), aPolicy('p', { selector, rules: [{ when: [] }] }))
    expect(snapshot.workloads.get('default/temp-v1')?.policy.broken).toBeDefined()
    expect(snapshot.workloads.get('default/b-x')?.policy.broken).toBeUndefined()
  })

  it('are found when the labels of a selector change', () => {
    const compiler = newCompiler()
    compiler.apply([fn, v1, aPolicy('p', { selector })].map(set))
    expect(compiler.snapshot.workloads.get('default/temp-v1')?.policy.allow).toEqual([])
    compiler.apply([set(aPolicy('p', { selector: { matchLabels: { app: 'other' } } }))])
    expect(compiler.snapshot.workloads.get('default/temp-v1')?.policy.allow).toBeUndefined()
  })
})

function workload(...resources: readonly Resource[]): MeshWorkload {
  const found = compiled(...resources).workloads.get('default/temp-v1')
  if (found === undefined) throw new Error('no workload')
  return found
}
