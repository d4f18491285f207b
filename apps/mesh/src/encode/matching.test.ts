import { describe, expect, it } from '@jest/globals'
import type { StringMatch } from '@weft/mesh-model'
import { prefixedPathRegex, stringRegex } from './matching.ts'

const whole = (regex: string, text: string): boolean => new RegExp(`^(?:${regex})$`).test(text)

const matches: readonly StringMatch[] = [
  { kind: 'exact', value: '/' },
  { kind: 'exact', value: '/a' },
  { kind: 'exact', value: '/a.b' },
  { kind: 'exact', value: '/a+(b)[c]' },
  { kind: 'prefix', value: '' },
  { kind: 'prefix', value: '/' },
  { kind: 'prefix', value: '/a' },
  { kind: 'prefix', value: '/a/' },
  { kind: 'suffix', value: '/' },
  { kind: 'suffix', value: '/b' },
  { kind: 'suffix', value: 'b' },
  { kind: 'suffix', value: '' },
  { kind: 'regex', value: '/a|/b' },
  { kind: 'regex', value: '/.*' },
  { kind: 'regex', value: '/[0-9]+' },
  { kind: 'present' },
]
const paths = ['/', '/a', '/ab', '/a/', '/a/b', '/b', '/aXb', '/a.b', '/a+(b)[c]', '/12', '/xb', '/x/b', '/x/']

function holds(match: StringMatch, path: string): boolean {
  switch (match.kind) {
    case 'exact':
      return path === match.value
    case 'prefix':
      return path.startsWith(match.value)
    case 'suffix':
      return path.endsWith(match.value)
    case 'regex':
      return new RegExp(`^(?:${match.value})$`).test(path)
    case 'present':
      return path !== ''
    default:
      return match satisfies never
  }
}

describe('a condition on a path', () => {
  it.each(matches)('holds behind /function/NAME exactly where it holds for the function: %j', (match) => {
    const regex = prefixedPathRegex(match)
    const seen = paths.filter((path) => whole(regex, `/function/temp.default${path}`))
    expect(seen).toEqual(paths.filter((path) => holds(match, path)))
    expect(whole(regex, '/function/temp')).toBe(holds(match, '/'))
  })

  it.each(matches)('is the same as a regular expression: %j', (match) => {
    expect(paths.filter((path) => whole(stringRegex(match), path))).toEqual(paths.filter((path) => holds(match, path)))
  })
})
