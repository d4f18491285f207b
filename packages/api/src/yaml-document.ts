import { isNode, type Document, type LineCounter } from 'yaml'

/** Aliases that may be resolved; more is a bomb. */
const MAX_ALIASES = 100

/** What {@link documentValue} says of a document without a value. */
export const ALIAS_PROBLEM = 'its aliases stand for too much, or for nothing'

/** The value of a YAML document without errors. @throws RangeError {@link ALIAS_PROBLEM} */
export function documentValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    throw new RangeError(ALIAS_PROBLEM, { cause: error })
  }
}

/** The keys of a path such as `spec.http[0].headers["x-a"]`. */
export function keysOfField(field: string): readonly (string | number)[] {
  return [...field.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, index, quoted, name]) =>
    index === undefined ? (quoted ?? name ?? '') : Number(index),
  )
}

/** A place in a file, both from 1. */
export interface TextPosition {
  readonly line: number
  readonly column: number
}

/** Where the deepest part of a path that is there begins. */
export function positionInDocument(document: Document.Parsed, lines: LineCounter, path: readonly (string | number)[]): TextPosition {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const offset = isNode(node) ? node.range?.[0] : undefined
    if (offset !== undefined) return positionAt(lines, offset)
  }
  return { line: 1, column: 1 }
}

/** The place of an offset. */
export function positionAt(lines: LineCounter, offset: number): TextPosition {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}
