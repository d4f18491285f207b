import type { Resource } from '@weft/core'
import { isObject, parseJsonBody } from '../http/json.ts'

/** Annotation in which the fields of the last apply are remembered: their names, no values. */
export const APPLIED_ANNOTATION = 'weft.dev/applied-fields'

/** The shape of a document: objects keep their keys, everything else is `1`. */
type Shape = { readonly [key: string]: Shape } | 1

/**
 * What an apply makes of a resource: fields of the document win, fields that an earlier apply set and this one leaves out are removed, and everything that
 * others set (a split, a scale) stays. Lists are replaced whole. Both documents are complete and canonical.
 */
export function applied(live: Resource | undefined, document: Resource): Resource {
  const shape = shapeOf(withoutNames(document))
  const before = live === undefined ? undefined : rememberedShape(live)
  const kept = live === undefined || before === undefined ? live : (without(live, before, shape) as Resource)
  const merged = overlay(kept, document) as Resource
  return { ...merged, metadata: { ...merged.metadata, annotations: { ...merged.metadata.annotations, [APPLIED_ANNOTATION]: JSON.stringify(shape) } } }
}

/** What identifies a document, and what is the store's, was not applied. */
function withoutNames(document: Resource): unknown {
  const { labels, annotations } = document.metadata
  const { apiVersion: _version, kind: _kind, status: _status, metadata: _metadata, ...content } = document
  return { ...content, metadata: { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) } }
}

function shapeOf(value: unknown): Shape {
  if (!isObject(value)) return 1
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
}

function rememberedShape(live: Resource): Shape | undefined {
  const text = live.metadata.annotations?.[APPLIED_ANNOTATION]
  if (text === undefined) return undefined
  try {
    const value = parseJsonBody(text)
    return isObject(value) ? (value as Shape) : undefined
  } catch {
    return undefined // somebody wrote into the annotation: nothing is remembered
  }
}

/** A copy of `live` without what was in `before` and is not in `now`. */
function without(live: unknown, before: Shape, now: Shape): unknown {
  if (!isObject(live) || before === 1) return live
  const result = { ...live }
  for (const [key, inner] of Object.entries(before)) {
    const next = now === 1 ? undefined : now[key]
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
