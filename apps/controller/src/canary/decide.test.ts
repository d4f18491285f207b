import { describe, expect, it } from '@jest/globals'
import { decideCanary, IDLE, type CanaryInput, type CanaryRules, type CanaryState, type RevisionNumbers } from './decide.ts'
import { numbersBetween, type Totals } from './numbers.ts'

const NOW = 1_000_000
const rules: CanaryRules = {
  steps: [10, 50],
  intervalMs: 30_000,
  deadlineMs: 3_600_000,
  minRequests: 20,
  noData: 'wait',
  threshold: 1,
  successRate: { min: 99 },
  latencyP99: { maxMs: 500 },
}
const waiting: CanaryState = { ...IDLE, phase: 'Waiting', stable: 'v1', candidate: 'v2', startedAt: NOW - 1_000, stepSince: NOW - 1_000 }
const atTen: CanaryState = { ...waiting, phase: 'Progressing', step: 0, weight: 10, stepSince: NOW - 30_000 }
const good: RevisionNumbers = { requests: 100, errors: 0, p99Ms: 50 }

function input(more: Partial<CanaryInput>): CanaryInput {
  return {
    rules,
    commands: { paused: false, promote: undefined, abort: undefined },
    state: atTen,
    newest: { revision: 'v2', ready: true },
    serving: 'v1',
    candidate: good,
    baseline: { requests: 900, errors: 0, p99Ms: 40 },
    ...more,
  }
}

describe('decideCanary', () => {
  it.each<[string, Partial<CanaryInput>, Partial<CanaryState>, string | undefined]>([
    [
      'takes what serves for stable before there is anything to compare',
      { state: IDLE, newest: { revision: 'v1', ready: true } },
      { phase: 'Idle', stable: 'v1' },
      undefined,
    ],
    ['begins a run for a new revision', { state: { ...IDLE, stable: 'v1' } }, { phase: 'Waiting', stable: 'v1', candidate: 'v2', weight: 0 }, 'Started'],
    ['waits for the candidate to be ready', { state: waiting, newest: { revision: 'v2', ready: false } }, { phase: 'Waiting', weight: 0 }, undefined],
    ['gives a ready candidate the first share', { state: waiting }, { phase: 'Progressing', step: 0, weight: 10 }, 'Advanced'],
    [
      'gives it nothing while it is paused',
      { state: waiting, commands: { paused: true, promote: undefined, abort: undefined } },
      { phase: 'Waiting', weight: 0 },
      undefined,
    ],
    ['stays until the step is over', { state: { ...atTen, stepSince: NOW - 29_999 } }, { weight: 10 }, undefined],
    ['advances after a good step', {}, { step: 1, weight: 50 }, 'Advanced'],
    ['promotes after the last good step', { state: { ...atTen, step: 1, weight: 50 } }, { phase: 'Succeeded', stable: 'v2', weight: 100 }, 'Promoted'],
    ['stays at its step while it is paused', { commands: { paused: true, promote: undefined, abort: undefined } }, { weight: 10 }, undefined],
    [
      'rolls back before the step is over when enough calls failed',
      { state: { ...atTen, stepSince: NOW - 1 }, candidate: { ...good, errors: 2 } },
      { phase: 'Failed', weight: 0, stable: 'v1' },
      'RolledBack',
    ],
    [
      'rolls back while it is paused too',
      { commands: { paused: true, promote: undefined, abort: undefined }, candidate: { ...good, errors: 2 } },
      { phase: 'Failed', weight: 0 },
      'RolledBack',
    ],
    ['rolls back a slow candidate', { candidate: { ...good, p99Ms: 501 } }, { phase: 'Failed' }, 'RolledBack'],
    ['does not judge by fewer calls than it needs', { candidate: { requests: 19, errors: 19, p99Ms: 9_000 } }, { phase: 'Progressing', weight: 10 }, undefined],
    ['does not take "no data" for zero', { candidate: undefined }, { phase: 'Progressing', weight: 10 }, undefined],
    ['advances without data when told so', { rules: { ...rules, noData: 'pass' }, candidate: undefined }, { weight: 50 }, 'Advanced'],
    ['fails without data when told so', { rules: { ...rules, noData: 'fail' }, candidate: undefined }, { phase: 'Failed' }, 'RolledBack'],
    [
      'counts failed checks up to the threshold',
      { rules: { ...rules, threshold: 2 }, candidate: { ...good, errors: 2 } },
      { phase: 'Progressing', failedChecks: 1, stepSince: NOW },
      'CheckFailed',
    ],
    [
      'rolls back at the threshold',
      { rules: { ...rules, threshold: 2 }, state: { ...atTen, failedChecks: 1 }, candidate: { ...good, errors: 2 } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    ['rolls back a run that takes too long', { state: { ...atTen, startedAt: NOW - 3_600_001 }, candidate: undefined }, { phase: 'Failed' }, 'RolledBack'],
    [
      'rolls back a candidate that never gets ready',
      { state: { ...waiting, startedAt: NOW - 3_600_001 }, newest: { revision: 'v2', ready: false } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    ['promotes by hand', { commands: { paused: false, promote: 'v2', abort: undefined } }, { phase: 'Succeeded', stable: 'v2' }, 'Promoted'],
    [
      'does not promote what is not ready',
      { state: waiting, newest: { revision: 'v2', ready: false }, commands: { paused: false, promote: 'v2', abort: undefined } },
      { phase: 'Waiting' },
      undefined,
    ],
    ['aborts by hand', { commands: { paused: false, promote: undefined, abort: 'v2' } }, { phase: 'Aborted', weight: 0, stable: 'v1' }, 'Aborted'],
    ['ignores a command for another candidate', { commands: { paused: true, promote: 'v1', abort: 'v0' } }, { phase: 'Progressing' }, undefined],
    ['leaves a failed candidate alone', { state: { ...atTen, phase: 'Failed', weight: 0 } }, { phase: 'Failed', weight: 0 }, undefined],
    [
      'begins anew with the next revision after a failure',
      { state: { ...atTen, phase: 'Failed', weight: 0 }, newest: { revision: 'v3', ready: false } },
      { phase: 'Waiting', stable: 'v1', candidate: 'v3' },
      'Started',
    ],
    [
      'replaces a candidate by a newer one in the middle of a run',
      { newest: { revision: 'v3', ready: false } },
      { phase: 'Waiting', stable: 'v1', candidate: 'v3', weight: 0 },
      'Started',
    ],
    [
      'compares with the baseline of the same time',
      { rules: { ...rules, successRate: { maxBelowBaseline: 5 } }, candidate: { ...good, errors: 6 } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    [
      'forgives what the baseline suffers too',
      { rules: { ...rules, successRate: { maxBelowBaseline: 5 } }, candidate: { ...good, errors: 6 }, baseline: { requests: 900, errors: 90, p99Ms: 40 } },
      { weight: 50 },
      'Advanced',
    ],
    [
      'does not compare with a baseline of a few calls',
      { rules: { ...rules, successRate: { maxBelowBaseline: 5 } }, candidate: { ...good, errors: 6 }, baseline: { requests: 3, errors: 0, p99Ms: 40 } },
      { weight: 50 },
      'Advanced',
    ],
    ['compares latencies', { rules: { ...rules, latencyP99: { maxAboveBaseline: 20 } }, candidate: { ...good, p99Ms: 49 } }, { phase: 'Failed' }, 'RolledBack'],
  ])('%s', (_name, more, state, because) => {
    const decision = decideCanary(input(more), NOW)
    expect(decision.state).toMatchObject(state)
    expect(decision.because).toBe(because)
  })
})

describe('numbersBetween', () => {
  const totals = (ok: number, bad: number, fast: number): Totals => ({
    byCode: { 200: ok, 503: bad },
    durationBuckets: [
      { le: 0.01, count: fast },
      { le: 0.1, count: ok + bad },
      { le: Number.POSITIVE_INFINITY, count: ok + bad },
    ],
    durationCount: ok + bad,
  })

  it('counts what happened between', () => {
    expect(numbersBetween(totals(100, 1, 101), totals(150, 6, 156))).toMatchObject({ requests: 55, errors: 5 })
  })

  it('counts from zero when the proxy began anew', () => {
    expect(numbersBetween(totals(100, 1, 101), totals(10, 2, 12))).toMatchObject({ requests: 12, errors: 2 })
  })

  it('interpolates the percentile inside its bucket', () => {
    const { p99Ms } = numbersBetween(undefined, totals(100, 0, 0))
    expect(p99Ms).toBeCloseTo(99.1, 1)
  })

  it('knows no percentile without a call', () => {
    expect(numbersBetween(totals(5, 0, 5), totals(5, 0, 5)).p99Ms).toBeUndefined()
  })
})
