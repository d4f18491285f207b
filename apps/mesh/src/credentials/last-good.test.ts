import { describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { LastGood, type Material, type Origin, type Validity } from './last-good.ts'

const origin = (id: string, others: readonly string[] = []): Origin => ({ id, text: `the Secret ${id}`, credentials: [id], files: [], others })
interface Pair extends Validity {
  readonly text: string
}
const pair = (text: string, from: number, until: number): Material<Pair> => ({ ok: true, value: { text, from, until } })
const bad = (reason: string): Material<Pair> => ({ ok: false, reason })

type States = readonly (readonly [at: number, state: Material<Pair>])[]

/** What is used after each of the states that a Secret had, at these times; and what is said of it. */
function used(states: States): readonly string[] {
  let now = 0
  const lastGood = new LastGood({ now: () => now, log: silentLog() })
  return states.map(([at, state]) => {
    now = at
    const material = lastGood.choose(origin('a'), state, (value) => value)
    return material.ok ? [material.value.text, ...(material.note === undefined ? [] : [material.note.reason])].join(' ') : `refused: ${material.reason}`
  })
}

describe('the last good certificate', () => {
  it.each<[string, States, readonly string[]]>([
    ['a Secret that was never good is refused', [[0, bad('no PEM')]], ['refused: no PEM']],
    ['a broken one leaves what was there', [[0, pair('one', 0, 90)], [1, bad('no PEM')], [2, bad('gone')]], ['one', 'one CredentialKept', 'one CredentialKept']], // prettier-ignore
    ['a good one takes its place', [[0, pair('one', 0, 90)], [1, bad('no PEM')], [2, pair('two', 0, 90)]], ['one', 'one CredentialKept', 'two']], // prettier-ignore
    ['one that has ended leaves what is good', [[50, pair('one', 0, 90)], [51, pair('old', 0, 40)]], ['one', 'one CredentialKept']], // prettier-ignore
    ['one that is not good yet waits for its time', [[0, pair('one', 0, 90)], [1, pair('next', 10, 99)], [10, pair('next', 10, 99)]], ['one', 'one CredentialKept', 'next']], // prettier-ignore
    ['of two that have ended the newer one', [[0, pair('one', 0, 30)], [50, pair('old', 0, 40)]], ['one', 'old CredentialExpired']], // prettier-ignore
    ['one that has ended is better than none', [[50, pair('old', 0, 40)]], ['old CredentialExpired']],
    ['what ends while it is used stays', [[0, pair('one', 0, 40)], [50, pair('one', 0, 40)]], ['one', 'one CredentialExpired']], // prettier-ignore
  ])('%s', (_name, states, expected) => expect(used(states)).toEqual(expected))

  it('is looked for in the other places that it may have come from', () => {
    const lastGood = new LastGood({ now: () => 0, log: silentLog() })
    lastGood.choose(origin('system/a'), pair('one', 0, 90), (value) => value)
    expect(lastGood.choose(origin('default/a', ['system/a']), bad('gone'))).toMatchObject({ ok: true, value: { text: 'one' } })
    expect(lastGood.choose(origin('default/b'), bad('gone'))).toEqual(bad('gone'))
  })

  it('is forgotten when nobody refers to it', () => {
    const lastGood = new LastGood({ now: () => 0, log: silentLog() })
    lastGood.choose(origin('a'), pair('one', 0, 90), (value) => value)
    lastGood.retain(new Set(['a']))
    expect(lastGood.choose(origin('a'), bad('gone')).ok).toBe(true)
    lastGood.retain(new Set())
    expect(lastGood.choose(origin('a'), bad('gone')).ok).toBe(false)
  })

  it('says when time makes another choice', () => {
    let now = 0
    const lastGood = new LastGood({ now: () => now, log: silentLog() })
    const look = (state: Material<Pair>) => lastGood.choose(origin('a'), state, (value) => value)
    look(pair('one', 0, 90))
    look(bad('no PEM'))
    now = 1000
    expect(lastGood.due()).toBeUndefined()
    now = 1
    look(pair('next', 10, 99))
    expect(lastGood.due()).toBeUndefined()
    now = 10
    expect(lastGood.due()).toEqual({ credentials: ['a'], files: [] })
    look(pair('next', 10, 99))
    expect(lastGood.due()).toBeUndefined()
  })

  it('tells the log once, by name and reason', () => {
    const lines: string[] = []
    const note = (...line: readonly unknown[]) => void lines.push(JSON.stringify(line))
    const lastGood = new LastGood({ now: () => 0, log: { ...silentLog(), warn: note, info: note } as ReturnType<typeof silentLog> })
    for (const state of [pair('one', 0, 90), bad('no PEM'), bad('no PEM'), pair('two', 0, 90), pair('two', 0, 90)])
      lastGood.choose(origin('a'), state, (value) => value)
    expect(lines).toEqual([
      '[{"credential":"the Secret a","reason":"no PEM"},"the certificate of a server cannot be used; the last good one stays in force"]',
      '[{"credential":"the Secret a"},"the certificate of a server can be used again"]',
    ])
  })
})
