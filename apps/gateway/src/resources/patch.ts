import { isDeepStrictEqual } from 'node:util'
import { WeftError } from '@weft/core'
import { isObject } from '../http/json.ts'

/** JSON merge patch (RFC 7386): objects are merged, `null` removes, anything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

/** One operation of a JSON patch. */
interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

const MOST_OPERATIONS = 1_000

/**
 * JSON patch (RFC 6902): all operations or none.
 * @throws WeftError `INVALID_VALUE` naming the operation that cannot be done
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || patch.length > MOST_OPERATIONS) throw bad('body', `a JSON patch is a list of at most ${MOST_OPERATIONS} operations`)
  let result = structuredClone(target)
  patch.forEach((operation: unknown, index) => {
    result = operate(result, readOperation(operation, index), `body.${index}`)
  })
  return result
}

function readOperation(value: unknown, index: number): Operation {
  if (!isObject(value) || typeof value['op'] !== 'string' || typeof value['path'] !== 'string') throw bad(`body.${index}`, 'an operation has "op" and "path"')
  const { op, path, from, value: content } = value
  return { op, path, ...(typeof from === 'string' ? { from } : {}), ...('value' in value ? { value: structuredClone(content) } : {}) }
}

function operate(root: unknown, { op, path, from, value }: Operation, where: string): unknown {
  switch (op) {
    case 'add':
      return put(root, pointer(path, where), needed(value, where), 'add', where)
    case 'replace':
      return put(root, pointer(path, where), needed(value, where), 'replace', where)
    case 'remove':
      return put(root, pointer(path, where), undefined, 'remove', where)
    case 'move': {
      const source = pointer(from ?? '/', where)
      const moved = read(root, source, where)
      return put(put(root, source, undefined, 'remove', where), pointer(path, where), moved, 'add', where)
    }
    case 'copy':
      return put(root, pointer(path, where), structuredClone(read(root, pointer(from ?? '/', where), where)), 'add', where)
    case 'test':
      if (!isDeepStrictEqual(read(root, pointer(path, where), where), value)) throw bad(where, `the test of ${path} failed`)
      return root
    default:
      throw bad(where, `"${op}" is not an operation of a JSON patch`)
  }
}

function needed(value: unknown, where: string): unknown {
  if (value === undefined) throw bad(where, 'this operation needs a "value"')
  return value
}

function pointer(path: string, where: string): readonly string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw bad(where, `"${path}" is not a JSON pointer`)
  const parts = path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (parts.includes('__proto__')) throw bad(where, 'the key "__proto__" is not allowed')
  return parts
}

function read(root: unknown, parts: readonly string[], where: string): unknown {
  let value = root
  for (const part of parts) {
    if (Array.isArray(value)) value = (value as readonly unknown[])[position(part, value.length - 1, where)]
    else if (isObject(value) && Object.hasOwn(value, part)) value = value[part]
    else throw bad(where, `there is nothing at /${parts.join('/')}`)
  }
  return value
}

/** A copy of `root` in which what is at `parts` was added, replaced or removed. */
function put(root: unknown, parts: readonly string[], value: unknown, mode: 'add' | 'replace' | 'remove', where: string): unknown {
  const [part, ...rest] = parts
  if (part === undefined) return value
  if (Array.isArray(root)) return putIntoList(root, part, rest, value, mode, where)
  if (!isObject(root)) throw bad(where, `there is nothing to hold "${part}"`)
  if ((rest.length > 0 || mode !== 'add') && !Object.hasOwn(root, part)) throw bad(where, `there is no "${part}"`)
  const result = { ...root }
  if (rest.length === 0 && mode === 'remove') delete result[part]
  else result[part] = rest.length === 0 ? value : put(root[part], rest, value, mode, where)
  return result
}

function putIntoList(
  list: readonly unknown[],
  part: string,
  rest: readonly string[],
  value: unknown,
  mode: 'add' | 'replace' | 'remove',
  where: string,
): unknown {
  const isInsert = mode === 'add' && rest.length === 0
  const at = part === '-' && isInsert ? list.length : position(part, isInsert ? list.length : list.length - 1, where)
  if (rest.length > 0) return list.with(at, put(list[at], rest, value, mode, where))
  return mode === 'replace' ? list.with(at, value) : list.toSpliced(at, mode === 'remove' ? 1 : 0, ...(mode === 'add' ? [value] : []))
}

function position(part: string, last: number, where: string): number {
  const at = /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : -1
  if (at < 0 || at > last) throw bad(where, `"${part}" is not a place in the list`)
  return at
}

function bad(field: string, reason: string): WeftError {
  return new WeftError('INVALID_VALUE', { field, reason })
}
