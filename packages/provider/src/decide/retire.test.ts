import { describe, expect, it } from '@jest/globals'
import type { ReplicaPhase } from '../port.ts'
import { decideScale } from './retire.ts'

const replica = (id: string, phase: ReplicaPhase, startedAt: number) => ({ id, phase, startedAt })
const old = replica('old', 'ready', 1)
const young = replica('young', 'ready', 9)
const starting = replica('starting', 'starting', 5)
const waiting = replica('waiting', 'backoff', 2)
const draining = replica('draining', 'draining', 3)
const gone = replica('gone', 'gone', 3)

describe('what to start and what to let go', () => {
  it.each([
    ['nothing runs and nothing is wanted', [], 0, 0, []],
    ['nothing runs', [], 3, 3, []],
    ['as many run as are wanted', [old, young], 2, 0, []],
    ['too few run', [old], 3, 2, []],
    ['what drains or is gone counts for nothing', [draining, gone, old], 2, 1, []],
    ['what waits after a crash counts, it will be back', [waiting, old], 2, 0, []],
    ['the waiting one goes first', [old, young, starting, waiting], 3, 0, ['waiting']],
    ['then the starting one', [old, young, starting, waiting], 2, 0, ['waiting', 'starting']],
    ['then the youngest', [old, young, starting, waiting], 1, 0, ['waiting', 'starting', 'young']],
    ['all go at zero', [old, young], 0, 0, ['young', 'old']],
    ['what drains already is not told twice', [old, draining], 0, 0, ['old']],
  ])('when %s', (_what, replicas, wanted, start, retire) => {
    expect(decideScale(replicas, wanted)).toEqual({ start, retire })
  })

  it('depends on nothing but its arguments, also among twins', () => {
    const twins = ['c', 'a', 'b'].map((id) => replica(id, 'ready', 1))
    expect(decideScale(twins, 1)).toEqual(decideScale(twins.toReversed(), 1))
  })
})
