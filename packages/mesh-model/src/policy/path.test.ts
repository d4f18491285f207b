import { describe, expect, it } from '@jest/globals'
import { normalisePath } from './path.ts'

/** What Envoy 1.38.3 made of each path (`normalize_path`, `merge_slashes`, `REJECT_REQUEST` for escaped slashes); `undefined`: 400. */
const asEnvoy: readonly (readonly [path: string, normal: string | undefined])[] = [
  ['/a', '/a'],
  ['/%61dmin', '/admin'],
  ['/%41%5f%2D%7E', '/A_-~'],
  ['/a//../b', '/a/b'],
  ['/a//..//b', '/a/b'],
  ['/a/./b', '/a/b'],
  ['/a/..', '/'],
  ['/a/.', '/a/'],
  ['/a/b/../../..', '/'],
  ['/a/../..//b/', '/b/'],
  ['//x', '/x'],
  ['/a\\b', '/a/b'],
  ['/a\\..\\b', '/b'],
  ['/%2e%2e/a', '/a'],
  ['/a/%2E', '/a/'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/...', '/a/...'],
  ['/a;b/..;/c', '/a;b/..;/c'],
  ['/a?x=/../y', '/a'],
  ['/a%zz', '/a%zz'],
  ['/a%', '/a%'],
  ['/a%3f', '/a%3f'],
  ['/%c3%a9', '/%c3%a9'],
  ['/a"<>^`{|}', '/a%22%3C%3E%5E%60%7B%7C%7D'],
  ['/a%2fb', undefined],
  ['/a%5Cb', undefined],
  ['/a%00b', undefined],
  ['/a#b', undefined],
  ['/a?b#c', undefined],
  ['/a b', undefined],
  ['/é', undefined],
  ['*', undefined],
  ['a', undefined],
]

describe('a path, as policies compare it', () => {
  it.each(asEnvoy)('%j is %j', (path, normal) => {
    expect(normalisePath(path)).toBe(normal)
  })
})
