import { describe, expect, it } from '@jest/globals'
import { MAX_DEPTH, parseJsonBody } from './json.ts'
import { parseYamlBody } from './server.ts'

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

describe('a JSON body', () => {
  it.each([
    ['an object', '{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
    ['a byte order mark in front', '﻿{"a":1}', { a: 1 }],
    ['a key that is only called constructor', '{"constructor":"x"}', { constructor: 'x' }],
    ['the deepest nesting that is allowed', deep(MAX_DEPTH), JSON.parse(deep(MAX_DEPTH))],
  ])('is read: %s', (_name, text, value) => {
    expect(parseJsonBody(text)).toEqual(value)
  })

  it.each([
    ['no JSON', '{"a":', 'not valid JSON'],
    ['nothing', '  ', 'it is empty'],
    ['a key that reaches the prototype', '{"labels":{"__proto__":{"x":1}}}', '__proto__'],
    ['the other way to the prototype', '{"constructor":{"prototype":{"x":1}}}', 'prototype'],
    ['too deep', deep(MAX_DEPTH + 1), 'deeper than'],
    ['absurdly deep', deep(500_000), 'deeper than'],
    ['too many values', JSON.stringify(Array.from({ length: 200_001 }, () => 1)), 'values'],
  ])('is refused: %s', (_name, text, reason) => {
    expect(() => parseJsonBody(text)).toThrow(reason)
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })
})

describe('a YAML body', () => {
  it('is read', () => {
    expect(parseYamlBody('a: [1, two]\nb: {c: "3"}\n')).toEqual({ a: [1, 'two'], b: { c: '3' } })
  })

  it.each([
    [
      'aliases that grow without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
        .split('')
        .map((key, index) => `${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`)
        .join('\n')}`,
      'aliases',
    ],
    ['the same key twice', 'a: 1\na: 2', 'DUPLICATE_KEY'],
    ['a key that reaches the prototype', '__proto__: {x: 1}', '__proto__'],
    ['a broken document', 'a: [1', 'not valid YAML'],
  ])('is refused: %s', (_name, text, reason) => {
    expect(() => parseYamlBody(text)).toThrow(reason)
  })
})
