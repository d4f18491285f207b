import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CanaryResource, CanaryWebhook } from '@weft/api'
import { askOutside, silentLog } from '@weft/kit'
import { rulesOf } from '../rules.ts'
import { IDLE, type CanaryState } from '../types.ts'
import { gatesDue } from './gates.ts'
import type { Moment } from './payload.ts'
import { Webhooks } from './webhooks.ts'

const NOW = 1_000_000_000
const state: CanaryState = {
  ...IDLE,
  phase: 'Progressing',
  stable: 'v1',
  candidate: 'v2',
  step: 0,
  weight: 10,
  scaleTo: 10,
  startedAt: NOW - 60_000,
  stepSince: NOW - 5_000,
}
const waiting: CanaryState = { ...state, phase: 'Waiting', step: -1, weight: 0 }

/** Somebody outside: answers by path, and keeps what it was told. */
let server: Server
let url: string
let status: Record<string, number>
let told: { readonly path: string; readonly body: Record<string, unknown> }[]
let answered: (() => void)[]
let webhooks: Webhooks

beforeEach(async () => {
  status = {}
  told = []
  answered = []
  server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => (text += part))
    request.on('end', () => {
      const path = request.url ?? ''
      told.push({ path, body: JSON.parse(text) as Record<string, unknown> })
      const code = status[path] ?? 200
      if (code === 0) request.socket.destroy()
      else if (code > 0) response.writeHead(code).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  webhooks = new Webhooks({
    ask: (question) => askOutside(question, undefined),
    log: silentLog(),
    now: () => NOW,
    answered: () => answered.splice(0).forEach((resolve) => resolve()),
  })
})
afterEach(() => {
  webhooks.close()
  server.closeAllConnections()
  server.close()
})

const nextAnswer = () => new Promise<void>((resolve) => answered.push(resolve))

function moment(hooks: readonly Partial<CanaryWebhook>[], more: Partial<Pick<Moment, 'state' | 'now'>> = {}): Moment {
  const full = hooks.map((hook): CanaryWebhook => ({ name: hook.type ?? '', type: 'rollout', url: `${url}/${hook.type ?? ''}`, ...hook }))
  const canary: CanaryResource = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Canary',
    metadata: { name: 'temp', namespace: 'shop' },
    spec: { function: 'temp', interval: '30s', webhooks: full },
  }
  return { canary, rules: rulesOf(canary), state, now: NOW, ...more }
}

describe('the webhooks of a canary', () => {
  it('are asked once, and say yes with 2xx', async () => {
    const asked = moment([{ type: 'rollout' }])
    expect(webhooks.gates(asked, true).rollout).toBe('pending')
    expect(webhooks.gates(asked, true).rollout).toBe('pending')
    await nextAnswer()
    expect(webhooks.gates(asked, true).rollout).toBe('open')
    expect(told).toHaveLength(1)
  })

  it("are told what Flagger's are told", async () => {
    webhooks.gates(moment([{ type: 'rollout', metadata: { cmd: 'hey' } }]), true)
    await nextAnswer()
    expect(told[0]?.body).toEqual({
      name: 'temp',
      namespace: 'shop',
      phase: 'Progressing',
      checksum: `v2.${(NOW - 60_000).toString(36)}`,
      type: 'rollout',
      failedChecks: 0,
      canaryWeight: 10,
      iterations: 0,
      remainingTime: (3_600_000 - 60_000) * 1_000_000,
      metadata: { cmd: 'hey' },
      function: 'temp',
      candidate: 'v2',
      stable: 'v1',
    })
  })

  it.each([
    ['a refusal', 403],
    ['a redirect, which nobody follows', 302],
    ['an error', 500],
    ['a connection that ends', 0],
    ['no answer in time', -1],
  ])('say no with %s', async (_name, code) => {
    status['/rollout'] = code
    const asked = moment([{ type: 'rollout', timeout: '50ms' }])
    webhooks.gates(asked, true)
    await nextAnswer()
    expect(webhooks.gates(asked, true).rollout).toBe('closed')
  })

  it('are tried again when they did not answer', async () => {
    status['/rollout'] = 0
    const asked = moment([{ type: 'rollout', retries: 1 }])
    webhooks.gates(asked, true)
    await nextAnswer()
    expect(told).toHaveLength(2)
  })

  it('keep a gate until all of them say yes, and are asked again after a while', async () => {
    status['/no'] = 409
    const asked = moment(
      [
        { type: 'confirm-rollout', name: 'a' },
        { type: 'confirm-rollout', name: 'b', url: `${url}/no` },
      ],
      { state: waiting },
    )
    webhooks.gates(asked, false)
    for (let first = nextAnswer(); webhooks.gates(asked, false)['confirm-rollout'] !== 'closed'; first = nextAnswer()) await first
    status = {}
    expect(webhooks.gates({ ...asked, now: NOW + 9_999 }, false)['confirm-rollout']).toBe('closed')
    webhooks.gates({ ...asked, now: NOW + 10_000 }, false)
    for (let again = nextAnswer(); webhooks.gates(asked, false)['confirm-rollout'] !== 'open'; again = nextAnswer()) await again
    expect(told.filter(({ path }) => path === '/confirm-rollout')).toHaveLength(1)
  })

  it('of a roll-back: one that says yes is enough', async () => {
    status['/no'] = 404
    const asked = moment([
      { type: 'rollback', name: 'a', url: `${url}/no` },
      { type: 'rollback', name: 'b' },
    ])
    expect(webhooks.gates(asked, true).rollback).toBe('closed')
    for (let next = nextAnswer(); webhooks.gates(asked, true).rollback !== 'open'; next = nextAnswer()) await next
    expect(webhooks.gates(asked, true).rollback).toBe('open')
  })

  it('before the first call come one after the other', async () => {
    const asked = moment([{ type: 'pre-rollout' }, { type: 'confirm-rollout' }, { type: 'confirm-traffic-increase' }], { state: waiting })
    for (const _ of [1, 2, 3]) {
      webhooks.gates(asked, true)
      await nextAnswer()
    }
    webhooks.gates(asked, true)
    expect(told.map(({ path }) => path)).toEqual(['/confirm-rollout', '/pre-rollout', '/confirm-traffic-increase'])
  })

  it('are asked anew in the next step, and in the next run', async () => {
    const hooks = [{ type: 'rollout' as const }]
    for (const next of [state, { ...state, step: 1, stepSince: NOW }, { ...state, candidate: 'v3' }]) {
      expect(webhooks.gates(moment(hooks, { state: next }), true).rollout).toBe('pending')
      await nextAnswer()
    }
    expect(told).toHaveLength(3)
  })

  it('that only listen are told of every event, and of the end', async () => {
    const hooks = [{ type: 'event' as const }, { type: 'post-rollout' as const }]
    webhooks.tell({ state, because: 'Advanced', message: 'v2 gets 10 %' }, moment(hooks))
    webhooks.tell({ state: { ...state, phase: 'Failed' }, because: 'RolledBack', message: 'it failed' }, moment(hooks))
    for (const end = Date.now() + 5_000; told.length < 3 && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 5))
    const events = told.filter(({ path }) => path === '/event').map(({ body }) => body['metadata'])
    expect(events).toContainEqual({ eventMessage: 'v2 gets 10 %', eventType: 'Normal', eventReason: 'Advanced', timestamp: String(NOW) })
    expect(events).toContainEqual({ eventMessage: 'it failed', eventType: 'Warning', eventReason: 'RolledBack', timestamp: String(NOW) })
    expect(told.filter(({ path }) => path === '/post-rollout').map(({ body }) => body['phase'])).toEqual(['Failed'])
  })
})

describe('gatesDue', () => {
  const { rules } = moment([])
  const types = (some: CanaryState, isReady: boolean, now = NOW) => gatesDue(rules, some, isReady, now).map(({ type }) => type)
  it.each<[string, () => readonly string[], readonly string[]]>([
    ['nobody without a run', () => types(IDLE, true), []],
    ['before the candidate is ready', () => types(waiting, false), ['rollback', 'confirm-rollout']],
    ['when it is ready', () => types(waiting, true), ['rollback', 'confirm-rollout', 'pre-rollout', 'confirm-traffic-increase']],
    ['within a step', () => types(state, true), ['rollback', 'rollout']],
    ['at the end of a step', () => types(state, true, NOW + 30_000), ['rollback', 'rollout', 'confirm-traffic-increase']],
    ['at the end of the last step', () => types({ ...state, step: 1, weight: 50 }, true, NOW + 30_000), ['rollback', 'rollout', 'confirm-promotion']],
  ])('asks %s', (_name, found, expected) => expect(found()).toEqual(expected))
})
