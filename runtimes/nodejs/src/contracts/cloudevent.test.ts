import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Ask, type Replica, startReplica, stopAll } from '../../test/harness.ts'

const SOURCE = `
export default async (event, context) => {
  switch (event.subject) {
    case 'nothing': return undefined
    case 'text': return 'hello'
    case 'value': return { a: 1 }
    case 'event': return { type: 'answer', source: '/fn', data: { got: event.data }, traceid: 'é x' }
    case 'throw': throw new Error('thrown')
    default: return { event, context }
  }
}
`

let replica: Replica
beforeAll(async () => {
  replica = await startReplica({ contract: 'cloudevent', source: SOURCE, entry: 'handler.mjs' })
})
afterAll(stopAll)

const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
const event = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' }

describe('the contract cloudevent gives the handler', () => {
  it.each<[string, Ask, unknown]>([
    ['a binary event with JSON', { body: '{"a":1}', headers: { ...binary, 'content-type': 'application/json' } }, { ...event, data: { a: 1 } }],
    ['a binary event with text', { body: 'x', headers: { ...binary, 'content-type': 'text/plain' } }, { ...event, data: 'x', datacontenttype: 'text/plain' }],
    ['a binary event without data', { method: 'POST', headers: binary }, event],
    ['extensions, percent-encoded', { method: 'POST', headers: { ...binary, 'ce-myext': 'a%20%C3%A9' } }, { ...event, myext: 'a é' }],
    ['a structured event', { body: JSON.stringify({ ...event, data: [1] }), headers: structured }, { ...event, data: [1] }],
    [
      'a structured event in base64',
      { body: JSON.stringify({ ...event, datacontenttype: 'text/plain', data_base64: 'aGk=' }), headers: structured },
      { ...event, data: 'hi' },
    ],
  ])('%s', async (_name, ask, expected) => {
    expect((await replica.ask(ask)).json()).toMatchObject({ event: expected as object, context: { function: 'fn', namespace: 'default', revision: 'v1' } })
  })
})

describe('the contract cloudevent answers', () => {
  it.each<[string, string, number, string | undefined, string]>([
    ['nothing', 'nothing', 204, undefined, ''],
    ['text', 'text', 200, 'text/plain; charset=utf-8', 'hello'],
    ['a value as JSON', 'value', 200, 'application/json; charset=utf-8', '{"a":1}'],
    [
      'a thrown error',
      'throw',
      500,
      'application/json; charset=utf-8',
      '{"error":{"code":"FUNCTION_FAILED","message":"the function failed","help":"its log has the error"}}',
    ],
  ])('%s', async (_name, subject, status, type, body) => {
    const answer = await replica.ask({ method: 'POST', headers: { ...binary, 'ce-subject': subject } })
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([status, type, body])
  })

  it('an event in binary mode, with the attributes that were left out', async () => {
    const answer = await replica.ask({ body: '5', headers: { ...binary, 'ce-subject': 'event', 'content-type': 'application/json' } })
    expect(answer.headers).toMatchObject({ 'ce-type': 'answer', 'ce-source': '/fn', 'ce-specversion': '1.0', 'ce-traceid': '%C3%A9%20x' })
    expect([answer.headers['ce-id'], answer.headers['ce-time']]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), expect.stringMatching(/Z$/)])
    expect(answer.json()).toEqual({ got: 5 })
  })

  it.each<[string, Ask, number, RegExp]>([
    ['a missing attribute', { method: 'POST', headers: { ...binary, 'ce-id': '' } }, 400, /"id\\" is missing/],
    ['another version', { method: 'POST', headers: { ...binary, 'ce-specversion': '0.3' } }, 400, /specversion/],
    ['no event at all', { body: 'x' }, 400, /is missing/],
    ['malformed JSON', { body: '{', headers: structured }, 400, /JSON/],
    ['a list as a structured event', { body: '[]', headers: structured }, 400, /object/],
    ['a batch', { body: '[]', headers: { 'content-type': 'application/cloudevents-batch+json' } }, 415, /batch/],
    ['another method', { headers: binary }, 405, /POST/],
    ['too much', { body: 'x'.repeat(1_048_577), headers: binary }, 413, /larger/],
  ])('not %s', async (_name, ask, status, reason) => {
    const answer = await replica.ask(ask)
    expect(answer.status).toBe(status)
    expect(answer.body).toMatch(reason)
  })
})
