import { describe, expect, it } from '@jest/globals'
import { afterFailure, NO_FAILURES } from './failures.ts'

const DAY_MS = 86_400_000

/** What follows from failures at these times: how long is waited, and whether it is said. */
function following(failures: readonly (readonly [reason: string, at: number])[]): readonly string[] {
  let now = NO_FAILURES
  return failures.map(([reason, at]) => {
    const { failures: next, said } = afterFailure(now, reason, at)
    now = next
    return `${next.waitMs / 1000} s${said ? ', said' : ''}`
  })
}

describe('renewals that fail', () => {
  it('wait twice as long each time, up to five minutes, and say why once', () => {
    expect(following(Array.from({ length: 11 }, (_, index) => ['ended', index]))).toEqual([
      '1 s, said',
      '2 s',
      '4 s',
      '8 s',
      '16 s',
      '32 s',
      '64 s',
      '128 s',
      '256 s',
      '300 s',
      '300 s',
    ])
  })

  it('say another reason, and the same one a day later', () => {
    expect(following([['ended', 0], ['no disk', 1], ['no disk', 2], ['no disk', 1 + DAY_MS]])).toEqual(['1 s, said', '2 s, said', '4 s', '8 s, said']) // prettier-ignore
  })

  it('wait no longer however often they fail', () => {
    expect(following(Array.from({ length: 2000 }, () => ['ended', 0])).at(-1)).toBe('300 s')
  })
})
