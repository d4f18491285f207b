import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshSnapshot, TrafficStatistics } from '@weft/mesh-model'
import { trafficOf } from '../statistics/traffic.ts'
import { compiled, tried } from './testing/resources.ts'
import { answering, World } from './testing/world.ts'

const exact = (text: string) => ({ exact: text })
const RESOURCES: readonly Resource[] = [
  ...tried('ab', {
    match: [
      { headers: { 'x-user': exact('jason'), 'x-any': {} } },
      { headers: { 'X-Team': { regex: 'red|blue' } } },
      { cookies: { group: exact('b.c') } },
      { cookies: { id: { prefix: '42' } } },
      { cookies: { kind: { regex: 'new[0-9]+' } } },
    ],
  }),
  ...tried('copied', { mirror: { percent: 100, methods: ['GET', 'HEAD'] } }),
  ...tried('half', { mirror: { percent: 50, methods: ['GET'] } }),
  ...tried('sticky', { affinity: { cookie: 'run', value: 'v2.abc', maxAgeSeconds: 60 } }, { v1: 50, v2: 50 }),
  ...tried('over', { expire: { cookie: 'run' } }),
  ...tried('cold', {}, { v2: 100 }),
  ...tried('caller', {}),
]

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])("a canary's routes on the %s path", (path) => {
  let world: World
  const snapshot = compiled(RESOURCES, path)
  const counted = async (workload: string): Promise<readonly TrafficStatistics[]> => {
    const text = await world.envoy.admin('/stats/prometheus?usedonly')
    return trafficOf(text, snapshot).filter(({ destination }) => destination.workload === workload)
  }
  const total = (some: readonly TrafficStatistics[]) => some.reduce((sum, { requests }) => sum + requests, 0)

  beforeAll(async () => {
    world = await World.start(snapshot, async (before) => {
      for (const name of ['ab', 'copied', 'half', 'sticky', 'over', 'caller']) {
        for (const revision of ['v1', 'v2']) await before.addReplica(`default/${name}-${revision}`, answering(revision))
      }
    })
  }, 30_000)
  afterAll(() => world?.stop())

  it.each<[string, Record<string, string>, string]>([
    ['nothing', {}, 'v1'],
    ['all headers of a match', { 'x-user': 'jason', 'x-any': 'y' }, 'v2'],
    ['one of two headers', { 'x-user': 'jason' }, 'v1'],
    ['another value', { 'x-user': 'jasonx', 'x-any': 'y' }, 'v1'],
    ['a header by a regular expression', { 'x-team': 'blue' }, 'v2'],
    ['a text in which the expression is', { 'x-team': 'bluer' }, 'v1'],
    ['the cookie', { cookie: 'group=b.c' }, 'v2'],
    ['the cookie among others', { cookie: 'a=1; group=b.c; z=2' }, 'v2'],
    ['a cookie of which a dot is a dot', { cookie: 'group=bxc' }, 'v1'],
    ['a cookie whose name only ends so', { cookie: 'mygroup=b.c' }, 'v1'],
    ['a cookie whose value goes on', { cookie: 'group=b.cd' }, 'v1'],
    ['a cookie inside of the value of another', { cookie: 'a=group=b.c' }, 'v1'],
    ['a cookie by its beginning', { cookie: 'id=4211' }, 'v2'],
    ['a cookie by a regular expression', { cookie: 'x=1; kind=new7' }, 'v2'],
  ])('A/B: %s', async (_name, headers, revision) => {
    expect((await world.get('/function/ab', { headers })).body).toBe(revision)
    expect((await world.from('default/caller-v1', 'http://ab/', { headers })).body).toBe(revision)
  })

  it('copies calls that change nothing, and the callee counts them; their answers are dropped', async () => {
    for (let call = 0; call < 5; call += 1) expect((await world.get('/function/copied')).body).toBe('v1')
    for (let call = 0; call < 3; call += 1) expect((await world.get('/function/copied', { method: 'POST', body: 'x' })).body).toBe('v1')
    let copies: readonly TrafficStatistics[] = []
    for (const end = Date.now() + 5_000; total(copies) < 5 && Date.now() < end;) copies = await counted('copied-v2')
    expect(copies.map(({ reporter, code, requests }) => [reporter, code, requests])).toEqual([['destination', '200', 5]])
  })

  it('copies a share', async () => {
    for (let call = 0; call < 60; call += 1) await world.get('/function/half')
    const copies = total(await counted('half-v2'))
    expect([copies > 10, copies < 50]).toEqual([true, true])
  })

  it('gives who was answered by the candidate a cookie, and brings it there again', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => world.get('/function/sticky')))
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['v1', 'v2']))
    for (const { body, headers } of answers) {
      expect(headers['set-cookie']).toEqual(body === 'v2' ? ['run=v2.abc; Max-Age=60; Path=/; HttpOnly'] : undefined)
    }
    const again = await Promise.all(Array.from({ length: 20 }, () => world.get('/function/sticky', { headers: { cookie: 'a=1; run=v2.abc' } })))
    expect(again.map(({ body }) => body)).toEqual(again.map(() => 'v2'))
  })

  it('takes the cookie of another run for none', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => world.get('/function/sticky', { headers: { cookie: 'run=v2.old' } })))
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['v1', 'v2']))
  })

  it('takes the cookie back when the run is over, from whoever sends it', async () => {
    const told = await world.get('/function/over', { headers: { cookie: 'run=v2.abc' } })
    expect([told.body, told.headers['set-cookie']]).toEqual(['v1', ['run=; Max-Age=0; Path=/; HttpOnly']])
    expect((await world.get('/function/over')).headers['set-cookie']).toBeUndefined()
  })

  it('tells calls that waited for a replica from the others', async () => {
    world.wake = async (workload) => {
      await world.addReplica(workload, answering('v2'))
      await world.push()
      return 200
    }
    expect((await world.get('/function/cold')).body).toBe('v2')
    expect((await world.get('/function/cold')).body).toBe('v2')
    const seen = (await counted('cold-v2')).filter(({ reporter }) => reporter === (path === 'encrypted' ? 'destination' : 'source'))
    expect(new Map(seen.map(({ held = false, requests }) => [held, requests]))).toEqual(
      new Map([
        [false, 1],
        [true, 1],
      ]),
    )
  })
})
