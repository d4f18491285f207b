import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aFunction, aRevision, newCompiler, removed, set } from '../../test/resources.ts'
import { describeChanges } from './describe-changes.ts'
import { describeDifference, type SnapshotChange } from './describe-difference.ts'

const base = [
  aFunction('temp', { traffic: { v1: 100 } }),
  aRevision('temp', 'v1', { labels: { app: 'temp', version: 'v1' } }),
  aRevision('temp', 'v2', { labels: { app: 'temp', version: 'v2' }, number: 2 }),
]
const policy: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'none', namespace: 'default' },
  spec: { selector: { matchLabels: { version: 'v1' } } },
}

function changesBy(...resources: readonly Resource[]): readonly SnapshotChange[] {
  const compiler = newCompiler()
  const before = compiler.apply(base.map(set)).snapshot
  return describeDifference(before, compiler.apply(resources.map(set)).snapshot)
}

describe('the difference of two snapshots', () => {
  it('is nothing between a snapshot and itself', () => {
    expect(changesBy(...base)).toEqual([])
  })

  it('names shares of a host that moved', () => {
    const changes = changesBy(aFunction('temp', { traffic: { v1: 90, v2: 10 } }))
    expect(changes.map(({ kind, key, change }) => `${kind} ${key} ${change}`)).toEqual(['host default/temp changed'])
    expect(changes[0]?.fields).toEqual([
      'routes[default].targets[0].weight: 100 -> 90',
      'routes[default].targets[1]: nothing -> {"weight":10,"workload":"default/temp-v2"}',
    ])
  })

  it('names the rule that a policy brought', () => {
    const [change, ...more] = changesBy(policy)
    expect(more).toEqual([])
    expect(change).toMatchObject({ kind: 'workload', key: 'default/temp-v1', change: 'changed', fields: ['policy.allow: nothing -> []'] })
  })

  it('names what went', () => {
    const compiler = newCompiler()
    const before = compiler.apply(base.map(set)).snapshot
    const after = compiler.apply(base.map(removed)).snapshot
    expect(describeDifference(before, after).map(({ kind, key, change }) => `${kind} ${key} ${change}`)).toEqual([
      'host default/temp removed',
      'workload default/temp-v1 removed',
      'workload default/temp-v2 removed',
    ])
  })

  it('is short, whatever changed', () => {
    const many = (count: number): Resource => ({
      ...policy,
      spec: {
        ...(policy.spec as object),
        rules: Array.from({ length: count }, (_, index) => ({ to: [{ operation: { paths: [`/${'x'.repeat(200)}${index}`] } }] })),
      },
    })
    const fields = changesBy(many(90)).flatMap((change) => change.fields)
    expect(fields.length).toBeLessThanOrEqual(50)
    expect(Math.max(...fields.map((line) => line.length))).toBeLessThan(400)
  })
})

describe('what caused a change', () => {
  const other = [aFunction('other', { traffic: { v9: 100 } }), aRevision('other', 'v9')]
  const named = (changes: ReturnType<typeof describeChanges>) =>
    changes.map(({ kind, key, by }) => [`${kind} ${key}`, by.map((ref) => `${ref.kind} ${ref.name}`)])

  it('is of a batch what touched it, and what did nothing caused nothing', () => {
    const compiler = newCompiler()
    const before = compiler.apply([...base, ...other].map(set)).snapshot
    const batch = [policy, aFunction('temp', { traffic: { v1: 90, v2: 10 } }), aFunction('other', { traffic: { v9: 100 } })]
    const after = compiler.apply(batch.map(set)).snapshot
    expect(named(describeChanges([before, after]))).toEqual([
      ['host default/temp', ['Function temp']],
      ['workload default/temp-v1', ['AuthorizationPolicy none']],
    ])
    expect(after.cause.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['AuthorizationPolicy none', 'Function temp'])
  })

  it('is the whole batch for what was brought along', () => {
    const compiler = newCompiler()
    const before = compiler.apply(base.map(set)).snapshot
    const rule: Resource = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'temp', namespace: 'default' },
      spec: { host: 'temp', trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } } },
    }
    const after = compiler.apply([rule, ...other].map(set)).snapshot
    const [workload] = describeChanges([before, after]).filter(({ key }) => key === 'default/temp-v1')
    expect(workload?.by.map(({ name }) => name)).toEqual(['temp', 'other', 'other-v9'])
  })

  it('is of several snapshots those that changed it in each', () => {
    const compiler = newCompiler()
    const first = compiler.apply(base.map(set)).snapshot
    const second = compiler.apply([set(policy)]).snapshot
    const third = compiler.apply([set(aFunction('temp', { traffic: { v1: 50, v2: 50 } }))]).snapshot
    expect(named(describeChanges([first, second, third]))).toEqual([
      ['host default/temp', ['Function temp']],
      ['workload default/temp-v1', ['AuthorizationPolicy none']],
    ])
    expect(third.causes).toBeUndefined()
    expect(describeChanges([])).toEqual([])
  })
})
