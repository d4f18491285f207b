import { describe, expect, it } from '@jest/globals'
import { isWeftError } from '@weft/core'
import { fn, named, type WithStore } from './contract-support.ts'
import type { Store, WatchEvent } from './port.ts'

const FUNCTIONS = { group: 'weft.dev', kind: 'Function' } as const
const KEPT = 10_000

/** The part of the contract that is about watching. */
export function watchContract(subject: WithStore): void {
  describe('a watch', () => {
    it('from a version tells everything after it, in order, with what was stored', () =>
      subject(async (store) => {
        const a = await store.create(fn('a'))
        await store.create(fn('b'))
        await store.update(fn('a', { spec: { x: 1 } }))
        await store.remove(named('b'))
        const events = await take(store, 3, { since: a.metadata.resourceVersion ?? '' })
        expect(events.map(textOf)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b'])
        expect(events[1]).toMatchObject({ resource: { spec: { x: 1 } } })
        for (const event of events) expect('resource' in event && event.resource.metadata.resourceVersion).toBe(event.resourceVersion)
      }))

    it('without a version tells what comes after the call, even before it is first read', () =>
      subject(async (store) => {
        await store.create(fn('before'))
        const watch = store.watch(FUNCTIONS)
        await store.create(fn('after'))
        for await (const event of watch) {
          expect(textOf(event)).toBe('ADDED after')
          break
        }
      }))

    it('sees only what it selects, by kind, namespace and labels', () =>
      subject(async (store) => {
        const since = (await store.list(FUNCTIONS)).resourceVersion
        await store.create(fn('a', { namespace: 'one' }))
        await store.create({ ...fn('r'), kind: 'Revision' })
        await store.create(fn('b', { namespace: 'two', labels: { x: '1' } }))
        await store.create(fn('c', { namespace: 'two', labels: { x: '2' } }))
        expect((await take(store, 2, { since, namespace: 'two' })).map(textOf)).toEqual(['ADDED b', 'ADDED c'])
        expect((await take(store, 1, { since, labels: { x: '2' } })).map(textOf)).toEqual(['ADDED c'])
      }))

    it('by label sees a resource come when it gets the label and go when it loses it', () =>
      subject(async (store) => {
        const since = (await store.list(FUNCTIONS)).resourceVersion
        await store.create(fn('a'))
        await store.update(fn('a', { labels: { x: '1' } }))
        await store.update(fn('a', { labels: { x: '1' }, spec: { n: 1 } }))
        await store.update(fn('a', { labels: { x: '2' } }))
        await store.remove(named('a'))
        await store.create(fn('z', { labels: { x: '1' } }))
        const events = await take(store, 4, { since, labels: { x: '1' } })
        expect(events.map(textOf)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED z'])
      }))

    it('is told nothing of a write that changes nothing', () =>
      subject(async (store) => {
        const created = await store.create(fn('a'))
        const watch = store.watch(FUNCTIONS)
        await store.update(created)
        await store.update(created, { part: 'status' })
        await store.create(fn('b'))
        for await (const event of watch) {
          expect(textOf(event)).toBe('ADDED b')
          break
        }
      }))

    it('tells of an owner before its children', () =>
      subject(async (store) => {
        const owner = await store.create(fn('owner'))
        const owned = {
          ...fn('owned'),
          metadata: { ...fn('owned').metadata, ownerReferences: [{ apiVersion: owner.apiVersion, kind: owner.kind, name: 'owner' }] },
        }
        const since = (await store.create(owned)).metadata.resourceVersion ?? ''
        await store.remove(named('owner'))
        expect((await take(store, 2, { since })).map(textOf)).toEqual(['DELETED owner', 'DELETED owned'])
      }))

    it('ends without an error when its signal says so, waiting or not, and when the store closes', () =>
      subject(async (store) => {
        const before = AbortSignal.abort()
        for await (const _ of store.watch(FUNCTIONS, { signal: before })) throw new Error('told something')
        const abort = new AbortController()
        const waiting = drain(store.watch(FUNCTIONS, { signal: abort.signal }))
        const untilClosed = drain(store.watch(FUNCTIONS))
        await new Promise((resolve) => setImmediate(resolve))
        abort.abort()
        expect(await waiting).toEqual([])
        await store.close()
        expect(await untilClosed).toEqual([])
      }))

    it.each(['-1', 'abc', '1.5', '', '99999999999999999999', '__proto__'])('from "%s" is refused', (since) =>
      subject(async (store) => {
        await expect(take(store, 1, { since })).rejects.toMatchObject({ code: 'INVALID_VALUE' })
      }),
    )

    it('from a version that this store never had is told to list again', () =>
      subject(async (store) => {
        await store.create(fn('a'))
        await expect(take(store, 1, { since: '1000000' })).rejects.toMatchObject({ code: 'WATCH_TOO_OLD' })
      }))

    it('has no gap and no double under write load, for several watchers that begin in the middle', () =>
      subject(async (store) => {
        const writers = 4
        const each = 150
        const watching: Promise<WatchEvent[]>[] = []
        let written = 0
        const write = async (writer: number): Promise<void> => {
          await store.create(fn(`f${writer}`, { spec: { n: 0 } }))
          for (let n = 1; n <= each; n++) {
            await store.update(fn(`f${writer}`, { spec: { n } }))
            written += 1
            if (written % 100 === 0) {
              const { resourceVersion } = await store.list(FUNCTIONS)
              watching.push(until(store, resourceVersion, (event) => textOf(event) === 'DELETED last'))
            }
          }
        }
        await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
        await store.create(fn('last'))
        await store.remove(named('last'))
        const everything = await until(store, '0', (event) => textOf(event) === 'DELETED last')
        expect(everything).toHaveLength(writers * (each + 1) + 2)
        const versions = everything.map((event) => Number(event.resourceVersion))
        expect(versions).toEqual(versions.toSorted((a, b) => a - b))
        expect(watching).toHaveLength(6)
        for (const events of await Promise.all(watching)) expect(events).toEqual(everything.slice(-events.length))
      }))

    it('that falls behind is told so, holds nothing for it, and goes on after a new list', () =>
      subject(async (store) => {
        const since = (await store.create(fn('a', { spec: { n: -1 } }))).metadata.resourceVersion ?? ''
        const slow = store.watch(FUNCTIONS, { since })[Symbol.asyncIterator]()
        const batch = 500
        for (let n = 0; n < KEPT + batch; n += batch) {
          await Promise.all(Array.from({ length: batch }, (_, k) => store.update(fn('a', { spec: { n: n + k } }))))
          if (n === 0) expect((await slow.next()).value).toMatchObject({ type: 'MODIFIED', resource: { spec: { n: 0 } } })
        }
        const rest = collect(slow)
        await expect(rest).rejects.toMatchObject({ code: 'WATCH_TOO_OLD', fields: { oldest: Number(since) + batch + 1 } })
        await expect(take(store, 1, { since })).rejects.toMatchObject({ code: 'WATCH_TOO_OLD' })
        const { resourceVersion } = await store.list(FUNCTIONS)
        await store.create(fn('b'))
        expect((await take(store, 1, { since: resourceVersion })).map(textOf)).toEqual(['ADDED b'])
      }))

    it('of a quiet kind is told where it is, so that it can go on from there', () =>
      subject(async (store) => {
        const watch = store.watch({ group: '', kind: 'Secret' })[Symbol.asyncIterator]()
        const first = watch.next()
        await store.create(fn('a', { spec: { n: -1 } }))
        for (let n = 0; n < 1_100; n += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => store.update(fn('a', { spec: { n: n + k } }))))
        const { value } = await first
        expect(value).toMatchObject({ type: 'BOOKMARK' })
        await watch.return?.()
      }))
  })
}

function textOf(event: WatchEvent): string {
  return event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.resource.metadata.name}`
}

async function take(store: Store, count: number, how: { since: string; namespace?: string; labels?: Record<string, string> }): Promise<WatchEvent[]> {
  const { since, ...selection } = how
  const events: WatchEvent[] = []
  for await (const event of store.watch({ ...FUNCTIONS, ...selection }, { since })) {
    if (events.push(event) === count) break
  }
  return events
}

async function until(store: Store, since: string, last: (event: WatchEvent) => boolean): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const event of store.watch(FUNCTIONS, { since })) {
    events.push(event)
    if (last(event)) break
  }
  return events
}

async function drain(watch: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const event of watch) events.push(event)
  return events
}

/** Reads on until it fails; one page that it already had may come first. */
async function collect(watch: AsyncIterator<WatchEvent>): Promise<number> {
  for (let count = 0; ; count++) {
    const next = await watch.next().catch((error: unknown) => {
      expect(isWeftError(error)).toBe(true)
      throw error
    })
    if (next.done === true || count > KEPT) return count
  }
}
