import { describe, expect, it } from '@jest/globals'
import type { FunctionResource } from '@weft/api'
import { silentLog } from '@weft/kit'
import type { Delivery } from '@weft/mesh-model'
import { SplitFollower } from './split-follower.ts'

const KEY = 'default/temp'

function functionWith(weight: number, resourceVersion = '7'): FunctionResource {
  const status = { observedGeneration: 1, traffic: [{ revision: 'v1', weight }], latestCreated: 'v1', replicas: 0, availableReplicas: 0, conditions: [] }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'temp', resourceVersion }, spec: { template: {} }, status }
}

const splitOf = (fn: FunctionResource) => ({ traffic: fn.status?.traffic ?? [], matches: fn.spec.matches })

/** A follower of a mesh that answers when it is told to. */
function following() {
  const asked: { readonly version: string; readonly answer: (error?: Error) => void }[] = []
  const again: number[] = []
  const settled = (version: string) =>
    new Promise<Delivery>((resolve, reject) => {
      asked.push({ version, answer: (error) => (error === undefined ? resolve({ complete: true, stragglers: [], steps: [] }) : reject(error)) })
    })
  const follower = new SplitFollower({ mesh: { settled }, log: silentLog(), now: () => 42, again: (_key, delayMs) => again.push(delayMs) })
  const answer = async (index: number, error?: Error) => {
    asked[index]?.answer(error)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { follower, asked, again, answer }
}

describe('SplitFollower', () => {
  it('takes a split for in force when every proxy has it, and has the function looked at again', async () => {
    const { follower, again, answer } = following()
    const fn = functionWith(100)
    follower.follow(KEY, fn)
    expect([follower.isInForce(KEY, splitOf(fn)), follower.inForceSince(KEY)]).toEqual([false, undefined])
    await answer(0)
    expect([follower.isInForce(KEY, splitOf(fn)), follower.inForceSince(KEY), again]).toEqual([true, 42, [1]])
    expect(follower.isInForce(KEY, splitOf(functionWith(50)))).toBe(false)
  })

  it('asks once for each split, whatever else is written', async () => {
    const { follower, asked, answer } = following()
    follower.follow(KEY, functionWith(100, '7'))
    follower.follow(KEY, functionWith(100, '8'))
    await answer(0)
    follower.follow(KEY, functionWith(100, '9'))
    follower.follow(KEY, functionWith(50, '10'))
    expect(asked.map(({ version }) => version)).toEqual(['7', '10'])
  })

  it('does not take the answer for an older split as one for the newer', async () => {
    const { follower, answer } = following()
    follower.follow(KEY, functionWith(100))
    follower.follow(KEY, functionWith(50))
    await answer(0)
    expect(follower.inForceSince(KEY)).toBeUndefined()
    await answer(1)
    expect(follower.isInForce(KEY, splitOf(functionWith(50)))).toBe(true)
  })

  it('asks again when the mesh could not say', async () => {
    const { follower, asked, again, answer } = following()
    follower.follow(KEY, functionWith(100))
    await answer(0, new Error('the worker ended'))
    expect([follower.inForceSince(KEY), again]).toEqual([undefined, [1_000]])
    follower.follow(KEY, functionWith(100))
    expect(asked).toHaveLength(2)
  })

  it('forgets what is gone', async () => {
    const { follower, asked, answer } = following()
    follower.follow(KEY, functionWith(100))
    follower.forget(KEY)
    await answer(0)
    expect(follower.inForceSince(KEY)).toBeUndefined()
    follower.follow(KEY, functionWith(100))
    expect(asked).toHaveLength(2)
  })
})
