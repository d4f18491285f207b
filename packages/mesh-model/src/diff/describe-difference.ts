import { difference } from '../difference.ts'
import type { MeshSnapshot, SnapshotMap } from '../snapshot.ts'

/** One thing of a snapshot that is different in another. */
export interface SnapshotChange {
  /** `host`, `workload`, `gateway` and so on. */
  readonly kind: string
  readonly key: string
  readonly change: 'added' | 'removed' | 'changed'
  /** What is different: `FIELD: BEFORE -> AFTER`, the first fifty; nothing for what came or went. */
  readonly fields: readonly string[]
}

/** Kinds of entries, in the order in which a person wants to read them. Names of listeners' chains follow from the others. */
const KINDS: readonly (readonly [name: Exclude<SnapshotMap, 'chainNames'>, kind: string])[] = [
  ['hosts', 'host'],
  ['workloads', 'workload'],
  ['gateways', 'gateway'],
  ['gatewayHosts', 'gateway host'],
  ['listeners', 'listener'],
  ['externals', 'outside host'],
  ['credentials', 'certificate'],
]

/** The map of a snapshot that has the entries of a kind; `undefined`: none has. */
export function mapOf(kind: string): SnapshotMap | undefined {
  return KINDS.find(([, name]) => name === kind)?.[0]
}

const MOST_FIELDS = 50
const MOST_CHARACTERS = 120

/** What is different in `after`, entry by entry. Of certificates only that they are: they hold private keys. */
export function describeDifference(before: MeshSnapshot, after: MeshSnapshot): readonly SnapshotChange[] {
  const changed = difference(before, after)
  const entries = KINDS.flatMap(([name, kind]) => {
    const [was, is]: readonly ReadonlyMap<string, unknown>[] = [before[name], after[name]]
    const set = changed[name].set.map((key): SnapshotChange => {
      const old = was?.get(key)
      if (old === undefined) return { kind, key, change: 'added', fields: [] }
      return { kind, key, change: 'changed', fields: name === 'credentials' ? [] : [...fieldsOf(old, is?.get(key), '')].slice(0, MOST_FIELDS) }
    })
    const removed = changed[name].removed.map((key): SnapshotChange => ({ kind, key, change: 'removed', fields: [] }))
    return [...set, ...removed].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  })
  const ingress = [...fieldsOf(before.ingressAuthentication, after.ingressAuthentication, '')].slice(0, MOST_FIELDS)
  return ingress.length === 0 ? entries : [...entries, { kind: 'ingress', key: 'tokens and policies', change: 'changed', fields: ingress }]
}

function* fieldsOf(before: unknown, after: unknown, path: string): Generator<string> {
  if (Object.is(before, after)) return
  if (isList(before) && isList(after)) yield* partsOf(listed(before), listed(after), path)
  else if (isObject(before) && isObject(after)) yield* partsOf(new Map(Object.entries(before)), new Map(Object.entries(after)), path)
  else if (shown(before) !== shown(after)) yield `${path}: ${shown(before)} -> ${shown(after)}`
}

function* partsOf(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>, path: string): Generator<string> {
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    yield* fieldsOf(before.get(key), after.get(key), key.startsWith('[') || path === '' ? `${path}${key}` : `${path}.${key}`)
  }
}

/** Elements by their names where each has one of its own, else by their places. */
function listed(list: readonly unknown[]): ReadonlyMap<string, unknown> {
  const names = list.map((element) => (isObject(element) && typeof element['name'] === 'string' ? element['name'] : undefined))
  const named = names.every((name) => name !== undefined) && new Set(names).size === names.length
  return new Map(list.map((element, index) => [`[${named ? names[index] : index}]`, element]))
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set)
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value instanceof Map || value instanceof Set ? [...value] : value) ?? 'nothing'
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}
