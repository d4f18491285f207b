import type { Resource } from '@weft/core'
import { isObject, parseJsonBody } from '../http/json.ts'

/** Annotation in which the fields of the last apply of each manager are remembered: their names, no values. */
export const APPLIED_ANNOTATION = 'weft.dev/applied-fields'
/** Who applies when a request does not say (`fieldManager`). */
export const DEFAULT_MANAGER = 'weft'
const MOST_MANAGERS = 16

/** The shape of a document: objects keep their keys, everything else is `1`. */
type Shape = { readonly [key: string]: Shape } | 1

/**
 * What an apply makes of a resource: fields of the document win, fields that an earlier apply of the same manager set and this one leaves out are removed
 * (unless another manager applied them too), and everything that others set (a split, a scale) stays. Lists are replaced whole.
 */
export function applied(live: Resource | undefined, document: object, manager: string): object {
  const shape = shapeOf(withoutNames(document))
  const remembered = live === undefined ? new Map<string, Shape>() : rememberedShapes(live)
  const before = remembered.get(manager)
  remembered.delete(manager)
  const present = [...remembered.values()].reduce(union, shape)
  remembered.set(manager, shape)
  const kept = live === undefined || before === undefined ? live : without(live, before, present)
  const merged = overlay(kept, document)
  const note = { annotations: { [APPLIED_ANNOTATION]: JSON.stringify(Object.fromEntries([...remembered].slice(-MOST_MANAGERS))) } }
  return overlay(merged, { metadata: note }) as object
}

/** What identifies a document, and what is the store's, was not applied. */
function withoutNames(document: object): unknown {
  const { apiVersion: _version, kind: _kind, status: _status, metadata, ...content } = document as Readonly<Record<string, unknown>>
  const { labels, annotations } = isObject(metadata) ? metadata : {}
  return { ...content, metadata: { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) } }
}

function shapeOf(value: unknown): Shape {
  if (!isObject(value)) return 1
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
}

function rememberedShapes(live: Resource): Map<string, Shape> {
  const text = live.metadata.annotations?.[APPLIED_ANNOTATION]
  if (text === undefined) return new Map()
  try {
    const value = parseJsonBody(text)
    return new Map(isObject(value) ? (Object.entries(value) as [string, Shape][]) : [])
  } catch {
    return new Map() // somebody wrote into the annotation: nothing is remembered
  }
}

function union(a: Shape, b: Shape): Shape {
  if (a === 1 || b === 1) return a === 1 ? b : a
  const result: Record<string, Shape> = { ...a }
  for (const [key, inner] of Object.entries(b)) result[key] = Object.hasOwn(a, key) ? union(a[key] ?? 1, inner) : inner
  return result
}

/** A copy of `live` without what was in `before` and is not in `now`. */
function without(live: unknown, before: Shape, now: Shape): unknown {
  if (!isObject(live) || before === 1) return live
  const result = { ...live }
  for (const [key, inner] of Object.entries(before)) {
    const next = now === 1 || !Object.hasOwn(now, key) ? undefined : now[key]
    if (next === undefined) {
      const rest = withoutAll(result[key], inner)
      if (rest === undefined) delete result[key]
      else result[key] = rest
    } else result[key] = without(result[key], inner, next)
  }
  return result
}

/** What is left of a value when everything of a shape is taken from it; `undefined` when nothing is. */
function withoutAll(live: unknown, shape: Shape): unknown {
  if (!isObject(live) || shape === 1) return undefined
  const result = without(live, shape, {})
  return isObject(result) && Object.keys(result).length > 0 ? result : undefined
}

function overlay(base: unknown, document: unknown): unknown {
  if (!isObject(base) || !isObject(document)) return document
  const result = { ...base }
  for (const [key, value] of Object.entries(document)) result[key] = overlay(result[key], value)
  return result
}
