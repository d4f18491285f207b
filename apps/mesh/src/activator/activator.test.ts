import { describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import type { WakeResult } from '@weft/mesh-model'
import { Activator, type ActivatorOptions } from './activator.ts'

const OK: WakeResult = { ok: true }
const activator = (options: Partial<ActivatorOptions>) =>
  new Activator({
    knows: () => true,
    wake: async () => OK,
    endpointsInForce: async () => undefined,
    timeoutMs: 5_000,
    log: silentLog(),
    now: () => 0,
    ...options,
  })

describe('the activator', () => {
  it('wakes once for all calls that wait, and counts them', async () => {
    let wakes = 0
    let release: (result: WakeResult) => void = () => undefined
    const held = activator({
      wake: () => {
        wakes += 1
        return new Promise((resolve) => (release = resolve))
      },
    })
    const checks = [held.check('default/a'), held.check('default/a'), held.check('default/a')]
    expect(held.waiting()).toEqual(new Map([['default/a', 3]]))
    release(OK)
    expect(await Promise.all(checks)).toEqual([OK, OK, OK])
    expect(wakes).toBe(1)
    expect(held.waiting()).toEqual(new Map())
  })

  it('wakes again for the next call after that', async () => {
    let wakes = 0
    const again = activator({ wake: async () => ((wakes += 1), OK) })
    await again.check('default/a')
    await again.check('default/a')
    expect(wakes).toBe(2)
  })

  it.each<[string, Partial<ActivatorOptions>, string]>([
    [
      'an unknown workload, without waking anybody',
      { knows: () => false, wake: () => Promise.reject(new Error('woken')) },
      'the mesh does not know this workload',
    ],
    ['a workload that does not wake in time', { wake: () => new Promise(() => undefined), timeoutMs: 10 }, 'no replica became ready in time'],
    ['a workload whose endpoints do not come into force', { endpointsInForce: async () => 'not connected' }, 'not connected'],
    ['a wake-up that fails, without telling why to a stranger', { wake: () => Promise.reject(new Error('secret path')) }, 'it could not be started'],
  ])('refuses %s', async (_name, options, reason) => {
    expect(await activator(options).check('default/a')).toEqual({ ok: false, status: 503, reason })
  })

  it('passes on the reason of whoever wakes', async () => {
    const refusal: WakeResult = { ok: false, status: 503, reason: 'the image is gone' }
    expect(await activator({ wake: async () => refusal }).check('default/a')).toEqual(refusal)
  })
})
