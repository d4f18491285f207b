import { describe, expect, it } from '@jest/globals'
import { refOf, type Resource } from '@weft/core'
import { watchContract } from './contract-watch.ts'
import { fn, named, withStore, type MakeStore } from './contract-support.ts'

export type { MakeStore, StoreSubject } from './contract-support.ts'

const FUNCTIONS = { group: 'weft.dev', kind: 'Function' } as const

/** Every adapter of the port `Store` passes this, against the real thing. `make` gives a fresh, empty store. */
export function storeContract(adapter: string, make: MakeStore): void {
  const subject = withStore(make)

  describe(`store: ${adapter}`, () => {
    describe('one resource', () => {
      it('is given back as it was written, with identity, time, generation 1 and a version', () =>
        subject(async (store) => {
          const created = await store.create(fn('a', { spec: { x: [1, { y: 'ü' }] } }))
          expect(created).toMatchObject({ kind: 'Function', metadata: { name: 'a', namespace: 'default', generation: 1 }, spec: { x: [1, { y: 'ü' }] } })
          expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
          expect(Date.parse(created.metadata.creationTimestamp ?? '')).not.toBeNaN()
          expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0)
          expect(await store.get(refOf(created))).toEqual(created)
        }))

      it('does not exist until it is created, and not after it was removed', () =>
        subject(async (store) => {
          expect(await store.get(named('a'))).toBeUndefined()
          await expect(store.update(fn('a'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
          await expect(store.remove(named('a'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
          const created = await store.create(fn('a'))
          const removed = await store.remove(named('a'))
          expect(removed.metadata.uid).toBe(created.metadata.uid)
          expect(Number(removed.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion))
          expect(await store.get(named('a'))).toBeUndefined()
        }))

      it('is created once, and has another uid when it is created again', () =>
        subject(async (store) => {
          const first = await store.create(fn('a'))
          await expect(store.create(fn('a'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
          await store.remove(named('a'))
          const second = await store.create(fn('a'))
          expect(second.metadata.uid).not.toBe(first.metadata.uid)
        }))

      it('is one whatever version of its group it is written in', () =>
        subject(async (store) => {
          await store.create({ apiVersion: 'networking.istio.io/v1beta1', kind: 'VirtualService', metadata: { name: 'a', namespace: 'default' }, spec: {} })
          const again = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'a', namespace: 'default' }, spec: {} }
          await expect(store.create(again)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
        }))

      it('is copied in and out', () =>
        subject(async (store) => {
          const given = fn('a', { spec: { list: [1] } })
          const created = await store.create(given)
          ;(given.spec as { list: number[] }).list.push(2)
          ;(created.spec as { list: number[] }).list.push(3)
          const read = await store.get(named('a'))
          expect(read?.spec).toEqual({ list: [1] })
          const { list } = (read?.spec ?? {}) as { list?: number[] }
          list?.push(4)
          expect((await store.list(FUNCTIONS)).items[0]?.spec).toEqual({ list: [1] })
        }))

      it('keeps very long values and odd ones', () =>
        subject(async (store) => {
          const odd = { long: 'x'.repeat(2_000_000), nul: 'a\u0000b', quote: `'";--`, empty: '', deep: nested(200), emoji: '🧊', number: 1e308, nothing: null }
          await store.create(fn('a', { spec: odd }))
          expect((await store.get(named('a')))?.spec).toEqual(odd)
        }))

      it('keeps keys that mean something to JavaScript, and they pollute nothing', () =>
        subject(async (store) => {
          const spec: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}, "hasOwnProperty": 1}')
          const labels = JSON.parse('{"__proto__": "x", "constructor": "y", "toString": "z"}') as Record<string, string>
          await store.create({ ...fn('a', { spec }), metadata: { name: 'a', namespace: 'default', labels } })
          await store.create(fn('b', { spec: {} }))
          expect(JSON.stringify((await store.get(named('a')))?.spec)).toBe(JSON.stringify(spec))
          const found = await store.list({ ...FUNCTIONS, labels: { constructor: 'y' } })
          expect(found.items.map((item) => item.metadata.name)).toEqual(['a'])
          expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
        }))

      it.each(['__proto__', 'constructor', 'toString', 'hasownproperty'])('can be named %s', (odd) =>
        subject(async (store) => {
          expect(await store.get(named(odd))).toBeUndefined()
          await store.create(fn(odd))
          expect((await store.get(named(odd)))?.metadata.name).toBe(odd)
          await store.remove(named(odd))
          expect((await store.list(FUNCTIONS)).items).toEqual([])
        }),
      )
    })

    describe('writes', () => {
      it('grow the generation with the spec and not with labels or status', () =>
        subject(async (store) => {
          const created = await store.create(fn('a', { spec: { x: 1 } }))
          const labelled = await store.update({ ...created, metadata: { ...created.metadata, labels: { a: 'b' } } })
          expect(labelled.metadata).toMatchObject({ generation: 1, labels: { a: 'b' } })
          const withStatus = await store.update({ ...labelled, status: { ok: true } }, { part: 'status' })
          expect(withStatus).toMatchObject({ metadata: { generation: 1 }, status: { ok: true } })
          const changed = await store.update({ ...withStatus, spec: { x: 2 } })
          expect(changed).toMatchObject({ metadata: { generation: 2 }, status: { ok: true } })
        }))

      it('of one part leave the other part alone', () =>
        subject(async (store) => {
          const created = await store.create(fn('a', { spec: { x: 1 } }))
          await store.update({ ...created, spec: { x: 99 }, status: { n: 1 }, metadata: { ...created.metadata, labels: { no: 'no' } } }, { part: 'status' })
          const read = await store.get(named('a'))
          expect(read).toMatchObject({ spec: { x: 1 }, status: { n: 1 } })
          expect(read?.metadata.labels).toBeUndefined()
          await store.update({ ...fn('a', { spec: { x: 2 } }), status: { n: 99 } })
          expect(await store.get(named('a'))).toMatchObject({ spec: { x: 2 }, status: { n: 1 } })
        }))

      it('cannot change what the store has set', () =>
        subject(async (store) => {
          const created = await store.create({
            ...fn('a'),
            metadata: { name: 'a', namespace: 'default', uid: 'mine', generation: 77, resourceVersion: '999999' },
          })
          expect(created.metadata).toMatchObject({ generation: 1 })
          expect(created.metadata.uid).not.toBe('mine')
          const updated = await store.update({
            ...fn('a', { spec: { y: 1 } }),
            metadata: { name: 'a', namespace: 'default', creationTimestamp: '1999-01-01T00:00:00Z' },
          })
          expect(updated.metadata).toMatchObject({ uid: created.metadata.uid, creationTimestamp: created.metadata.creationTimestamp, generation: 2 })
        }))

      it('that change nothing keep the version', () =>
        subject(async (store) => {
          const created = await store.create(fn('a', { spec: { x: 1, y: 2 } }))
          expect(await store.update(created)).toEqual(created)
          expect(await store.update(fn('a', { spec: { y: 2, x: 1 } }))).toEqual(created)
          expect(await store.update(created, { part: 'status' })).toEqual(created)
          expect((await store.list(FUNCTIONS)).resourceVersion).toBe(created.metadata.resourceVersion)
        }))

      it('on an old version or another object are refused as conflicts and change nothing', () =>
        subject(async (store) => {
          const old = await store.create(fn('a', { spec: { x: 1 } }))
          const current = await store.update({ ...old, spec: { x: 2 } })
          await expect(store.update({ ...old, spec: { x: 3 } })).rejects.toMatchObject({
            code: 'CONFLICT',
            fields: { given: old.metadata.resourceVersion, current: current.metadata.resourceVersion },
          })
          await expect(store.update({ ...old, status: {} }, { part: 'status' })).rejects.toMatchObject({ code: 'CONFLICT' })
          await expect(store.remove(named('a'), old.metadata.resourceVersion)).rejects.toMatchObject({ code: 'CONFLICT' })
          const stranger = { ...fn('a', { spec: { x: 4 } }), metadata: { name: 'a', namespace: 'default', uid: 'of-a-predecessor' } }
          await expect(store.update(stranger)).rejects.toMatchObject({ code: 'CONFLICT' })
          expect(await store.get(named('a'))).toEqual(current)
        }))

      it('of many at once count exactly, when each reads, adds one and tries again on a conflict', () =>
        subject(async (store) => {
          await store.create(fn('counter', { spec: { n: 0 } }))
          let conflicts = 0
          const increment = async (): Promise<void> => {
            const current = (await store.get(named('counter'))) as Resource<{ n: number }>
            await Promise.resolve()
            try {
              await store.update({ ...current, spec: { n: (current.spec?.n ?? 0) + 1 } })
            } catch (error) {
              expect(error).toMatchObject({ code: 'CONFLICT' })
              conflicts += 1
              await increment()
            }
          }
          await Promise.all(Array.from({ length: 40 }, increment))
          expect((await store.get(named('counter')))?.spec).toEqual({ n: 40 })
          expect(conflicts).toBeGreaterThan(0)
        }))

      it('of many at once under one name let one in', () =>
        subject(async (store) => {
          const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => store.create(fn('a', { spec: { n } }))))
          expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
        }))

      it('get versions that grow, whatever the kind', () =>
        subject(async (store) => {
          const versions = []
          for (let n = 0; n < 5; n++) {
            versions.push((await store.create(fn(`f${n}`))).metadata.resourceVersion)
            versions.push((await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${n}` } })).metadata.resourceVersion)
          }
          expect(versions.map(Number)).toEqual(versions.map(Number).toSorted((a, b) => a - b))
          expect(new Set(versions).size).toBe(10)
        }))
    })

    describe('namespaces and lists', () => {
      it('keep two resources of one name in two namespaces apart', () =>
        subject(async (store) => {
          await store.create(fn('a', { namespace: 'one', spec: { in: 'one' } }))
          await store.create(fn('a', { namespace: 'two', spec: { in: 'two' } }))
          await store.update(fn('a', { namespace: 'two', spec: { in: 'two, changed' } }))
          expect((await store.get(named('a', 'one')))?.spec).toEqual({ in: 'one' })
          await store.remove(named('a', 'one'))
          expect((await store.get(named('a', 'two')))?.spec).toEqual({ in: 'two, changed' })
        }))

      it('give what is selected by kind, namespace and labels, in the order of names', () =>
        subject(async (store) => {
          for (const namespace of ['two', 'one']) {
            for (const name of ['c', 'a', 'b']) await store.create(fn(name, { namespace, labels: { name, even: namespace === 'two' ? 'yes' : 'no' } }))
          }
          await store.create({ ...fn('a', { namespace: 'one' }), kind: 'Revision' })
          const names = async (selection: object) =>
            (await store.list({ ...FUNCTIONS, ...selection })).items.map((item) => `${item.metadata.namespace}/${item.metadata.name}`)
          expect(await names({})).toEqual(['one/a', 'one/b', 'one/c', 'two/a', 'two/b', 'two/c'])
          expect(await names({ namespace: 'two' })).toEqual(['two/a', 'two/b', 'two/c'])
          expect(await names({ labels: { name: 'b' } })).toEqual(['one/b', 'two/b'])
          expect(await names({ labels: { name: 'b', even: 'yes' } })).toEqual(['two/b'])
          expect(await names({ namespace: 'three' })).toEqual([])
          expect((await store.list({ group: 'example.org', kind: 'Function' })).items).toEqual([])
        }))
    })

    describe('owners', () => {
      const child = (name: string, owner: Resource, extra: { readonly namespace?: string; readonly uid?: string } = {}): Resource => ({
        apiVersion: 'weft.dev/v1alpha1',
        kind: 'Revision',
        metadata: {
          name,
          namespace: extra.namespace ?? 'default',
          ownerReferences: [
            { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, ...(extra.uid === undefined ? {} : { uid: extra.uid }) },
          ],
        },
        spec: {},
      })

      it('take their children and the children of those with them, and nobody else', () =>
        subject(async (store) => {
          const owner = await store.create(fn('owner'))
          const first = await store.create(child('first', owner, owner.metadata.uid === undefined ? {} : { uid: owner.metadata.uid }))
          await store.create(child('grandchild', first))
          await store.create(child('elsewhere', owner, { namespace: 'other' }))
          await store.create(child('of-another', await store.create(fn('another'))))
          await store.remove(named('owner'))
          const left = await store.list({ group: 'weft.dev', kind: 'Revision' })
          expect(left.items.map((item) => item.metadata.name)).toEqual(['of-another', 'elsewhere'])
        }))

      it('that are gone get no more children', () =>
        subject(async (store) => {
          const owner = await store.create(fn('owner'))
          await store.remove(named('owner'))
          await store.create(fn('owner'))
          await expect(store.create(child('late', owner, { uid: owner.metadata.uid ?? '' }))).rejects.toMatchObject({ code: 'NOT_FOUND' })
        }))

      it('follow an update of the owner references', () =>
        subject(async (store) => {
          const one = await store.create(fn('one'))
          const two = await store.create(fn('two'))
          await store.create(child('c', one))
          await store.update(child('c', two))
          await store.remove(named('one'))
          expect((await store.list({ group: 'weft.dev', kind: 'Revision' })).items).toHaveLength(1)
          await store.remove(named('two'))
          expect((await store.list({ group: 'weft.dev', kind: 'Revision' })).items).toHaveLength(0)
        }))
    })

    describe('secrets', () => {
      it('are read as they were written, in get, list and watch', () =>
        subject(async (store) => {
          const since = (await store.list({ group: '', kind: 'Secret' })).resourceVersion
          const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' }, type: 'Opaque', data: { s: 'aHVzaA==' } }
          await store.create(secret)
          expect(await store.get({ group: '', kind: 'Secret', namespace: 'default', name: 's' })).toMatchObject(secret)
          expect((await store.list({ group: '', kind: 'Secret' })).items[0]).toMatchObject(secret)
          for await (const event of store.watch({ group: '', kind: 'Secret' }, { since })) {
            expect(event).toMatchObject({ type: 'ADDED', resource: secret })
            break
          }
        }))
    })

    describe('the end', () => {
      it('is final and may be said twice', () =>
        subject(async (store) => {
          await store.create(fn('a'))
          await store.close()
          await store.close()
          await expect(store.get(named('a'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
          await expect(store.create(fn('b'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
          expect(() => store.watch(FUNCTIONS)).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }))
        }))
    })

    watchContract(subject)
  })
}

function nested(depth: number): unknown {
  return depth === 0 ? 'end' : { in: nested(depth - 1) }
}
