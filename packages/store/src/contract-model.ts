import { describe, expect, it } from '@jest/globals'
import { isWeftError, type Resource } from '@weft/core'
import fc from 'fast-check'
import { fn, named, withStore, type MakeStore } from './contract-support.ts'
import type { Store, WatchEvent } from './port.ts'

const FUNCTIONS = { group: 'weft.dev', kind: 'Function' } as const

/** What is known without the store: `namespace/name` → spec, status and generation. */
type Model = Map<string, { spec: unknown; status: unknown; generation: number }>

interface Step {
  readonly verb: 'create' | 'update' | 'status' | 'remove'
  readonly namespace: string
  readonly name: string
  readonly value: unknown
}

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.constantFrom('create', 'update', 'status', 'remove'),
  namespace: fc.constantFrom('one', 'two'),
  name: fc.constantFrom('a', 'b', 'constructor'),
  value: fc.oneof(fc.constantFrom({ x: 1 }, { x: 2 }), fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })).map(asJson),
})

/** Any sequence of verbs does what a `Map` would do, and what a watch tells, applied to nothing, gives what is there. */
export function modelContract(name: string, make: MakeStore): void {
  const subject = withStore(make)
  describe(`store against a model: ${name}`, () => {
    it('does what a Map does, and its watch tells the same story', () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
          subject(async (store) => {
            const model: Model = new Map()
            for (const one of steps) expect(await outcomeOf(store, one)).toBe(expected(model, one))
            const { items, resourceVersion } = await store.list(FUNCTIONS)
            expect(contents(items)).toEqual(new Map([...model].toSorted(byKey)))
            expect(contents([...(await replay(store, resourceVersion)).values()])).toEqual(new Map([...model].toSorted(byKey)))
          }),
        ),
        { numRuns: 60 },
      ))
  })
}

async function outcomeOf(store: Store, { verb, namespace, name, value }: Step): Promise<string> {
  try {
    if (verb === 'create') await store.create(fn(name, { namespace, spec: value }))
    else if (verb === 'update') await store.update(fn(name, { namespace, spec: value }))
    else if (verb === 'status') await store.update({ ...fn(name, { namespace }), status: value }, { part: 'status' })
    else await store.remove(named(name, namespace))
    return 'done'
  } catch (error) {
    if (isWeftError(error)) return error.code
    throw error
  }
}

function expected(model: Model, { verb, namespace, name, value }: Step): string {
  const key = `${namespace}/${name}`
  const current = model.get(key)
  if (verb === 'create') {
    if (current !== undefined) return 'ALREADY_EXISTS'
    model.set(key, { spec: value, status: undefined, generation: 1 })
    return 'done'
  }
  if (current === undefined) return 'NOT_FOUND'
  if (verb === 'remove') model.delete(key)
  else if (verb === 'status') model.set(key, { ...current, status: value })
  else if (!sameJson(current.spec, value)) model.set(key, { ...current, spec: value, generation: current.generation + 1 })
  return 'done'
}

async function replay(store: Store, upTo: string): Promise<Map<string, Resource>> {
  const world = new Map<string, Resource>()
  if (upTo === '0') return world
  for await (const event of store.watch(FUNCTIONS, { since: '0' })) {
    apply(world, event)
    if (event.resourceVersion === upTo) break
  }
  return world
}

function apply(world: Map<string, Resource>, event: WatchEvent): void {
  if (event.type === 'BOOKMARK') return
  const key = `${event.resource.metadata.namespace}/${event.resource.metadata.name}`
  expect(event.type === 'ADDED').toBe(!world.has(key))
  if (event.type === 'DELETED') world.delete(key)
  else world.set(key, event.resource)
}

function contents(items: readonly Resource[]): Map<string, { spec: unknown; status: unknown; generation: number }> {
  const pairs = items.map(
    ({ metadata, spec, status }) => [`${metadata.namespace}/${metadata.name}`, { spec, status, generation: metadata.generation ?? 0 }] as const,
  )
  return new Map(pairs.toSorted(byKey))
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .toSorted(byKey)
    .map(([key, inner]) => [key, sorted(inner)])
}
