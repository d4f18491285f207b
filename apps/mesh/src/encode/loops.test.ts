import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { MOST_HOPS } from './loops.ts'
import { host, route, snapshot, workload } from './testing/model.ts'
import { World, type Ask } from './testing/world.ts'

const open = workload('open')
const caller = workload('caller')
const closed = workload('closed', { policy: { deny: [], allow: [] } })
const asleep = workload('asleep')
const marks = (count: number) => Array.from({ length: count }, () => 'weft').join(',')
const through = (...lines: readonly string[]): Ask => ({ headers: { 'cdn-loop': [...lines] } })

describe.each(['encrypted', 'direct'] as const)('calls in a circle, on the %s path', (path) => {
  let world: World
  let seen = 0
  const woken: string[] = []
  beforeAll(async () => {
    const all = [open, caller, closed, asleep]
    const hosts = all.map(({ key, function: name }) => host(name, [route(key)]))
    world = await World.start(snapshot(all, hosts, { path }), async (made) => {
      await made.addReplica(open.key, (request, response) => {
        seen += 1
        response.end(String(request.headers['cdn-loop']))
      })
      await made.addReplica(caller.key)
      await made.addReplica(closed.key)
    })
    world.wake = async (key) => {
      woken.push(key)
      return 503
    }
  })
  afterAll(() => world.stop())

  const ways: readonly (readonly [string, (name: string, options: Ask) => ReturnType<World['get']>])[] = [
    ['ingress', (name, options) => world.get(`/function/${name}`, options)],
    ['outbound', (name, options) => world.from(caller.key, `http://${name}/`, options)],
  ]

  describe.each(ways)('by the %s', (_name, call) => {
    it.each<[string, readonly string[], string]>([
      ['one that came from nowhere', [], ',weft'],
      ['one that came through something else', ['other; v=1'], 'other; v=1,weft'],
      ['one that came through as many as may be', [marks(MOST_HOPS - 1)], marks(MOST_HOPS)],
    ])('%s goes on, with one mark more', async (_case, lines, expected) => {
      const answer = await call('open', through(...lines))
      expect([answer.status, answer.body]).toEqual([200, expected])
    })

    it.each<[string, readonly string[]]>([
      ['in one line', [marks(MOST_HOPS)]],
      ['behind others', [`cdn, other, ${marks(MOST_HOPS)}`]],
      ['in many lines', Array.from({ length: MOST_HOPS }, () => 'weft')],
      ['far more of them', [marks(1_000)]],
    ])('one with too many marks is refused and reaches nobody: %s', async (_case, lines) => {
      const before = seen
      const answer = await call('open', through(...lines))
      expect([answer.status, answer.json().error.code, seen]).toEqual([508, 'LOOP_DETECTED', before])
    })

    it('is judged by the policy first, and wakes nobody', async () => {
      expect((await call('closed', through(marks(MOST_HOPS)))).status).toBe(403)
      expect((await call('asleep', through(marks(MOST_HOPS)))).status).toBe(508)
      expect(woken).toEqual([])
    })
  })
})
