import { describe, expect, it } from '@jest/globals'
import type { MeshReplica } from '@weft/mesh-model'
import { encodeAny } from '../proto/codec.ts'
import { inboundSocket } from './names.ts'
import { host, layout, OPEN, replica, route, snapshot, workload } from './testing/model.ts'
import { WholeEncoder } from './testing/whole.ts'
import type { EncodedNode, ResourceMap } from './testing/whole.ts'
import type { EncodeInput } from './types.ts'

const NODE = layout('/run/weft', { ingress: { address: '127.0.0.1', port: 8080 } })
const names = ['control', 'temp', 'humidity']
const workloads = names.map((name) => workload(name))
const hosts = names.map((name) => host(name))
const replicas: ReadonlyMap<string, readonly MeshReplica[]> = new Map([['default/control-1', [replica('a', '/s/a', '/s/out')]]])
const demand = { virtualHosts: new Set(['outbound/default/control-1/temp:8080']), clusters: new Set<string>() }

function input(more: Partial<EncodeInput> = {}): EncodeInput {
  return { snapshot: snapshot(workloads, hosts), node: 'node-1', layouts: new Map([['node-1', NODE]]), replicas, demand, ...more }
}

/** Names of resources that are not the same objects in both. */
function changes(before: EncodedNode, after: EncodedNode): readonly string[] {
  const kinds = ['listeners', 'clusters', 'endpoints', 'routes', 'scopedRoutes', 'virtualHosts'] as const
  const of = (kind: (typeof kinds)[number], left: ResourceMap, right: ResourceMap): readonly string[] =>
    [...new Set([...left.keys(), ...right.keys()])].filter((name) => left.get(name) !== right.get(name)).map((name) => `${kind} ${name}`)
  return kinds.flatMap((kind) => of(kind, before[kind], after[kind]))
}

describe('an encoder', () => {
  it.each(['encrypted', 'direct'] as const)('writes nothing that the vendored definitions do not know (%s)', (path) => {
    const encoded = new WholeEncoder().encode(input({ snapshot: snapshot(workloads, hosts, { path }) }))
    for (const kind of [encoded.listeners, encoded.clusters, encoded.endpoints, encoded.routes, encoded.scopedRoutes, encoded.virtualHosts]) {
      expect(kind.size).toBeGreaterThan(0)
      for (const each of kind.values()) expect(encodeAny(each.typeUrl, each.json, each.name).length).toBeGreaterThan(0)
    }
  })

  it('gives the same objects again for what did not change', () => {
    const encoder = new WholeEncoder()
    expect(changes(encoder.encode(input()), encoder.encode(input()))).toEqual([])
  })

  it('changes a replica list where it is, and nothing else', () => {
    const encoder = new WholeEncoder()
    const before = encoder.encode(input())
    const after = encoder.encode(input({ replicas: new Map([...replicas, ['default/temp-1', [replica('b', '/s/b')]]]) }))
    expect(changes(before, after)).toEqual(['endpoints local/default/temp-1'])
  })

  it('changes routes only when a policy changes', () => {
    const encoder = new WholeEncoder()
    const before = encoder.encode(input())
    const changed = [...workloads.slice(0, 2), workload('humidity', { policy: { ...OPEN, allow: [] } })]
    expect(changes(before, encoder.encode(input({ snapshot: snapshot(changed, hosts) })))).toEqual(['routes inbound/default/humidity-1'])
  })

  it('changes one route configuration when a split changes, and the virtual hosts that were asked for', () => {
    const encoder = new WholeEncoder()
    const before = encoder.encode(input())
    const split = host('temp', [
      route('default/temp-1', {
        targets: [
          { weight: 9, workload: 'default/temp-1' },
          { weight: 1, workload: 'default/humidity-1' },
        ],
      }),
    ])
    const after = encoder.encode(input({ snapshot: snapshot(workloads, [split, ...hosts.filter(({ name }) => name !== 'temp')]) }))
    expect(changes(before, after)).toEqual([
      'clusters pair/weft-system/ingress/default/temp-1',
      'clusters pair/weft-system/ingress/default/humidity-1',
      'clusters pair/default/control/default/humidity-1',
      'routes ingress/default/temp',
      'virtualHosts outbound/default/control-1/temp:8080',
    ])
  })

  it('adds a function without touching another', () => {
    const encoder = new WholeEncoder()
    const before = encoder.encode(input())
    const after = encoder.encode(input({ snapshot: snapshot([...workloads, workload('new')], [...hosts, host('new')]) }))
    expect(changes(before, after).filter((change) => !/new/.test(change))).toEqual([])
  })

  it('takes away what is gone', () => {
    const encoder = new WholeEncoder()
    encoder.encode(input())
    const after = encoder.encode(input({ snapshot: snapshot([], []), replicas: new Map() }))
    const left = [...after.listeners.keys(), ...after.clusters.keys(), ...after.endpoints.keys(), ...after.routes.keys()]
    expect(left.toSorted()).toEqual([expect.stringMatching(/^chain.ingress/), 'egress', 'gateway', 'hold', 'ingress', 'ingress-control', 'missing'])
    expect([...after.virtualHosts.keys()]).toEqual([...demand.virtualHosts])
  })

  it('has clusters of a caller for what it asked for, and only with identities that it serves', () => {
    const clusters = new Set([
      'pair/default/control/default/humidity-1',
      'pair/default/elsewhere/default/temp-1',
      'pair/default/control/default/none',
      'nonsense',
    ])
    const encoded = new WholeEncoder().encode(input({ demand: { ...demand, clusters } }))
    expect([...encoded.clusters.keys()].filter((name) => name.startsWith('pair/default')).toSorted()).toEqual([
      'pair/default/control/default/humidity-1',
      'pair/default/control/default/temp-1',
    ])
  })

  it('has clusters of the ingress for what was called or is shared, and keeps them', () => {
    const encoder = new WholeEncoder()
    const ofIngress = (more: Partial<EncodeInput>) =>
      [...encoder.encode(input(more)).clusters.keys()].filter((name) => name.startsWith('pair/weft-system/ingress/'))
    expect(ofIngress({})).toEqual([])
    const called = ['pair/weft-system/ingress/default/temp-1']
    expect(ofIngress({ demand: { ...demand, clusters: new Set(called) } })).toEqual(called)
    const shared = host('control', [route('default/control-1'), route('default/humidity-1')])
    const hosts3 = [shared, ...hosts.slice(1)]
    expect(ofIngress({ snapshot: snapshot(workloads, hosts3) }).toSorted()).toEqual([
      'pair/weft-system/ingress/default/control-1',
      'pair/weft-system/ingress/default/humidity-1',
      'pair/weft-system/ingress/default/temp-1',
    ])
    expect(ofIngress({}).toSorted()).toContain('pair/weft-system/ingress/default/control-1')
  })

  it('has inbound listeners for its own workloads, and reaches others at their node', () => {
    const away = workload('away', { proxy: 'node-2' })
    const other = layout('/run/other', { node: 'node-2' })
    const given = input({
      snapshot: snapshot([...workloads, away], [...hosts, host('away')]),
      layouts: new Map([
        ['node-1', NODE],
        ['node-2', other],
      ]),
      demand: { ...demand, clusters: new Set(['pair/weft-system/ingress/default/away-1']) },
    })
    const encoded = new WholeEncoder().encode(given)
    expect(encoded.listeners.has('inbound/default/away-1')).toBe(false)
    expect(JSON.stringify(encoded.clusters.get('pair/weft-system/ingress/default/away-1'))).toContain(inboundSocket(other, 'default/away-1'))
    const there = new WholeEncoder().encode({ ...given, node: 'node-2', replicas: new Map(), demand: { virtualHosts: new Set(), clusters: new Set() } })
    expect([...there.listeners.keys()].toSorted()).toEqual(['hold', 'inbound/default/away-1'])
    expect(there.scopedRoutes.size).toBe(0)
  })
})

describe('socket paths', () => {
  it('stay within what Envoy takes, however long names are', () => {
    const longest = layout(`/${'d'.repeat(69)}`)
    expect(inboundSocket(longest, `${'n'.repeat(63)}/${'f'.repeat(63)}`).length).toBeLessThanOrEqual(107)
  })
})
