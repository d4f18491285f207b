import { describe, expect, it } from '@jest/globals'
import type { CanaryResource, CanarySpec, CanaryStatus } from '@weft/api'
import { canarySpec, deployCanary } from './read-options.ts'
import { canaryText } from './text.ts'

describe('the options of weft canary start', () => {
  it.each<[string, Record<string, unknown>, Omit<CanarySpec, 'function'>]>([
    ['nothing', {}, {}],
    ['steps', { steps: '10, 50', interval: '1m', deadline: '2h' }, { steps: [10, 50], interval: '1m', deadline: '2h' }],
    ['steps that grow', { stepWeight: '10', maxWeight: '40' }, { stepWeight: 10, maxWeight: 40 }],
    [
      'A/B',
      { iterations: '5', matchHeader: ['x-user=jason', 'x-team=~a|b', 'x-any'], matchCookie: ['group=beta*'] },
      {
        iterations: 5,
        match: [
          { headers: { 'x-user': { exact: 'jason' } } },
          { headers: { 'x-team': { regex: 'a|b' } } },
          { headers: { 'x-any': { regex: '.+' } } },
          { cookies: { group: { prefix: 'beta' } } },
        ],
      },
    ],
    ['a value with an equals sign', { iterations: '1', matchHeader: ['a=b=c'] }, { iterations: 1, match: [{ headers: { a: { exact: 'b=c' } } }] }],
    ['copies', { mirror: '50', mirrorMethods: 'get,post' }, { mirror: { percent: 50, methods: ['GET', 'POST'] } }],
    ['sessions', { sticky: '1h' }, { sessionAffinity: { maxAge: '1h' } }],
    [
      'judgement',
      { successRate: '99', p99: '1s', minRequests: '5', threshold: '2', noData: 'pass', maxBelowBaseline: '1', maxAboveBaseline: '20' },
      {
        analysis: {
          minRequests: 5,
          threshold: 2,
          noData: 'pass',
          successRate: { min: 99, maxBelowBaseline: 1 },
          latencyP99: { max: '1s', maxAboveBaseline: 20 },
        },
      },
    ],
  ])('%s', (_name, options, spec) => expect(canarySpec('temp', options)).toEqual({ function: 'temp', ...spec }))

  it.each([
    ['--steps', { steps: '10,x' }],
    ['--step-weight', { stepWeight: 'x' }],
    ['--mirror', { mirror: '' }],
  ])('%s names itself when it is no number', (name, options) => expect(() => canarySpec('temp', options)).toThrow(name))
})

describe('--canary of a deploy', () => {
  it.each([
    ['not given', {}, undefined],
    ['alone', { canary: true }, { steps: undefined }],
    ['with steps', { canary: '5,50' }, { steps: [5, 50] }],
  ])('%s', (_name, options, expected) => expect(deployCanary(options)).toEqual(expected))

  it('says that a name is no step', () => expect(() => deployCanary({ canary: 'shop' })).toThrow('--canary: "shop" is not a number'))
})

describe('the text of a canary', () => {
  const NOW = Date.parse('2026-01-01T00:01:00Z')
  const base: CanaryStatus = {
    phase: 'Progressing',
    mode: 'weights',
    stable: 'v1',
    candidate: 'v2',
    step: 1,
    stage: '50 %',
    weight: 50,
    failedChecks: 0,
    message: '',
    history: [{ at: '2026-01-01T00:00:30Z', reason: 'Advanced', message: 'v2 gets 50 %: it went well' }],
    conditions: [],
  }
  const text = (spec: Partial<CanarySpec>, status: Partial<CanaryStatus> | undefined) => {
    const canary: CanaryResource = { apiVersion: '', kind: 'Canary', metadata: { name: 'temp' }, spec: { function: 'temp', ...spec } }
    return canaryText(status === undefined ? canary : { ...canary, status: { ...base, ...status } }, NOW)
  }

  it.each<[string, Partial<CanarySpec>, Partial<CanaryStatus> | undefined, readonly string[]]>([
    ['nobody has looked at', {}, undefined, ['has not been looked at yet']],
    ['on its way', {}, {}, ['Progressing\n', 'v1 gets 50 %', 'v2 gets 50 %', 'steps 10 [50]', '30s  Advanced  v2 gets 50 %: it went well']],
    ['paused at a gate', { paused: true }, { waitingFor: 'webhook confirm-promotion' }, ['Progressing (paused)', 'Waits for:  webhook confirm-promotion']],
    ['by step weight, with copies first', { stepWeight: 20, mirror: {} }, { step: 1 }, ['copies first, then steps [20] 40']],
    [
      'A/B',
      { iterations: 5 },
      { mode: 'a/b', weight: 0, stage: 'the calls that match, 2 of 5' },
      ['v1 gets 100 %', 'v2 gets the calls that match, 2 of 5', 'a/b, 5 iterations'],
    ],
    [
      'that cannot begin',
      {},
      {
        phase: 'Idle',
        weight: 0,
        conditions: [{ type: 'Ready', status: 'False', reason: 'SplitOwned', message: 'VirtualService default/x owns the split' }],
      },
      ['Blocked:    VirtualService default/x owns the split (SplitOwned)', 'v2 gets 0 %'],
    ],
    ['with failed checks', { analysis: { threshold: 3 } }, { failedChecks: 1 }, ['Failed checks:  1 of 3']],
  ])('%s', (_name, spec, status, parts) => {
    const found = text(spec, status)
    for (const part of parts) expect(found).toContain(part)
  })
})
