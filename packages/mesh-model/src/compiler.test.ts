import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { refKey, refOf } from '@weft/core'
import * as fc from 'fast-check'
import {
  aDestinationRule,
  aFunction,
  aGateway,
  aNamespace,
  anAccount,
  aPeerAuthentication,
  aPolicy,
  aRevision,
  aService,
  aVirtualService,
  newCompiler,
  removed,
  set,
} from '../test/resources.ts'
import { equal } from './equal.ts'
import { difference, MESH_KINDS, resolveHost, type Change, type MeshSnapshot } from './index.ts'

const names = fc.constantFrom('a', 'b', 'c')
const namespaces = fc.constantFrom('default', 'team', 'openfaas-fn')
const revisions = fc.constantFrom('v1', 'v2', 'v3')
const created = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')
const labels = fc.dictionary(fc.constantFrom('app', 'version', 'tier'), fc.constantFrom('a', 'b', 'v1', 'v2'), { maxKeys: 2 })
const hosts = fc.constantFrom(
  'a',
  'b',
  'a.default',
  'b.team.svc',
  'c.openfaas-fn.svc.cluster.local',
  'ghost',
  'example.com.',
  'istio-egressgateway.istio-system',
)
const place = { namespace: namespaces, created }

const anyFunction = fc
  .record({ name: names, ...place, traffic: fc.dictionary(revisions, fc.integer({ min: 0, max: 100 })), pinned: fc.boolean(), match: fc.option(revisions) })
  .map(({ name, pinned, match, ...parts }) => {
    const spec = {
      ...(pinned ? { traffic: [{ weight: 100 }] } : {}),
      ...(match === null ? {} : { matches: [{ headers: { a: 'b' }, revision: match }] }),
    }
    return aFunction(name, { ...parts, spec })
  })
const anyRevision = fc
  .record({
    fn: names,
    short: revisions,
    ...place,
    labels,
    phase: fc.constantFrom('Pending', 'Active', 'Retired', 'Failed'),
    number: fc.nat(5),
    account: fc.option(names),
  })
  .map(({ fn, short, account, ...parts }) => aRevision(fn, short, { ...parts, template: account === null ? {} : { serviceAccount: account } }))
const anyService = fc.record({ name: names, selector: labels, ...place }).map(({ name, selector, ...parts }) => aService(name, selector, parts))
const destination = fc.record({ host: hosts, subset: fc.constantFrom('x', 'y') }, { requiredKeys: ['host'] })
const anyVirtualService = fc
  .record({
    name: names,
    ...place,
    hosts: fc.array(hosts, { minLength: 1, maxLength: 2 }),
    shares: fc.array(fc.record({ destination, weight: fc.integer({ min: 0, max: 100 }) }), { minLength: 1, maxLength: 3 }),
    broken: fc.boolean(),
  })
  .map(({ name, hosts: list, shares, broken, ...parts }) =>
    aVirtualService(name, { hosts: list, http: [{ route: shares, ...(broken ? { fault: {} } : {}) }] }, parts),
  )
const anyRule = fc
  .record({ name: names, host: hosts, ...place, subsets: fc.dictionary(fc.constantFrom('x', 'y'), labels) })
  .map(({ host, subsets, ...parts }) => aDestinationRule(host, subsets, parts))
const policySpace = fc.constantFrom('default', 'team', 'weft-system', 'istio-system')
const anyEgress = fc
  .record({ name: names, ...place, ports: fc.uniqueArray(fc.constantFrom(80, 443), { minLength: 1 }), ours: fc.boolean() })
  .map(({ name, ports, ours, ...parts }) =>
    aGateway(
      name,
      ports.map((number) => ({ port: { number, name: `p${number}`, protocol: 'HTTP' }, hosts: ['*'] })),
      parts,
      { istio: ours ? 'egressgateway' : 'other' },
    ),
  )
const selector = fc.option(
  fc.oneof(labels, fc.constant({ istio: 'egressgateway' })).map((matchLabels) => ({ matchLabels })),
  { nil: undefined },
)
const anyPolicy = fc
  .record({ name: names, namespace: policySpace, created, selector, action: fc.constantFrom('ALLOW', 'DENY'), broken: fc.boolean() })
  .map(({ name, selector: of, action, broken, ...parts }) =>
    aPolicy(name, { ...(of === undefined ? {} : { selector: of }), action, rules: [broken ? { when: [] } : {}] }, parts),
  )
const anyPeer = fc
  .record({ name: names, namespace: policySpace, created, selector, mode: fc.constantFrom('STRICT', 'PERMISSIVE', 'UNSET') })
  .map(({ name, selector: of, mode, ...parts }) => aPeerAuthentication(name, { ...(of === undefined ? {} : { selector: of }), mtls: { mode } }, parts))
const anyAccount = fc.record({ name: names, granted: names }).map(({ name, granted }) => anAccount(name, granted))
const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  { weight: 3, arbitrary: anyFunction },
  { weight: 4, arbitrary: anyRevision },
  { weight: 2, arbitrary: anyService },
  { weight: 3, arbitrary: anyVirtualService },
  { weight: 2, arbitrary: anyRule },
  { weight: 2, arbitrary: anyPolicy },
  { weight: 2, arbitrary: anyEgress },
  { weight: 1, arbitrary: anyPeer },
  { weight: 1, arbitrary: anyAccount },
  { weight: 1, arbitrary: names.map(aNamespace) },
)
const anyChange: fc.Arbitrary<Change> = fc
  .tuple(anyResource, fc.integer({ min: 0, max: 3 }))
  .map(([changed, die]) => (die === 0 ? removed(changed) : set(changed)))

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** The entries that are not the objects that they were. */
function renewed(after: ReadonlyMap<string, unknown>, before: ReadonlyMap<string, unknown>): readonly (readonly [string, unknown])[] {
  return [...after].filter(([key, value]) => before.get(key) !== value)
}

/** The content of a snapshot, without its number and the order of its maps. */
function contentOf({ workloads, hosts: all, namespaces: spaces, findings, gateways, listeners, gatewayHosts, chainNames, externals }: MeshSnapshot): unknown {
  const others = [gateways, listeners, gatewayHosts, chainNames, externals].map((map: ReadonlyMap<string, unknown>) => [...map].toSorted(byKey))
  return {
    others,
    workloads: [...workloads].toSorted(byKey),
    hosts: [...all].toSorted(byKey),
    namespaces: [...spaces].toSorted(),
    findings,
  }
}

/** The resources that are left after some changes, as the compiler sees them: the alias of a namespace is the namespace. */
function leftOf(changes: readonly Change[]): readonly Resource[] {
  const left = new Map<string, Resource>()
  for (const change of changes) {
    const ref = change.type === 'set' ? refOf(change.resource) : change.ref
    const key = refKey(ref).replace('/openfaas-fn/', '/default/').replace('/istio-system/', '/weft-system/')
    left.delete(key)
    if (change.type === 'set') left.set(key, change.resource)
  }
  return [...left.values()]
}

describe('laws of the compiler', () => {
  it('changes one by one, in batches or all at once end in the same content, in any order of the resources', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), fc.infiniteStream(fc.nat()), (changes, size, dice) => {
        const single = newCompiler()
        for (const change of changes) single.apply([change])
        const batched = newCompiler()
        for (let i = 0; i < changes.length; i += size) batched.apply(changes.slice(i, i + size))
        const shuffled = leftOf(changes)
          .map((resource) => ({ resource, at: dice.next().value }))
          .toSorted((a, b) => a.at - b.at)
        const full = newCompiler().apply(shuffled.map(({ resource }) => set(resource))).snapshot
        expect(contentOf(single.snapshot)).toEqual(contentOf(full))
        expect(contentOf(batched.snapshot)).toEqual(contentOf(full))
      }),
      { numRuns: 400 },
    )
  })

  it('what says the same stays the same object, and the difference names exactly the rest', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) => {
        const compiler = newCompiler()
        for (const change of changes) {
          const before = compiler.snapshot
          const { snapshot, difference: told } = compiler.apply([change])
          expect(sorted(told)).toEqual(sorted(difference(before, snapshot)))
          const needless = [
            ...renewed(snapshot.hosts, before.hosts).filter(([key, value]) => equal(value, before.hosts.get(key))),
            ...renewed(snapshot.workloads, before.workloads).filter(([key, value]) => equal(value, before.workloads.get(key))),
          ]
          expect(needless).toEqual([])
          expect(snapshot === before || !equal(contentOf(snapshot), contentOf(before))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('every target is a workload of the snapshot, and every route can be sent to Envoy', () => {
    fc.assert(
      fc.property(fc.array(anyResource, { maxLength: 30 }), (resources) => {
        const { hosts: all, workloads } = newCompiler().apply(resources.map(set)).snapshot
        for (const route of [...all.values()].flatMap((host) => host.routes)) {
          for (const target of route.targets) expect(target.workload === undefined ? target.missing !== undefined : workloads.has(target.workload)).toBe(true)
          const weights = route.targets.map((target) => target.weight)
          expect(weights.every((weight) => Number.isInteger(weight) && weight >= 0)).toBe(true)
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeGreaterThan(0)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('nothing that stands in a resource makes it throw, and a policy of nonsense denies', () => {
    const kinds = fc.constantFrom(...MESH_KINDS)
    const nonsense = fc.record({
      kind: kinds,
      name: fc.oneof(names, fc.string()),
      spec: fc.anything(),
      status: fc.anything(),
      known: anyResource,
      path: fc.array(fc.string(), { maxLength: 3 }),
    })
    fc.assert(
      fc.property(fc.array(nonsense, { maxLength: 10 }), (list) => {
        const compiler = newCompiler()
        compiler.apply([set(aFunction('x', { traffic: { v1: 100 } })), set(aRevision('x', 'v1'))])
        for (const { kind, name, spec, status, known } of list) {
          const apiVersion = kind.group === '' ? 'v1' : `${kind.group}/v1`
          compiler.apply([set({ apiVersion, kind: kind.kind, metadata: { name, namespace: 'default' }, spec, status }), set({ ...known, spec })])
        }
        compiler.apply([set(aPolicy('nonsense', { ...Object(list[0]?.spec), nonsense: 1 }))])
        expect(compiler.snapshot.workloads.get('default/x-v1')?.policy.broken ?? list[0]?.spec).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })
})

describe('a snapshot', () => {
  it('has a number and the resources whose change made it', () => {
    const compiler = newCompiler()
    expect(compiler.snapshot).toMatchObject({ version: 0, trustDomain: 'cluster.local', path: 'encrypted', outbound: { policy: 'ALLOW_ANY' } })
    const fn = aFunction('a')
    expect(compiler.apply([set(fn)]).snapshot).toMatchObject({ version: 1, cause: [{ group: 'weft.dev', kind: 'Function', namespace: 'default', name: 'a' }] })
    expect(compiler.apply([set(fn)]).snapshot).toBe(compiler.snapshot)
    expect(compiler.snapshot.version).toBe(1)
  })

  it('does not change when a status does that the mesh does not read', () => {
    const compiler = newCompiler()
    const revision = aRevision('a', 'v1')
    const before = compiler.apply([set(revision)]).snapshot
    expect(compiler.apply([set({ ...revision, status: { phase: 'Active', replicas: 3 } })]).snapshot).toBe(before)
  })
})

describe('a host that a caller names', () => {
  const snapshot = newCompiler().apply([set(aFunction('temp')), set(aFunction('temp', { namespace: 'team' }))]).snapshot
  const cases: readonly (readonly [authority: string, from: string, host: string | undefined])[] = [
    ['temp', 'default', 'default/temp'],
    ['temp', 'team', 'team/temp'],
    ['temp:8080', 'default', 'default/temp'],
    ['TEMP.Default', 'team', 'default/temp'],
    ['temp.openfaas-fn', 'team', 'default/temp'],
    ['temp.team.', 'default', 'team/temp'],
    ['temp.team.svc:80', 'default', 'team/temp'],
    ['temp.team.svc.cluster.local.:80', 'default', 'team/temp'],
    ['temp.team.svc.cluster', 'default', undefined],
    ['temp.team.svc.cluster.local.x', 'default', undefined],
    ['temp..', 'default', undefined],
    ['temp.nowhere', 'default', undefined],
    ['nobody', 'default', undefined],
    ['', 'default', undefined],
    ['.', 'default', undefined],
    ['[::1]:80', 'default', undefined],
    ['127.0.0.1', 'default', undefined],
    ['temp@169.254.169.254', 'default', undefined],
    ['team/temp', 'default', undefined],
    ['example.com', 'default', undefined],
  ]
  it.each(cases)('%s from %s is %s', (authority, from, host) => {
    expect(resolveHost(snapshot, from, authority)?.key).toBe(host)
  })
})

function sorted(told: { readonly hosts: Lists; readonly workloads: Lists }): unknown {
  const lists = ({ set: changed, removed: gone }: Lists) => [changed.toSorted(), gone.toSorted()]
  return [lists(told.hosts), lists(told.workloads)]
}

interface Lists {
  readonly set: readonly string[]
  readonly removed: readonly string[]
}
