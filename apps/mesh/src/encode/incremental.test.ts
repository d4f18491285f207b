import { describe, expect, it } from '@jest/globals'
import type { MeshHost, MeshReplica, MeshWorkload } from '@weft/mesh-model'
import { createEncoder } from './encoder.ts'
import { host, layout, OPEN, replica, route, snapshot, workload } from './testing/model.ts'
import { WholeEncoder, type EncodedNode } from './testing/whole.ts'
import type { EncodeInput, Touched } from './types.ts'

const LAYOUT = layout('/run/weft', { ingress: { address: '127.0.0.1', port: 8080 } })
const LAYOUTS = new Map([['node-1', LAYOUT]])
const NOTHING: Touched = { workloads: [], hosts: [], externals: [], virtualHosts: [], clusters: [] }
const NO_DEMAND = { virtualHosts: new Set<string>(), clusters: new Set<string>() }

/** Counts how often somebody looks at an entry. */
class CountingMap<V> extends Map<string, V> {
  looks = 0

  override get(key: string): V | undefined {
    this.looks += 1
    return super.get(key)
  }

  override *[Symbol.iterator](): MapIterator<[string, V]> {
    for (const entry of super.entries()) {
      this.looks += 1
      yield entry
    }
    return undefined
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this) yield value
    return undefined
  }

  override *keys(): MapIterator<string> {
    for (const [key] of this) yield key
    return undefined
  }
}

/** What a change costs among a number of functions: looks at entries of the snapshot, and resources made. */
function costs(functions: number, change: (names: readonly string[]) => { readonly more?: Partial<EncodeInput>; readonly touched: Partial<Touched> }) {
  const names = Array.from({ length: functions }, (_, index) => `f${index}`)
  const workloads = new CountingMap(names.map((name) => [`default/${name}-1`, workload(name)]))
  const hosts = new CountingMap(names.map((name) => [`default/${name}`, host(name)]))
  const input: EncodeInput = {
    snapshot: { ...snapshot([], []), workloads, hosts },
    node: 'node-1',
    layouts: LAYOUTS,
    replicas: new CountingMap<readonly MeshReplica[]>(),
    demand: NO_DEMAND,
  }
  const encoder = createEncoder()
  expect(encoder.update(input).set.length).toBeGreaterThan(functions * 10)
  workloads.set('default/f1-1', workload('f1', { policy: { ...OPEN, allow: [] } }))
  workloads.looks = 0
  hosts.looks = 0
  const { more, touched } = change(names)
  const { set, removed } = encoder.update({ ...input, ...more }, { ...NOTHING, ...touched })
  return { looks: workloads.looks + hosts.looks, made: set.map(({ name }) => name), removed: removed.length }
}

const CHANGES: readonly [string, Parameters<typeof costs>[1]][] = [
  ['of replicas', () => ({ more: { replicas: new Map([['default/f1-1', [replica('a', '/s/a', '/s/out')]]]) }, touched: { workloads: ['default/f1-1'] } })],
  ['of a policy', () => ({ touched: { workloads: ['default/f1-1'] } })],
  ['of a host', () => ({ touched: { hosts: ['default/f1'] } })],
  ['of nothing', () => ({ touched: {} })],
  [
    'of what a caller asks for',
    () => {
      const virtualHosts = new Set(['outbound/default/f1-1/f2:8080'])
      return { more: { demand: { ...NO_DEMAND, virtualHosts } }, touched: { virtualHosts } }
    },
  ],
]

describe('a change among 1,000 functions', () => {
  it.each(CHANGES)('%s looks at as much and makes as much as among ten', (_name, change) => {
    const many = costs(1000, change)
    expect(many).toEqual(costs(10, change))
    expect(many.looks).toBeLessThan(30)
    expect(many.made.length).toBeLessThan(20)
  })
})

/** A small world that changes at random, from a seed. */
class Changing {
  readonly workloads = new Map<string, MeshWorkload>()
  readonly hosts = new Map<string, MeshHost>()
  readonly replicas = new Map<string, readonly MeshReplica[]>()
  readonly virtualHosts = new Set<string>()
  readonly clusters = new Set<string>()
  namespaces: ReadonlySet<string> = new Set(['default'])
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }

  #name(): string {
    return `f${this.#below(5)}`
  }

  /** Changes one thing. @returns what was touched */
  step(count: number): Touched {
    const name = this.#name()
    const key = `default/${name}-1`
    switch (this.#below(8)) {
      case 0:
      case 1:
        this.workloads.set(key, workload(name, { timeoutMs: count + 1, serviceAccount: this.#below(3) === 0 ? 'shared' : name }))
        return { ...NOTHING, workloads: [key] }
      case 2:
        this.workloads.delete(key)
        return { ...NOTHING, workloads: [key] }
      case 3:
        this.hosts.set(`default/${name}`, host(name, [route(`default/${this.#name()}-1`), route(key)]))
        return { ...NOTHING, hosts: [`default/${name}`] }
      case 4:
        this.hosts.delete(`default/${name}`)
        return { ...NOTHING, hosts: [`default/${name}`] }
      case 5:
        this.replicas.set(key, this.#below(2) === 0 ? [] : [replica(`r${count}`, `/s/${count}`, `/s/o${count}`)])
        return { ...NOTHING, workloads: [key] }
      case 6:
        return { ...NOTHING, virtualHosts: [toggle(this.virtualHosts, `outbound/${key}/${this.#name()}:8080`)] }
      default:
        if (this.#below(3) === 0) this.namespaces = new Set(['default', `n${count}`])
        return { ...NOTHING, clusters: [toggle(this.clusters, `pair/default/${this.#below(3) === 0 ? 'shared' : name}/default/${this.#name()}-1`)] }
    }
  }

  input(): EncodeInput {
    return {
      snapshot: { ...snapshot([], []), namespaces: this.namespaces, workloads: this.workloads, hosts: this.hosts, outbound: OUTBOUND },
      node: 'node-1',
      layouts: LAYOUTS,
      replicas: this.replicas,
      demand: { virtualHosts: this.virtualHosts, clusters: this.clusters },
    }
  }
}

const OUTBOUND = { policy: 'ALLOW_ANY' } as const

function toggle(set: Set<string>, name: string): string {
  if (!set.delete(name)) set.add(name)
  return name
}

/** Without the clusters of the ingress, which depend on what was: one that is there stays. */
const contentOf = (node: EncodedNode) =>
  Object.entries(node).map(([kind, entries]) => {
    const all = [...(entries as Iterable<unknown>)].map((entry) => JSON.stringify(entry))
    return [kind, all.filter((text) => !text.startsWith('["pair/weft-system/ingress/')).toSorted()] as const
  })

describe('what is told of changes', () => {
  it.each([1, 2, 3, 4])('adds up to what a look at everything gives, whatever comes (seed %i)', (seed) => {
    const world = new Changing(seed)
    const encoder = new WholeEncoder()
    encoder.encode(world.input())
    for (let count = 0; count < 60; count += 1) {
      const touched = world.step(count)
      const told = encoder.encode(world.input(), touched)
      expect(contentOf(told)).toEqual(contentOf(new WholeEncoder().encode(world.input())))
    }
  })

  it('leaves as it was what cannot be made, and makes everything else', () => {
    const encoder = createEncoder()
    const input = (hosts: readonly MeshHost[]): EncodeInput => ({
      snapshot: snapshot([workload('a'), workload('b')], hosts),
      node: 'node-1',
      layouts: LAYOUTS,
      replicas: new Map(),
      demand: NO_DEMAND,
    })
    encoder.update(input([host('a')]))
    const broken = {
      ...host('a'),
      get ports(): never {
        throw new Error('no ports')
      },
    }
    const { set, removed, failures } = encoder.update(input([broken, host('b')]), { ...NOTHING, hosts: ['default/a', 'default/b'] })
    expect(failures).toEqual([{ what: 'host/default/a', reason: 'no ports' }])
    expect(removed).toEqual([])
    expect(set.map(({ name }) => name)).toContain('ingress/default/b')
  })
})
