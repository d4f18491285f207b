import type { FunctionResource, RevisionResource } from '@weft/api'
import { describe, expect, it } from '@jest/globals'
import { topRows } from './kubeless.ts'
import { sinceOf } from './logs.ts'
import { notReadyBecause } from './ready.ts'
import { chooseRollback } from './revisions.ts'
import { parseMatches, parseShares } from './traffic.ts'

describe('shares of the traffic', () => {
  it.each([
    [
      'two',
      ['v1=90', 'v2=10'],
      [
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ],
    ],
    [
      'with per cent signs',
      ['v1=90%', 'v2=10%'],
      [
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ],
    ],
    ['one', ['00001=100'], [{ revision: '00001', weight: 100 }]],
    ['none', [], []],
  ])('%s', (_name, texts, shares) => {
    expect(parseShares(texts)).toEqual(shares)
  })

  it.each([
    ['that do not add up', ['v1=90', 'v2=20'], 'the shares add up to 110, not to 100'],
    ['without a number', ['v1'], '"v1" is not REVISION=PERCENT'],
    ['below zero', ['v1=-1'], 'is not REVISION=PERCENT'],
    ['with fractions', ['v1=99.5', 'v2=0.5'], 'is not REVISION=PERCENT'],
    ['of a revision that cannot be', ['V1=100'], 'is not REVISION=PERCENT'],
  ])('%s are refused', (_name, texts, message) => {
    expect(() => parseShares(texts)).toThrow(message)
  })
})

describe('header rules', () => {
  it('go to the revision behind them', () => {
    expect(parseMatches(['End-User: jason', 'x-beta:1'], ['v2', 'v3'])).toEqual([
      { headers: { 'end-user': 'jason' }, revision: 'v2' },
      { headers: { 'x-beta': '1' }, revision: 'v3' },
    ])
  })

  it.each([
    ['without a revision', ['a: b'], [], 'each --match needs a --to'],
    ['that are no header', ['jason'], ['v2'], '"jason" is not "HEADER: VALUE"'],
    ['with a name that is none', ['a b: c'], ['v2'], 'is not "HEADER: VALUE"'],
  ])('%s are refused', (_name, matches, targets, message) => {
    expect(() => parseMatches(matches, targets)).toThrow(message)
  })
})

const revision = (number: number, phase: string) =>
  ({ metadata: { name: `temp-${number}` }, spec: { revision: `v${number}`, number }, status: { phase } }) as unknown as RevisionResource

describe('a roll-back', () => {
  it.each<[string, RevisionResource[], string[], string | undefined, string]>([
    ['goes to the one before that which serves', [revision(3, 'Active'), revision(2, 'Retired'), revision(1, 'Retired')], ['v3'], undefined, 'v2'],
    ['passes over one that never got ready', [revision(3, 'Active'), revision(2, 'Failed'), revision(1, 'Retired')], ['v3'], undefined, 'v1'],
    ['goes behind the oldest of a split', [revision(3, 'Active'), revision(2, 'Active'), revision(1, 'Retired')], ['v3', 'v2'], undefined, 'v1'],
    ['passes over a newer one that failed', [revision(4, 'Failed'), revision(3, 'Active'), revision(2, 'Retired')], ['v3'], undefined, 'v2'],
    ['goes where it is told', [revision(3, 'Active'), revision(2, 'Retired'), revision(1, 'Retired')], ['v3'], 'v1', 'v1'],
  ])('%s', (_name, revisions, serving, named, target) => {
    expect(chooseRollback(revisions, new Set(serving), named)).toBe(target)
  })

  it('is refused when nothing older was ever ready, or nothing has that name', () => {
    expect(() => chooseRollback([revision(2, 'Active'), revision(1, 'Failed')], new Set(['v2']), undefined)).toThrow(
      'there is no older revision that was ever ready',
    )
    expect(() => chooseRollback([revision(2, 'Active')], new Set(['v2']), 'v9')).toThrow('there is no revision v9; there are v2')
  })
})

describe('what keeps a function from being ready', () => {
  const fn = (observedGeneration: number, status: string, message: string) =>
    ({
      metadata: { name: 'x', generation: 2 },
      spec: {},
      status: { observedGeneration, conditions: [{ type: 'RevisionReady', status, message }] },
    }) as unknown as FunctionResource
  it.each([
    ['nothing, when its newest revision is proven', fn(2, 'True', ''), undefined],
    ['a change that was not seen', fn(1, 'True', ''), 'its last change has not been seen yet'],
    ['what the platform says', fn(2, 'False', 'it exits with 1'), 'it exits with 1'],
  ])('is %s', (_name, resource, reason) => {
    expect(notReadyBecause(resource)).toBe(reason)
  })
})

describe('the begin of a log', () => {
  const now = Date.parse('2030-01-01T00:10:00Z')
  it.each([
    [{ since: '5m' }, '2030-01-01T00:05:00.000Z'],
    [{ sinceTime: '2030-01-01T00:00:00+01:00' }, '2029-12-31T23:00:00.000Z'],
    [{}, undefined],
  ])('is, with %j, %s', (options, time) => {
    expect(sinceOf(options, now)).toBe(time)
  })

  it('is one time', () => {
    expect(() => sinceOf({ since: '5m', sinceTime: '2030-01-01' }, now)).toThrow('not both')
    expect(() => sinceOf({ sinceTime: 'yesterday' }, now)).toThrow('"yesterday" is not a time')
  })
})

it('the sums of kubeless top are over all revisions, failures are answers of 500 and above', () => {
  const one = { function: { namespace: 'default', name: 'temp' } }
  expect(
    topRows([
      { ...one, byCode: { 200: 3, 404: 1 }, durationSumSeconds: 1 },
      { ...one, byCode: { 500: 1 }, durationSumSeconds: 0.5 },
    ]),
  ).toEqual([{ function: 'temp', namespace: 'default', total_calls: 5, total_failures: 1, total_duration_seconds: 1.5, avg_duration_seconds: 0.3 }])
})
