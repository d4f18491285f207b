import { describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { keySourceName, type KeySource } from '@weft/mesh-model'
import { Issuer } from '../encode/testing/tokens.ts'
import { eventually } from '../testing/fixture.ts'
import { nextFetchMs } from './decide.ts'
import { KeyKeeper } from './keeper.ts'

const source: KeySource = { url: 'https://idp.example/keys?secret=1', discovery: false, timeoutMs: 5000 }
const name = keySourceName(source)
const rule = new Issuer('https://idp.example').rule({ keys: { kind: 'fetched', source } })

/** A keeper whose fetches answer what `next` says, in turn; the last one for ever. */
function keeping(...next: readonly (string | Error)[]) {
  const changes: string[] = []
  const answers = [...next]
  let fetches = 0
  const keeper: KeyKeeper = new KeyKeeper({
    refreshMs: 1,
    log: silentLog(),
    changed: (which) => changes.push(`${which === name ? 'idp' : which} ${keeper.keys.get(which)}`),
    fetch: async () => {
      const answer = answers[Math.min(fetches, answers.length - 1)]
      fetches += 1
      if (answer instanceof Error) throw answer
      return answer ?? ''
    },
  })
  return { keeper, changes, answers, fetches: () => fetches }
}

const untilFetched = (kept: { fetches(): number }, times: number) => eventually(() => (kept.fetches() >= times ? true : undefined))

describe('the keeper of keys', () => {
  it('fetches when the first rule asks, and tells what changed and nothing else', async () => {
    const kept = keeping('one', 'one', 'two', 'two')
    expect(kept.fetches()).toBe(0)
    kept.keeper.want('default/temp-v1', [rule])
    kept.keeper.want('default/temp-v2', [rule])
    await untilFetched(kept, 5)
    kept.keeper.stop()
    expect(kept.changes).toEqual(['idp one', 'idp two'])
  })

  it('keeps the last good keys while the issuer is away, and says so without its secrets', async () => {
    const kept = keeping('one', new Error('gone'))
    kept.keeper.want('default/temp-v1', [rule])
    await untilFetched(kept, 4)
    expect(kept.keeper.keys.get(name)).toBe('one')
    const message = 'the keys of https://idp.example/keys cannot be fetched (gone); the last good ones stay in force'
    await eventually(() => (kept.keeper.findings().length > 0 ? true : undefined))
    expect(kept.keeper.findings()).toEqual([{ resource: rule.origin, severity: 'warning', reason: 'KeysNotFetched', message }])
    kept.keeper.stop()
  })

  it('has none before the first good fetch, and tries again', async () => {
    const kept = keeping(new Error('not yet'))
    kept.keeper.want('ingress', [rule])
    await eventually(() => (kept.keeper.findings()[0]?.message.endsWith('until they are, its tokens are refused') === true ? true : undefined))
    kept.answers.push('one')
    await eventually(() => kept.keeper.keys.get(name))
    expect(kept.keeper.findings()).toEqual([])
    kept.keeper.stop()
  })

  it('forgets with the last rule, and does not fetch any more', async () => {
    const kept = keeping('one')
    kept.keeper.want('a', [rule])
    kept.keeper.want('b', [rule])
    await untilFetched(kept, 1)
    kept.keeper.want('a', [])
    expect([...kept.keeper.keys]).toEqual([[name, 'one']])
    kept.keeper.want('b', [new Issuer('x').rule()])
    expect([...kept.keeper.keys]).toEqual([])
    const before = kept.fetches()
    await new Promise((resolve) => setImmediate(resolve))
    expect(kept.fetches()).toBe(before)
    kept.keeper.stop()
  })

  it.each([
    [0, 300_000, 0, 270_000],
    [0, 300_000, 1, 300_000],
    [1, 300_000, 1, 1000],
    [3, 300_000, 1, 4000],
    [20, 300_000, 1, 60_000],
    [20, 10_000, 1, 10_000],
  ])('after %d failures in a row, with %d ms from one to the next and chance %d, waits %d ms', (failures, refreshMs, random, expected) => {
    expect(nextFetchMs({ failures, refreshMs, random })).toBe(expected)
  })
})
