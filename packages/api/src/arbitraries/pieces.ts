import fc from 'fast-check'
import { validName } from './names.ts'

/** What generated resources may refer to. */
export interface World {
  /** Namespaces that exist. Default `['default']`. */
  readonly namespaces?: readonly string[]
  /** Images that exist. Default `['functions/alpine:latest']`. */
  readonly images?: readonly string[]
  /** Names of resources. Default any valid name. */
  readonly name?: fc.Arbitrary<string>
}

/** A resource as a user writes it. */
export interface Document {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** Part of generated resources. */
export const ALNUM = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789']
/** Part of generated resources. */
export const text = (maxLength: number) =>
  fc.string({ unit: fc.oneof(fc.constantFrom(...ALNUM, ' ', '-', '"', "'", ':', '#', '{', '}'), fc.constantFrom('ü', '温', '🧊')), maxLength })
/** Part of generated resources. */
export const labelValue = fc.oneof(
  fc.constant(''),
  fc
    .tuple(fc.constantFrom(...ALNUM), fc.string({ unit: fc.constantFrom(...ALNUM, '-', '_', '.'), maxLength: 60 }), fc.constantFrom(...ALNUM))
    .map((parts) => parts.join('')),
)
/** Part of generated resources. */
export const labelKey = fc.oneof(
  fc.constantFrom('app', 'version', 'end-user', 'example.org/tier', 'x_1.y'),
  validName().filter((name) => name !== 'constructor' && name !== 'prototype'),
)
/** Part of generated resources. */
export const labels = fc.dictionary(labelKey, labelValue, { maxKeys: 4, noNullPrototype: true })
/** Part of generated resources. */
export const annotations = fc.dictionary(labelKey, text(200), { maxKeys: 3, noNullPrototype: true })
/** Part of generated resources. */
export const duration = fc.oneof(
  fc.constantFrom('250ms', '1m30s', '2h', '0.5s'),
  fc.integer({ min: 1, max: 3600 }).map((n) => `${n}s`),
)
/** Part of generated resources. */
export const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** Whole numbers that add up to 100. */
export const shares = (count: number) =>
  fc.array(fc.integer({ min: 0, max: 100 }), { minLength: count - 1, maxLength: count - 1 }).map((cuts) => {
    const sorted = [0, ...cuts.toSorted((a, b) => a - b), 100]
    return sorted.slice(1).map((cut, index) => cut - (sorted[index] ?? 0))
  })

/** Part of generated resources. */
export function documentOf(
  world: World,
  apiVersions: readonly string[],
  kind: string,
  content: fc.Arbitrary<Readonly<Record<string, unknown>>>,
): fc.Arbitrary<Document> {
  const metadata = fc.record({
    name: world.name ?? validName(),
    namespace: kind === 'Namespace' ? fc.constant(undefined) : fc.constantFrom(...(world.namespaces ?? ['default'])),
    labels: maybe(labels),
    annotations: maybe(annotations),
  })
  return fc
    .record({ apiVersion: fc.constantFrom(...apiVersions), kind: fc.constant(kind), metadata, content })
    .map(({ content: fields, ...rest }) => plain({ ...rest, ...fields }) as Document)
}

/** Without what is `undefined`, as JSON has it. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** Part of generated resources. */
export const ISTIO = ['v1', 'v1beta1', 'v1alpha3'].map((version) => `networking.istio.io/${version}`)
