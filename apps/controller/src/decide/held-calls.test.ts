import { describe, expect, it } from '@jest/globals'
import type { Replica } from '@weft/provider'
import { speaksFor, waitsOn } from './held-calls.ts'

const NOW = 1_000_000
const replica = (phase: Replica['phase'], more: Partial<Replica> = {}): Replica => ({
  id: 'r',
  workload: { namespace: 'default', name: 'fn-00001' },
  phase,
  restarts: 0,
  startedAt: NOW - 10,
  steps: [],
  ...more,
})
const fell = (inMs: number, more: Partial<Replica> = {}) => replica('backoff', { restartsAt: NOW + inMs, ...more })
const WELL = { readyAt: NOW - 5 }

describe('calls that wait when a replica crashes', () => {
  it.each<[string, boolean, Replica, readonly Replica[]]>([
    ['are answered when it crashed at start', false, fell(100), []],
    ['are answered when all crashed at start', false, fell(100), [fell(50)]],
    ['wait when it had been well and comes back at once', true, fell(100, WELL), []],
    ['wait when it had been well and comes back in some seconds', true, fell(5_000, WELL), []],
    ['are answered when it comes back late', false, fell(5_001, WELL), []],
    ['wait for another that is ready', true, fell(100), [replica('ready')]],
    ['wait for another that starts', true, fell(60_000), [replica('starting')]],
    ['do not wait for one that goes', false, fell(100), [replica('draining')]],
  ])('%s', (_name, waits, crashed, others) => {
    expect(waitsOn(crashed, others, NOW)).toBe(waits)
  })
})

describe('a call that comes while replicas crash', () => {
  const late = fell(8_000, { reason: 'CrashLoopBackOff' })
  it.each<[string, Replica | undefined, readonly Replica[]]>([
    ['waits where there are none yet', undefined, []],
    ['waits where one comes back soon', undefined, [late, fell(1_000)]],
    ['waits where one starts', undefined, [late, replica('starting')]],
    ['waits where one is ready and about to be proven', undefined, [late, replica('ready')]],
    ['is told why there is none, where none comes back soon', late, [late, fell(20_000)]],
  ])('%s', (_name, speaker, replicas) => {
    expect(speaksFor(replicas, NOW)).toBe(speaker)
  })
})
