import { describe, expect, it } from '@jest/globals'
import { crashesInARow, HEALTHY_AFTER_MS, restartDelayMs } from './backoff.ts'

describe('the wait before a restart', () => {
  it.each([
    [1, 100],
    [2, 1000],
    [3, 2000],
    [4, 4000],
    [5, 8000],
    [10, 256_000],
    [11, 300_000],
    [1000, 300_000],
    [10_000, 300_000],
  ])('after crash number %i in a row is %i ms', (crashes, ms) => {
    expect(restartDelayMs(crashes)).toBe(ms)
  })
})

describe('the count of crashes in a row', () => {
  it.each([
    ['the first crash of a replica', 0, 0, 1],
    ['one that never got ready', 4, 0, 5],
    ['one that was ready for a minute', 4, 60_000, 5],
    ['one that was ready just long enough', 4, HEALTHY_AFTER_MS, 1],
    ['one that was ready for a day', 40, 86_400_000, 1],
  ])('of %s', (_what, before, readyForMs, count) => {
    expect(crashesInARow(before, readyForMs)).toBe(count)
  })
})
