import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { WeftError, type Resource } from '@weft/core'
import { silentLog } from '@weft/kit'
import type { Change } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { memoryStore } from '@weft/store/memory'
import { eventually } from '../testing/fixture.ts'
import { StoreFeed } from './store-feed.ts'

const namespace = (name: string): Resource => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
const text = (change: Change) => (change.type === 'set' ? `+${change.resource.metadata.name}` : `-${change.ref.name}`)

let store: Store
let heard: string[]
let feed: StoreFeed
const feedOf = (source: Store) => new StoreFeed(source, (changes) => heard.push(...changes.map(text)), silentLog())

beforeEach(() => {
  store = memoryStore()
  heard = []
})
afterEach(async () => {
  feed.stop()
  await store.close()
})

describe('the feed of the mesh', () => {
  it('hands on what is there first, then what changes', async () => {
    await store.create(namespace('a'))
    feed = feedOf(store)
    await feed.start()
    expect(heard).toEqual(['+a'])
    await store.create(namespace('b'))
    await store.remove({ group: '', kind: 'Namespace', name: 'a' })
    await eventually(() => (heard.length === 3 ? true : undefined))
    expect(heard).toEqual(['+a', '+b', '-a'])
  })

  it('lists again when it fell behind, and takes away what went meanwhile', async () => {
    await store.create(namespace('a'))
    await store.create(namespace('b'))
    let fellBehind = false
    const lagging: Store = {
      ...store,
      list: (selection) => store.list(selection),
      watch(selection, options) {
        if (selection.kind !== 'Namespace' || fellBehind) return store.watch(selection, options)
        return {
          async *[Symbol.asyncIterator]() {
            fellBehind = true
            await store.remove({ group: '', kind: 'Namespace', name: 'a' })
            yield { type: 'BOOKMARK' as const, resourceVersion: '1' }
            throw new WeftError('WATCH_TOO_OLD', { since: '1', oldest: '2' })
          },
        }
      },
    }
    feed = feedOf(lagging)
    await feed.start()
    await eventually(() => (heard.includes('-a') ? true : undefined))
    expect(heard).toEqual(['+a', '+b', '-a', '+b'])
  })

  it('knows when a version of the store has been handed on', async () => {
    feed = feedOf(store)
    await feed.start()
    const created = await store.create(namespace('c'))
    expect(await feed.reached(created.metadata.resourceVersion ?? '', AbortSignal.timeout(2_000))).toBe(true)
    expect(heard).toContain('+c')
    expect(await feed.reached('999999', AbortSignal.timeout(20))).toBe(false)
  })
})
