import { describe, expect, it } from '@jest/globals'
import type { CanaryResource, CanarySpec, FunctionResource } from '@weft/api'
import type { Resource } from '@weft/core'
import { ownerOf } from './owner.ts'

const canary = (spec: Partial<CanarySpec> = {}, name = 'temp', creationTimestamp = '2026-01-02T00:00:00Z'): CanaryResource => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Canary',
  metadata: { name, namespace: 'default', creationTimestamp },
  spec: { function: 'temp', ...spec },
})
const virtualService = (hosts: readonly string[], route: readonly object[], namespace = 'default'): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'vs', namespace },
  spec: { hosts, http: [{ route }] },
})
const httpRoute = (backends: readonly string[], kind = 'Service'): Resource => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'route', namespace: 'default' },
  spec: { parentRefs: [{ group: '', kind, name: 'temp' }], rules: [{ backendRefs: backends.map((name) => ({ name, port: 80 })) }] },
})
const whole = [{ destination: { host: 'temp' } }]
const split = [{ destination: { host: 'temp', subset: 'v1' } }]
const fn = (traffic?: readonly { revision: string; weight: number }[]) =>
  ({ metadata: { name: 'temp', namespace: 'default' }, spec: { template: {}, ...(traffic === undefined ? {} : { traffic }) } }) as unknown as FunctionResource

describe('ownerOf', () => {
  it.each<[string, { canary?: CanaryResource; routes?: readonly Resource[]; canaries?: readonly CanaryResource[]; fn?: FunctionResource }, RegExp | undefined]>(
    [
      ['nobody', {}, undefined],
      ['a VirtualService that splits', { routes: [virtualService(['temp'], split)] }, /VirtualService default\/vs/],
      ['one by its long host', { routes: [virtualService(['temp.default.svc.cluster.local'], split, 'other')] }, /VirtualService other\/vs/],
      ['not one that only says how', { routes: [virtualService(['temp'], whole)] }, undefined],
      ['not that one, whatever the canary does', { canary: canary({ mirror: {}, sessionAffinity: {} }), routes: [virtualService(['temp'], whole)] }, undefined],
      ['not one of another host', { routes: [virtualService(['temper'], split), virtualService(['temp'], split, 'other')] }, undefined],
      ['an HTTPRoute to other backends', { routes: [httpRoute(['temp-v1', 'temp-v2'])] }, /HTTPRoute default\/route/],
      ['not one to the function itself', { routes: [httpRoute(['temp'], 'Function')] }, undefined],
      ['not one of callers elsewhere', { routes: [{ ...httpRoute(['temp-v1']), metadata: { name: 'route', namespace: 'shop' } }] }, undefined],
      ['not one that is none', { routes: [{ ...httpRoute([]), spec: { parentRefs: 1, rules: [null] } }] }, undefined],
      ['not one of a Gateway', { routes: [httpRoute(['temp-v1'], 'Gateway')] }, undefined],
      ['a pinned split', { fn: fn([{ revision: 'v1', weight: 100 }]) }, /weft traffic clear temp/],
      ['an older canary', { canaries: [canary({}, 'first', '2026-01-01T00:00:00Z')] }, /Canary default\/first/],
      ['not a younger one', { canaries: [canary({}, 'later', '2026-01-03T00:00:00Z')] }, undefined],
      ['not one of another function', { canaries: [canary({ function: 'other' }, 'first', '2026-01-01T00:00:00Z')] }, undefined],
    ],
  )('%s', (_name, given, expected) => {
    const own = given.canary ?? canary()
    const facts = {
      canary: own,
      fn: given.fn ?? fn(),
      routes: given.routes ?? [],
      canaries: [own, ...(given.canaries ?? [])],
    }
    const found = ownerOf(facts)
    if (expected === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(expected)
  })
})
