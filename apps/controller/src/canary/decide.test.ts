import { describe, expect, it } from '@jest/globals'
import { decideCanary } from './decide.ts'
import { routingOf } from './stages.ts'
import { IDLE, NO_GATES, type CanaryInput, type CanaryRules, type CanaryState, type GateType, type MetricReading, type RevisionNumbers } from './types.ts'

const NOW = 1_000_000
const rules: CanaryRules = {
  mode: 'weights',
  steps: [10, 50],
  iterations: 0,
  match: [],
  mirror: undefined,
  affinity: undefined,
  intervalMs: 30_000,
  deadlineMs: 3_600_000,
  minRequests: 20,
  noData: 'wait',
  threshold: 1,
  successRate: { min: 99 },
  latencyP99: { maxMs: 500 },
}
const unpaused = { paused: false, promote: undefined, abort: undefined }
const waiting: CanaryState = { ...IDLE, phase: 'Waiting', stable: 'v1', candidate: 'v2', startedAt: NOW - 1_000, stepSince: NOW - 1_000 }
const atTen: CanaryState = { ...waiting, phase: 'Progressing', step: 0, weight: 10, scaleTo: 10, stepSince: NOW - 30_000 }
const good: RevisionNumbers = { requests: 100, errors: 0, p99Ms: 50 }

const steady: RevisionNumbers = { requests: 900, errors: 0, p99Ms: 40 }

/** What a case says, with the same numbers for the step and for its last interval unless it says otherwise. */
interface Case extends Partial<CanaryInput> {
  readonly candidate?: RevisionNumbers | undefined
  readonly baseline?: RevisionNumbers
}

function input(more: Case): CanaryInput {
  const window = { candidate: 'candidate' in more ? more.candidate : good, baseline: more.baseline ?? steady }
  return {
    rules,
    commands: unpaused,
    state: atTen,
    newest: { revision: 'v2', ready: true, carries: 100 },
    serving: 'v1',
    known: new Set(['v1', 'v2']),
    owner: undefined,
    step: window,
    recent: window,
    metrics: [],
    gates: NO_GATES,
    ...more,
  }
}

describe('decideCanary', () => {
  it.each<[string, Case, Partial<CanaryState>, string | undefined]>([
    [
      'takes what serves for stable before there is anything to compare',
      { state: IDLE, newest: { revision: 'v1', ready: true, carries: 100 } },
      { phase: 'Idle', stable: 'v1' },
      undefined,
    ],
    [
      'forgets a run about revisions of a function that was made anew',
      { known: new Set(['v2']), serving: undefined },
      { phase: 'Idle', stable: undefined, candidate: undefined, weight: 0 },
      'Aborted',
    ],
    ['forgets a run whose candidate is gone', { known: new Set(['v1']), newest: { revision: 'v1', ready: true, carries: 100 } }, { phase: 'Idle' }, 'Aborted'],
    [
      'forgets an ended run about revisions that are gone',
      { state: { ...atTen, phase: 'Failed', stable: 'v0' }, known: new Set(['v1', 'v2']) },
      { phase: 'Idle', stable: undefined },
      undefined,
    ],
    ['begins a run for a new revision', { state: { ...IDLE, stable: 'v1' } }, { phase: 'Waiting', stable: 'v1', candidate: 'v2', weight: 0 }, 'Started'],
    [
      'waits for the candidate to be ready',
      { state: waiting, newest: { revision: 'v2', ready: false, carries: 0 } },
      { phase: 'Waiting', weight: 0 },
      undefined,
    ],
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
      { state: { ...waiting, startedAt: NOW - 3_600_001 }, newest: { revision: 'v2', ready: false, carries: 0 } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    ['promotes by hand', { commands: { paused: false, promote: 'v2', abort: undefined } }, { phase: 'Succeeded', stable: 'v2' }, 'Promoted'],
    [
      'does not promote what is not ready',
      { state: waiting, newest: { revision: 'v2', ready: false, carries: 0 }, commands: { paused: false, promote: 'v2', abort: undefined } },
      { phase: 'Waiting' },
      undefined,
    ],
    ['aborts by hand', { commands: { paused: false, promote: undefined, abort: 'v2' } }, { phase: 'Aborted', weight: 0, stable: 'v1' }, 'Aborted'],
    ['ignores a command for another candidate', { commands: { paused: true, promote: 'v1', abort: 'v0' } }, { phase: 'Progressing' }, undefined],
    ['leaves a failed candidate alone', { state: { ...atTen, phase: 'Failed', weight: 0 } }, { phase: 'Failed', weight: 0 }, undefined],
    [
      'begins anew with the next revision after a failure',
      { state: { ...atTen, phase: 'Failed', weight: 0 }, newest: { revision: 'v3', ready: false, carries: 0 } },
      { phase: 'Waiting', stable: 'v1', candidate: 'v3' },
      'Started',
    ],
    [
      'replaces a candidate by a newer one in the middle of a run',
      { newest: { revision: 'v3', ready: false, carries: 0 } },
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

const at = (more: Partial<CanaryRules>): CanaryRules => ({ ...rules, ...more })
const mirrored = { percent: 50, iterations: 2, methods: ['GET'] }
const ab = at({ mode: 'a/b', iterations: 2, match: [{ headers: { 'x-user': { exact: 'jason' } } }] })
const blueGreen = at({ mode: 'blue-green', iterations: 2 })
const zero: CanaryState = { ...atTen, weight: 0, scaleTo: 0 }
const over: CanaryState = { ...atTen, step: 1, weight: 50, scaleTo: 50 }
const gates = (more: Partial<CanaryInput['gates']>) => ({ ...NO_GATES, ...more })
const number = (value: number | undefined, more: Partial<MetricReading> = {}): readonly MetricReading[] => [
  { name: 'orders', min: 1, max: 100, value, pending: false, ...(value === undefined ? { problem: 'the query found nothing' } : {}), ...more },
]

describe('decideCanary, by mode', () => {
  it.each<[string, Case, Partial<CanaryState>, string | undefined]>([
    ['copies come before the first share', { rules: at({ mirror: mirrored }), state: waiting }, { phase: 'Progressing', step: 0, weight: 0 }, 'Advanced'],
    ['copies go on for their iterations', { rules: at({ mirror: mirrored }), state: zero }, { step: 1, weight: 0 }, 'Advanced'],
    ['the first share comes after the copies', { rules: at({ mirror: mirrored }), state: { ...zero, step: 1 } }, { step: 2, weight: 10 }, 'Advanced'],
    [
      'a candidate that fails with copies never gets a call',
      { rules: at({ mirror: mirrored }), state: zero, candidate: { ...good, errors: 9 } },
      { phase: 'Failed', weight: 0 },
      'RolledBack',
    ],
    ['A/B keeps the weight at zero', { rules: ab, state: waiting }, { phase: 'Progressing', step: 0, weight: 0 }, 'Advanced'],
    ['A/B counts its iterations', { rules: ab, state: zero }, { step: 1, weight: 0 }, 'Advanced'],
    ['A/B ends with everything', { rules: ab, state: { ...zero, step: 1 } }, { phase: 'Succeeded', weight: 100 }, 'Promoted'],
    ['A/B rolls back', { rules: ab, state: zero, candidate: { ...good, errors: 9 } }, { phase: 'Failed' }, 'RolledBack'],
    ['A/B without calls that match waits', { rules: ab, state: zero, candidate: undefined }, { phase: 'Progressing', step: 0 }, undefined],
    ['blue-green passes its iterations without a call', { rules: blueGreen, state: zero, candidate: undefined }, { step: 1, weight: 0 }, 'Advanced'],
    [
      'blue-green gives everything at once',
      { rules: blueGreen, state: { ...zero, step: 1 }, candidate: undefined },
      { phase: 'Succeeded', weight: 100 },
      'Promoted',
    ],
    [
      'blue-green with copies is judged by them',
      { rules: { ...blueGreen, mirror: mirrored }, state: { ...zero, step: 2 }, candidate: undefined },
      { phase: 'Progressing', step: 2 },
      undefined,
    ],
    [
      'blue-green without its number of Prometheus waits',
      { rules: blueGreen, state: zero, candidate: undefined, metrics: number(undefined) },
      { step: 0 },
      undefined,
    ],
  ])('%s', (_name, more, state, because) => {
    const decision = decideCanary(input(more), NOW)
    expect(decision.state).toMatchObject(state)
    expect(decision.because).toBe(because)
  })
})

describe('decideCanary, with what others say', () => {
  const pausedAt = { ...unpaused, paused: true }
  it.each<[string, Case, Partial<CanaryState>, string | undefined]>([
    ['confirm-rollout holds the first call back', { state: waiting, gates: gates({ 'confirm-rollout': 'closed' }) }, { phase: 'Waiting' }, 'Waiting'],
    [
      'it is told once that it waits',
      { state: { ...waiting, waitingFor: 'webhook confirm-rollout' }, gates: gates({ 'confirm-rollout': 'pending' }) },
      { phase: 'Waiting' },
      undefined,
    ],
    ['pre-rollout that says no is a failed check', { state: waiting, gates: gates({ 'pre-rollout': 'closed' }) }, { phase: 'Failed' }, 'RolledBack'],
    [
      'pre-rollout is asked again below the threshold',
      { rules: at({ threshold: 2 }), state: waiting, gates: gates({ 'pre-rollout': 'closed' }) },
      { phase: 'Waiting', failedChecks: 1, stepSince: NOW },
      'CheckFailed',
    ],
    ['pre-rollout is waited for', { state: waiting, gates: gates({ 'pre-rollout': 'pending' }) }, { phase: 'Waiting' }, 'Waiting'],
    [
      'the first share waits for confirm-traffic-increase',
      { state: waiting, gates: gates({ 'confirm-traffic-increase': 'pending' }) },
      { phase: 'Waiting' },
      'Waiting',
    ],
    ['rollout that says no is a failed check', { gates: gates({ rollout: 'closed' }) }, { phase: 'Failed' }, 'RolledBack'],
    ['rollout is waited for', { gates: gates({ rollout: 'pending' }) }, { weight: 10, waitingFor: 'webhook rollout' }, 'Waiting'],
    ['the weight grows only after confirm-traffic-increase', { gates: gates({ 'confirm-traffic-increase': 'closed' }) }, { weight: 10 }, 'Waiting'],
    ['the last step waits for confirm-promotion', { state: over, gates: gates({ 'confirm-promotion': 'closed' }) }, { weight: 50 }, 'Waiting'],
    ['confirm-promotion is not asked before the last step', { gates: gates({ 'confirm-promotion': 'closed' }) }, { weight: 50 }, 'Advanced'],
    [
      'a candidate that fails at a gate is rolled back',
      { state: over, gates: gates({ 'confirm-promotion': 'closed' }), candidate: { ...good, errors: 9 } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    [
      'a gate that never opens ends with the deadline',
      { state: { ...over, startedAt: NOW - 3_600_001 }, gates: gates({ 'confirm-promotion': 'closed' }) },
      { phase: 'Failed' },
      'RolledBack',
    ],
    ['rollback is done at once', { state: { ...atTen, stepSince: NOW }, gates: gates({ rollback: 'open' }) }, { phase: 'Failed', weight: 0 }, 'RolledBack'],
    ['rollback is done before the first call too', { state: waiting, gates: gates({ rollback: 'open' }) }, { phase: 'Failed' }, 'RolledBack'],
    ['rollback is done while paused', { commands: pausedAt, gates: gates({ rollback: 'open' }) }, { phase: 'Failed' }, 'RolledBack'],
    ['a good number of Prometheus lets it go on', { metrics: number(50) }, { weight: 50 }, 'Advanced'],
    ['a number at its limit is good', { metrics: number(100) }, { weight: 50 }, 'Advanced'],
    ['a number above its range fails at once', { state: { ...atTen, stepSince: NOW }, metrics: number(101) }, { phase: 'Failed' }, 'RolledBack'],
    ['a number below its range fails', { metrics: number(0) }, { phase: 'Failed' }, 'RolledBack'],
    ['an infinite number fails', { metrics: number(Number.POSITIVE_INFINITY) }, { phase: 'Failed' }, 'RolledBack'],
    [
      'a number that is not there is waited for, and is not zero',
      { metrics: number(undefined) },
      { weight: 10, waitingFor: 'Prometheus: orders has no data: the query found nothing' },
      undefined,
    ],
    ['a number that is not there passes when told so', { rules: at({ noData: 'pass' }), metrics: number(undefined) }, { weight: 50 }, 'Advanced'],
    ['a number that is not there fails when told so', { rules: at({ noData: 'fail' }), metrics: number(undefined) }, { phase: 'Failed' }, 'RolledBack'],
    [
      'an answer that is under way is no missing number',
      { rules: at({ noData: 'fail' }), metrics: number(undefined, { pending: true }) },
      { weight: 10, waitingFor: 'Prometheus' },
      undefined,
    ],
    [
      'what went well long ago does not hide what goes wrong now',
      { step: { candidate: { requests: 10_000, errors: 30, p99Ms: 50 }, baseline: steady }, recent: { candidate: { ...good, errors: 30 }, baseline: steady } },
      { phase: 'Failed' },
      'RolledBack',
    ],
    [
      'few calls in the last interval do not count against enough good ones',
      { recent: { candidate: { requests: 2, errors: 1, p99Ms: 50 }, baseline: steady } },
      { weight: 50 },
      'Advanced',
    ],
    [
      'the weight grows when there are replicas for it',
      { newest: { revision: 'v2', ready: true, carries: 33 } },
      { weight: 10, scaleTo: 50, waitingFor: 'replicas for 50 %' },
      undefined,
    ],
    [
      'everything is given when there are replicas for it',
      { state: over, newest: { revision: 'v2', ready: true, carries: 66 } },
      { weight: 50, scaleTo: 100, phase: 'Progressing' },
      undefined,
    ],
    ['no run begins where somebody else owns the split', { state: { ...IDLE, stable: 'v1' }, owner: 'VirtualService default/x' }, { phase: 'Idle' }, undefined],
    ['a run ends when somebody else takes the split', { owner: 'VirtualService default/x' }, { phase: 'Aborted', weight: 0 }, 'Aborted'],
    [
      'what serves is stable for as long as somebody else owns the split',
      { state: { ...IDLE, stable: 'v1' }, owner: 'somebody', serving: 'v2' },
      { phase: 'Idle', stable: 'v2' },
      undefined,
    ],
  ])('%s', (_name, more, state, because) => {
    const decision = decideCanary(input(more), NOW)
    expect(decision.state).toMatchObject(state)
    expect(decision.because).toBe(because)
  })

  it.each<GateType>(['confirm-rollout', 'pre-rollout', 'confirm-traffic-increase'])(
    '%s is asked before the first call and never lets it through by itself',
    (gate) => {
      for (const answer of ['closed', 'pending'] as const) {
        expect(decideCanary(input({ rules: at({ threshold: 9 }), state: waiting, gates: gates({ [gate]: answer }) }), NOW).state.phase).toBe('Waiting')
      }
    },
  )
})

describe('routingOf', () => {
  const affinity = { cookie: 'c', maxAgeSeconds: 60 }
  it.each<[string, CanaryRules, CanaryState, unknown]>([
    ['nothing before the first call', at({ affinity }), waiting, undefined],
    ['nothing but weights', rules, atTen, undefined],
    ['a cookie that belongs to the run', at({ affinity }), atTen, { affinity: { ...affinity, value: `v2.${(NOW - 1_000).toString(36)}` } }],
    ['no cookie while there are copies only', at({ affinity, mirror: mirrored }), zero, { mirror: { percent: 50, methods: ['GET'] } }],
    ['calls that match', ab, zero, { match: ab.match }],
    ['copies, blue-green', { ...blueGreen, mirror: mirrored }, { ...zero, step: 3 }, { mirror: { percent: 50, methods: ['GET'] } }],
    ['the cookie is taken back after success', at({ affinity }), { ...atTen, phase: 'Succeeded' }, { expire: { cookie: 'c' } }],
    ['the cookie is taken back after a roll-back', at({ affinity }), { ...atTen, phase: 'Failed' }, { expire: { cookie: 'c' } }],
  ])('%s', (_name, some, state, expected) => expect(routingOf(some, state)).toEqual(expected))
})
