/** A parsed query or form: text, lists, or nested objects. */
type QueryValue = string | QueryValue[] | QueryObject
/** Named {@link QueryValue}s. */
export interface QueryObject {
  [name: string]: QueryValue
}

const MAX_PARAMETERS = 1000
const MAX_DEPTH = 5
const MAX_INDEX = 20
/** Names that reach into prototypes are dropped, wherever they stand. */
const REFUSED = new Set(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf'])

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

function pairsOf(text: string): [string, string][] {
  if (text === '') return []
  const pairs: [string, string][] = []
  for (const part of text.split('&', MAX_PARAMETERS)) {
    if (part === '') continue
    const cut = part.indexOf('=')
    pairs.push(cut < 0 ? [decode(part), ''] : [decode(part.slice(0, cut)), decode(part.slice(cut + 1))])
  }
  return pairs
}

/** `a=1&a=2` → `{ a: ['1', '2'] }`, brackets have no meaning. As Express 5 reads a query. */
export function parseSimple(text: string): QueryObject {
  const result: QueryObject = {}
  for (const [name, value] of pairsOf(text)) {
    if (!REFUSED.has(name)) merge(result, name, value)
  }
  return result
}

function merge(target: QueryObject, name: string, value: string): void {
  const present = Object.hasOwn(target, name) ? target[name] : undefined
  if (present === undefined) target[name] = value
  else if (Array.isArray(present)) present.push(value)
  else if (typeof present === 'string') target[name] = [present, value]
  else present[value] = 'true'
}

/** `a[b][]` → `['a', 'b', '']`; beyond the depth the rest stays one name. */
function segmentsOf(name: string): string[] {
  const open = name.indexOf('[')
  if (open <= 0 || !name.includes(']', open)) return [name]
  const segments = [name.slice(0, open)]
  let rest = name.slice(open)
  for (let match = /^\[([^[\]]*)\]/.exec(rest); match !== null && segments.length <= MAX_DEPTH; match = /^\[([^[\]]*)\]/.exec(rest)) {
    segments.push(match[1] ?? '')
    rest = rest.slice(match[0].length)
  }
  if (rest !== '') segments.push(rest)
  return segments
}

const isIndex = (segment: string): boolean => segment === '' || (/^\d{1,2}$/.test(segment) && Number(segment) <= MAX_INDEX)

function container(parent: QueryObject, name: string, next: string): QueryObject | QueryValue[] {
  const present = Object.hasOwn(parent, name) ? parent[name] : undefined
  if (typeof present === 'object') {
    if (!Array.isArray(present) || isIndex(next)) return present
    // a list that gets a named member becomes an object, as in qs
    return (parent[name] = Object.fromEntries(present.map((value, index) => [String(index), value])))
  }
  const before: QueryValue[] = present === undefined ? [] : [present]
  return (parent[name] = isIndex(next) ? before : typeof present === 'string' ? { [present]: 'true' } : {})
}

function assign(target: QueryObject, segments: readonly string[], value: string): void {
  let here: QueryObject | QueryValue[] = target
  for (let index = 0; index < segments.length - 1; index += 1) {
    const segment = segments[index] ?? ''
    const next = segments[index + 1] ?? ''
    if (Array.isArray(here)) {
      const made: QueryObject | QueryValue[] = isIndex(next) ? [] : {}
      here.push(made)
      here = made
    } else {
      here = container(here, segment, next)
    }
  }
  const last = segments.at(-1) ?? ''
  if (Array.isArray(here)) here.push(value)
  else merge(here, last, value)
}

/** `a[b]=1&c[]=2` → `{ a: { b: '1' }, c: ['2'] }`. As the library qs reads it for Express 4 and for forms: depth 5, 1,000 parameters. */
export function parseExtended(text: string): QueryObject {
  const result: QueryObject = {}
  for (const [name, value] of pairsOf(text)) {
    const segments = name.includes('[') ? segmentsOf(name) : [name]
    if (!segments.some((segment) => REFUSED.has(segment))) assign(result, segments, value)
  }
  return result
}
