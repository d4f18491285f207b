import { describe, expect, it } from '@jest/globals'
import { createCompiler, type MeshSnapshot } from '@weft/mesh-model'
import { History } from './history.ts'

const compiler = createCompiler({ proxies: ['node'] })
const snapshots: readonly MeshSnapshot[] = Array.from({ length: 120 }, (_, index) => {
  const resource = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n-${index}` } }
  return compiler.apply([{ type: 'set', resource }]).snapshot
})

function kept(count: number): History {
  const history = new History()
  for (const [index, snapshot] of snapshots.slice(0, count).entries()) {
    history.keep(snapshot, index)
    history.keep(snapshot, index + 1000)
  }
  return history
}

describe('the history of the mesh', () => {
  it('keeps each snapshot once, and the newest fifty', () => {
    expect(
      kept(3)
        .entries()
        .map(({ at }) => at),
    ).toEqual([0, 1, 2])
    const all = kept(120).entries()
    expect([all.length, all.at(-1)?.version]).toEqual([50, snapshots.at(-1)?.version])
  })

  it('tells the last change, what came since a version, and what lies between two', () => {
    const history = kept(5)
    const [first = 0, second, , fourth, last] = snapshots.slice(0, 5).map(({ version }) => version)
    expect(history.changes()).toMatchObject({ from: fourth, to: last, snapshots: [{ version: last, cause: [{ kind: 'Namespace', name: 'n-4' }] }] })
    expect(history.changes(first)?.snapshots.length).toBe(4)
    expect(history.changes(second, fourth)?.snapshots.length).toBe(2)
  })

  it('takes for the last change the last one that changed what a proxy has', () => {
    const world = createCompiler({ proxies: ['node'] })
    const history = new History()
    const fn = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'f', namespace: 'default' }, spec: { template: { runtime: 'node22' } } }
    const changes = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'before' } },
      fn,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'after' } },
    ]
    for (const resource of changes) history.keep(world.apply([{ type: 'set', resource }]).snapshot, 0)
    expect(history.entries().length).toBe(3)
    expect(history.changes()).toMatchObject({
      snapshots: [{ cause: [{ kind: 'Function', name: 'f' }] }],
      changes: [{ kind: 'host', key: 'default/f', change: 'added' }],
    })
  })

  it('has nothing to tell of versions that are not kept, or the wrong way round', () => {
    const history = kept(5)
    const [first, second] = snapshots.map(({ version }) => version)
    expect([history.changes(9999), history.changes(first, 9999), history.changes(second, first), new History().changes()]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})
