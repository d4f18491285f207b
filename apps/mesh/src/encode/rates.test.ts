import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { compiled, functionOf } from './testing/resources.ts'
import { World } from './testing/world.ts'
import type { Answer } from './testing/world.ts'

function limited(name: string, annotations: Readonly<Record<string, string>>): readonly Resource[] {
  return functionOf(name).map((resource) => (resource.kind === 'Function' ? { ...resource, metadata: { ...resource.metadata, annotations } } : resource))
}

const GUARD: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'guard', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'guarded' } }, action: 'DENY', rules: [{ to: [{ operation: { paths: ['/secret'] } }] }] },
}

function model(path: MeshSnapshot['path']): MeshSnapshot {
  return compiled(
    [
      ...['one', 'two'].flatMap((name) => functionOf(name)),
      ...limited('whole', { 'weft.dev/rate-limit': '4/1h' }),
      ...limited('callers', { 'weft.dev/rate-limit-per-caller': '2/1h' }),
      ...limited('users', { 'weft.dev/rate-limit-per-header': 'X-User=2/1h' }),
      ...limited('both', { 'weft.dev/rate-limit': '3/1h', 'weft.dev/rate-limit-per-caller': '2/1h' }),
      ...limited('soon', { 'weft.dev/rate-limit': '1/100ms' }),
      ...limited('guarded', { 'weft.dev/rate-limit': '2/1h' }),
      GUARD,
    ],
    path,
  )
}

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('the rate of calls, on the %s path', (path) => {
  let world: World

  beforeAll(async () => {
    world = await World.start(model(path), async (starting) => {
      for (const name of ['one', 'two', 'whole', 'callers', 'users', 'both', 'soon', 'guarded']) await starting.addReplica(`default/${name}-v1`)
    })
  })

  afterAll(() => world?.stop())

  const outside = (name: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => world.get(`/function/${name}/`, { headers })
  const from = (caller: string, name: string): Promise<Answer> => world.from(`default/${caller}-v1`, `http://${name}/`)
  const statuses = async (asks: readonly (() => Promise<Answer>)[]): Promise<readonly number[]> => {
    const seen: number[] = []
    for (const ask of asks) seen.push((await ask()).status)
    return seen
  }

  it('is limited for all callers together', async () => {
    const asks = [() => outside('whole'), () => from('one', 'whole'), () => from('two', 'whole'), () => outside('whole')]
    expect(await statuses([...asks, () => outside('whole'), () => from('one', 'whole')])).toEqual([200, 200, 200, 200, 429, 429])
    const refused = await outside('whole')
    expect(refused.json().error.code).toBe('RATE_LIMITED')
    expect(refused.headers['retry-after']).toBe('3600')
    expect(world.plane.refused).toEqual([])
  })

  it('is limited for each caller identity', async () => {
    const twice = (ask: () => Promise<Answer>) => [ask, ask, ask]
    expect(await statuses([...twice(() => from('one', 'callers')), ...twice(() => from('two', 'callers')), ...twice(() => outside('callers'))])).toEqual([
      200, 200, 429, 200, 200, 429, 200, 200, 429,
    ])
  })

  it('is limited for each value of a header; calls without it count together', async () => {
    const as = (user: string) => () => outside('users', { 'x-user': user })
    expect(await statuses([as('a'), as('a'), as('a'), as('b'), as('b'), as('b')])).toEqual([200, 200, 429, 200, 200, 429])
  })

  it('is limited by both limits at once', async () => {
    const asks = [() => from('one', 'both'), () => from('one', 'both'), () => from('one', 'both'), () => from('two', 'both'), () => from('two', 'both')]
    expect(await statuses(asks)).toEqual([200, 200, 429, expect.any(Number), 429])
  })

  it('rises again', async () => {
    expect((await outside('soon')).status).toBe(200)
    const deadline = Date.now() + 5000
    while ((await outside('soon')).status !== 200) expect(Date.now()).toBeLessThan(deadline)
  })

  it('does not count what policy refuses', async () => {
    expect(world.plane.refused).toEqual([])
    for (const _each of [1, 2, 3, 4]) expect((await world.get('/function/guarded/secret')).status).toBe(403)
    expect(await statuses([() => outside('guarded'), () => outside('guarded'), () => outside('guarded')])).toEqual([200, 200, 429])
  })
})
