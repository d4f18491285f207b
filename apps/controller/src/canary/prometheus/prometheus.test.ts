import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CanaryMetric, CanaryResource } from '@weft/api'
import { AddressGuard, askOutside, silentLog } from '@weft/kit'
import { rulesOf } from '../rules.ts'
import { IDLE, type CanaryState } from '../types.ts'
import { filledIn, readAnswer } from './answer.ts'
import { PrometheusMetrics } from './metrics.ts'

const vector = (...values: readonly string[]) =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) } })

describe('an answer of Prometheus', () => {
  it.each<[string, string, unknown]>([
    ['one number', vector('0.5'), { value: 0.5 }],
    ['zero', vector('0'), { value: 0 }],
    ['a scalar', JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }), { value: 7 }],
    ['an infinite number', vector('+Inf'), { value: Number.POSITIVE_INFINITY }],
    ['nothing', vector(), { problem: 'the query found nothing' }],
    ['several numbers', vector('1', '2'), { problem: 'the query gives 2 numbers, and not one' }],
    ['no number', vector('NaN'), { problem: 'the query gives no number (NaN)' }],
    ['an empty text', vector(''), { problem: 'the query gives no number (NaN)' }],
    [
      'a matrix',
      JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } }),
      { problem: 'the query gives a matrix, and not one number' },
    ],
    ['an error', JSON.stringify({ status: 'error', error: 'parse error' }), { problem: 'parse error' }],
    ['no JSON', '<html>', { problem: 'the answer is not one of Prometheus' }],
    ['JSON of something else', 'null', { problem: 'the answer is not one of Prometheus' }],
  ])('that is %s', (_name, text, expected) => expect(readAnswer(text)).toEqual(expected))
})

it('fills the words of a query in', () => {
  const words = { namespace: 'shop', function: 'temp', canary: 'temp', candidate: 'v2', stable: 'v1', interval: '30s' }
  const query = 'rate(x{ns="{{namespace}}",w="{{ function }}-{{candidate }}"}[{{ interval }}]) / {{ stable }}'
  expect(filledIn(query, words)).toBe('rate(x{ns="shop",w="temp-v2"}[30s]) / v1')
})

describe('the numbers of Prometheus', () => {
  const NOW = 1_000_000
  const state: CanaryState = { ...IDLE, phase: 'Progressing', stable: 'v1', candidate: 'v2', step: 0, weight: 10, stepSince: NOW }
  let server: Server
  let address: string
  let answer: { status: number; body: string }
  let asked: string[]
  let wake: (() => void) | undefined
  beforeEach(async () => {
    asked = []
    answer = { status: 200, body: vector('42') }
    server = createServer((request, response) => {
      asked.push(decodeURIComponent(request.url ?? ''))
      response.writeHead(answer.status).end(answer.body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const bound = server.address()
    address = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  const guard = new AddressGuard({ allowed: [], own: [] })
  const answered = () => new Promise<void>((resolve) => (wake = resolve))
  const metricsAt = (configured: string | undefined) =>
    new PrometheusMetrics({ ask: (question) => askOutside(question, guard), address: configured, log: silentLog(), answered: () => wake?.() })

  function canaryWith(metric: Partial<CanaryMetric['prometheus']> & { readonly interval?: string }): CanaryResource {
    const { interval, ...prometheus } = metric
    const one: CanaryMetric = {
      name: 'orders',
      prometheus: { query: 'orders{v="{{ candidate }}"}[{{ interval }}]', ...prometheus },
      thresholdRange: { min: 1 },
      ...(interval === undefined ? {} : { interval }),
    }
    const metadata = { name: 'temp', namespace: 'default' }
    return { apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', metadata, spec: { function: 'temp', interval: '30s', analysis: { metrics: [one] } } }
  }

  it('are asked for at the end of the step, and again after each interval', async () => {
    const metrics = metricsAt(`${address}/`)
    const canary = canaryWith({})
    const read = (now: number) => metrics.read(canary, rulesOf(canary), state, now)
    expect(read(NOW + 29_999)).toEqual([{ name: 'orders', min: 1, max: undefined, value: undefined, pending: true }])
    expect(asked).toEqual([])
    const first = answered()
    read(NOW + 30_000)
    await first
    expect(read(NOW + 59_999)).toEqual([{ name: 'orders', min: 1, max: undefined, value: 42, pending: false }])
    expect(asked).toEqual(['/api/v1/query?query=orders{v="v2"}[30s]'])
    answer = { status: 200, body: vector('43') }
    const second = answered()
    read(NOW + 60_000)
    await second
    expect(read(NOW + 60_000)[0]?.value).toBe(43)
  })

  it('are asked for sooner when they say so', async () => {
    const canary = canaryWith({ interval: '5s' })
    const metrics = metricsAt(address)
    const first = answered()
    metrics.read(canary, rulesOf(canary), state, NOW + 5_000)
    await first
    expect(asked).toEqual(['/api/v1/query?query=orders{v="v2"}[5s]'])
  })

  it('of another step are not those of this one', async () => {
    const canary = canaryWith({})
    const metrics = metricsAt(address)
    const first = answered()
    metrics.read(canary, rulesOf(canary), state, NOW + 30_000)
    await first
    expect(metrics.read(canary, rulesOf(canary), { ...state, stepSince: NOW + 1 }, NOW + 2)[0]?.value).toBeUndefined()
  })

  it.each<[string, () => CanaryResource, () => string | undefined, { status: number; body: string }, RegExp]>([
    ['an outage', () => canaryWith({}), () => 'http://127.0.0.1:1', answerOf(200, ''), /ECONNREFUSED/],
    ['an answer that is an error', () => canaryWith({}), () => address, answerOf(503, vector('1')), /answered 503/],
    ['no result', () => canaryWith({}), () => address, answerOf(200, vector()), /found nothing/],
    ['no address', () => canaryWith({}), () => undefined, answerOf(200, ''), /no Prometheus is configured/],
    ['a private address that is not the operator’s', () => canaryWith({ address: 'http://127.0.0.1:1' }), () => address, answerOf(200, ''), /private address/],
  ])('are no data, never zero, after %s', async (_name, canary, configured, given, problem) => {
    answer = given
    const metrics = metricsAt(configured())
    const first = answered()
    metrics.read(canary(), rulesOf(canary()), state, NOW + 30_000)
    await first
    expect(metrics.read(canary(), rulesOf(canary()), state, NOW + 30_001)).toEqual([
      { name: 'orders', min: 1, max: undefined, value: undefined, pending: false, problem: expect.stringMatching(problem) },
    ])
  })
})

function answerOf(status: number, body: string): { status: number; body: string } {
  return { status, body }
}
