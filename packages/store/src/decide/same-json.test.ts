import { isDeepStrictEqual } from 'node:util'
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { sameJson } from './same-json.ts'

const json = fc
  .string()
  .chain(() => fc.jsonValue({ maxDepth: 3 }))
  .map((value): unknown => JSON.parse(JSON.stringify(value)))

it('says of any two JSON values what Node.js says of them', () =>
  fc.assert(
    fc.property(json, json, (a, b) => sameJson(a, b) === isDeepStrictEqual(a, b) && sameJson(a, structuredClone(a))),
    { numRuns: 2_000 },
  ))

it.each([
  ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
  ['[1,2]', '[2,1]', false],
  ['{"0":1}', '[1]', false],
  ['{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}', false],
  ['{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}', true],
  ['{"toString":1}', '{}', false],
  ['{}', '{"toString":1}', false],
  ['null', '{}', false],
])('compares %s and %s', (a, b, same) => {
  expect(sameJson(JSON.parse(a), JSON.parse(b))).toBe(same)
})
