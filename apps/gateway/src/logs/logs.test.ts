import { describe, expect, it } from '@jest/globals'
import { request as httpRequest } from 'node:http'
import type { LogLine, LogQuery } from '@weft/provider'
import { AUTHORIZATION, makeWorld, type World } from '../../test/world.ts'
import { logQuery } from './logs.ts'

const line = (text: string, second: number): LogLine => ({
  workload: { namespace: 'default', name: 'temp-00001' },
  function: 'temp',
  replica: 'temp-00001-a',
  timestamp: Date.UTC(2026, 0, 1, 0, 0, second),
  stream: 'stdout',
  text,
})

/** A provider whose log is written by the test; it keeps the queries it got. */
async function worldWithLog(lines: (query: LogQuery) => AsyncIterable<LogLine>): Promise<{ world: World; queries: LogQuery[] }> {
  const world = await makeWorld()
  const queries: LogQuery[] = []
  world.provider.logs = (query) => {
    queries.push(query)
    return lines(query)
  }
  await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
  return { world, queries }
}

describe('a query for logs', () => {
  it.each([
    ['only a name', { name: 'temp' }, { namespace: 'default', function: 'temp', follow: false }],
    [
      'as faas-cli writes it',
      { name: 'temp', namespace: 'openfaas-fn', follow: '1', tail: '-1', since: '2026-01-01T00:00:00Z' },
      { namespace: 'default', function: 'temp', follow: true, since: Date.UTC(2026, 0, 1) },
    ],
    [
      'as the proxy client writes it',
      { name: 'temp', follow: 'true', tail: '5', instance: 'a' },
      { namespace: 'default', function: 'temp', follow: true, tail: 5, replica: 'a' },
    ],
    [
      'nanoseconds and an offset',
      { name: 'temp', since: '2026-01-01T01:00:00.123456789+01:00' },
      { namespace: 'default', function: 'temp', follow: false, since: Date.UTC(2026, 0, 1, 0, 0, 0, 123) },
    ],
    ['the namespace in the name', { name: 'temp.prod' }, { namespace: 'prod', function: 'temp', follow: false }],
    ['empty parameters', { name: 'temp', follow: '', tail: '', since: '', instance: '' }, { namespace: 'default', function: 'temp', follow: false }],
  ])('is read: %s', (_name, query, expected) => {
    expect(logQuery(query)).toEqual(expected)
  })

  it.each([
    ['name=', 422],
    ['', 422],
    ['name=temp&follow=maybe', 422],
    ['name=temp&follow=constructor', 422],
    ['name=temp&tail=x', 422],
    ['name=temp&tail=1.5', 422],
    ['name=temp&since=yesterday', 422],
    ['name=temp&since=2026', 422],
    ['name=..%2Fx', 400],
    ['name=nope', 404],
    ['name=temp&name=other', 400],
  ])('%p is a %i', async (query, status) => {
    await using world = await makeWorld()
    expect((await world.call('GET', `/system/logs?${query}`)).status).toBe(status)
  })
})

describe('log lines', () => {
  it('come as one JSON object each, in the words of OpenFaaS', async () => {
    const { world, queries } = await worldWithLog(async function* () {
      yield line('first', 1)
      yield line('second "quoted"', 2)
    })
    await using _world = world
    const answer = await world.call('GET', '/system/logs?name=temp&tail=2')
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson'])
    expect(
      answer.text
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual([
      { name: 'temp', namespace: 'default', instance: 'temp-00001-a', timestamp: '2026-01-01T00:00:01.000Z', text: 'first' },
      { name: 'temp', namespace: 'default', instance: 'temp-00001-a', timestamp: '2026-01-01T00:00:02.000Z', text: 'second "quoted"' },
    ])
    expect(queries).toMatchObject([{ namespace: 'default', function: 'temp', tail: 2, follow: false }])
  })

  it('come as they are written, and the source is told when the client leaves', async () => {
    const next = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const { world } = await worldWithLog(async function* ({ signal }) {
      signal?.addEventListener('abort', () => left.resolve())
      yield line('at once', 1)
      await next.promise
      yield line('later', 2)
      await left.promise
    })
    await using _world = world
    const { tcp } = await world.gateway.listen({ tcp: { host: '127.0.0.1', port: 0 } })
    const seen: string[] = []
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: tcp?.port, path: '/system/logs?name=temp&follow=true', headers: { authorization: AUTHORIZATION } },
        (response) => {
          response.on('data', (chunk: Buffer) => {
            seen.push((JSON.parse(chunk.toString()) as { text: string }).text)
            if (seen.length === 1) next.resolve()
            else request.destroy()
          })
          response.on('close', resolve)
          response.on('error', () => undefined)
        },
      )
      request.on('error', reject)
      request.end()
    })
    await left.promise
    expect(seen).toEqual(['at once', 'later'])
  })

  it('end when the gateway drains', async () => {
    const { world } = await worldWithLog(async function* ({ signal }) {
      yield line('at once', 1)
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
    })
    const { tcp } = await world.gateway.listen({ tcp: { host: '127.0.0.1', port: 0 } })
    const response = await fetch(`http://127.0.0.1:${tcp?.port}/system/logs?name=temp&follow=1`, { headers: { authorization: AUTHORIZATION } })
    const text = response.text()
    await world[Symbol.asyncDispose]()
    expect(JSON.parse(await text)).toMatchObject({ text: 'at once' })
  })

  it('end without an error for the client when the source fails', async () => {
    const { world } = await worldWithLog(async function* () {
      yield line('at once', 1)
      throw new Error('disk on fire at /secret/path')
    })
    await using _world = world
    const answer = await world.call('GET', '/system/logs?name=temp')
    expect(answer.text).toContain('at once')
    expect(answer.text).not.toContain('secret')
  })
})
