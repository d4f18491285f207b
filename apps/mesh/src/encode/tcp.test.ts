import type http from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { MeshHost, MeshSnapshot, MeshTcpRoute, WorkloadPolicy } from '@weft/mesh-model'
import { host, replica, snapshot, workload } from './testing/model.ts'
import { trafficOf } from '../statistics/traffic.ts'
import { eventually } from '../testing/fixture.ts'
import { serveConnections, tunnel } from './testing/streams.ts'
import { World } from './testing/world.ts'

const route = (targets: readonly (readonly [string, number])[], more: Partial<MeshTcpRoute> = {}): MeshTcpRoute => ({
  name: 'tcp',
  matches: [],
  targets: targets.map(([name, weight]) => ({ workload: `default/${name}-1`, weight })),
  origin: { group: '', kind: 'Function', namespace: 'default', name: 'x' },
  ...more,
})
const tcpHost = (name: string, routes: readonly MeshTcpRoute[] = [route([[name, 100]])], ports: readonly number[] = [6379]): MeshHost => ({
  ...host(name),
  ports,
  tcp: { ports, routes },
})
const NOBODY: WorkloadPolicy = { deny: [], allow: [] }

let world: World
const servers: http.Server[] = []

const NAMES = ['cache', 'other', 'asleep', 'closed', 'nobody']
const everything = (hosts: readonly MeshHost[]): MeshSnapshot =>
  snapshot(
    [
      ...NAMES.map((name) => workload(name, { protocol: 'tcp', port: 6379, ...(name === 'closed' ? { policy: NOBODY } : {}) })),
      workload('caller'),
      workload('web'),
    ],
    [...hosts, host('web')],
  )

function serve(name: string): string {
  const { path, server } = serveConnections(name)
  servers.push(server)
  return path
}

beforeAll(async () => {
  world = await World.start(everything(NAMES.map((name) => tcpHost(name))), async (starting) => {
    await starting.addReplica('default/caller-1')
    await starting.addReplica('default/web-1')
    for (const name of ['cache', 'other', 'closed']) starting.replicas.set(`default/${name}-1`, [replica(name, serve(name))])
  })
}, 30_000)
afterAll(async () => {
  await world?.stop()
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

/** Says something over a connection of the caller. @returns what came back until `enough`, or the status of a refusal */
async function talk(authority: string, say: string, enough: RegExp): Promise<string | number> {
  const socket = await tunnel(world.outbound('default/caller-1'), authority)
  if (typeof socket === 'number') return socket
  return new Promise((resolve, reject) => {
    let seen = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (enough.test(seen)) {
        socket.destroy()
        resolve(seen)
      }
    })
    socket.on('close', () => resolve(seen)).on('error', reject)
    if (say !== '') socket.write(say)
  })
}

/** Which callees answered so many connections. */
async function shares(count: number): Promise<Readonly<Record<string, number>>> {
  const seen: Record<string, number> = {}
  for (let index = 0; index < count; index += 1) {
    const greeting = String(await talk('cache:6379', '', /\n/)).trim()
    seen[greeting] = (seen[greeting] ?? 0) + 1
  }
  return seen
}

describe('a connection of raw TCP', () => {
  it.each(['cache:6379', 'cache.default:6379', 'CACHE.default.svc:6379', 'cache.default.svc.cluster.local:6379'])(
    'goes to %s, with what the callee says first and what comes after',
    async (authority) => {
      expect(await talk(authority, 'hello', /HELLO/)).toBe('cache\nHELLO')
    },
  )

  it('carries a lot, both ways', async () => {
    const socket = await tunnel(world.outbound('default/caller-1'), 'cache:6379')
    if (typeof socket === 'number') throw new Error(`answered ${socket}`)
    const bytes = 5_000_000
    let seen = 0
    const all = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.length
        if (seen >= bytes + 'cache\n'.length) resolve()
      })
    })
    socket.write(Buffer.alloc(bytes, 'x'))
    await all
    socket.destroy()
  })

  it('gets all that a callee said before it ended the connection', async () => {
    expect(await talk('cache:6379', 'quit', /never/)).toBe('cache\nQUITgoodbye\n')
  })

  it.each([
    ['a policy that allows nobody', 'closed:6379', 403],
    ['a callee that cannot be woken', 'nobody:6379', 503],
  ])('is refused by %s', async (_name, authority, status) => {
    expect(await talk(authority, '', /x/)).toBe(status)
  })

  it('waits for a callee at zero, which is woken once it may be called', async () => {
    const woken: string[] = []
    world.wake = async (name) => {
      woken.push(name)
      world.replicas.set(name, [replica('woken', serve('woken'))])
      await world.push()
      return 200
    }
    expect(await talk('closed:6379', '', /x/)).toBe(403)
    expect(await talk('asleep:6379', 'hello', /HELLO/)).toBe('woken\nHELLO')
    expect(woken).toEqual(['default/asleep-1'])
  })

  it("is told from HTTP on its port, and from ports that are not its host's", async () => {
    const answer = await world.from('default/caller-1', 'http://cache:6379/')
    expect([answer.status, answer.json().error.code]).toEqual([421, 'PORT_SPEAKS_TCP'])
    expect(await talk('cache:6379', 'hello', /HELLO/)).toBe('cache\nHELLO')
    expect((await world.from('default/caller-1', 'http://cache:80/')).status).toBe(404)
    expect((await world.get('/function/cache')).status).toBe(503)
    expect((await world.from('default/caller-1', 'http://web/')).status).toBe(200)
  })

  it('goes by shares', async () => {
    await world.apply(
      everything([
        tcpHost('cache', [
          route([
            ['cache', 50],
            ['other', 50],
          ]),
        ]),
      ]),
    )
    const seen = await shares(60)
    expect(Object.keys(seen).toSorted()).toEqual(['cache', 'other'])
    expect(seen['cache']).toBeGreaterThan(10)
    expect(seen['other']).toBeGreaterThan(10)
  })

  it.each<[string, MeshTcpRoute['matches'], string]>([
    ['the port', [{ port: 6379 }], 'other'],
    ['another port', [{ port: 6380 }], 'cache'],
    ['labels of the caller', [{ sourceLabels: { app: 'caller' } }], 'other'],
    ['labels of others', [{ sourceLabels: { app: 'somebody' } }], 'cache'],
    ['the namespace of the caller', [{ sourceNamespace: 'default' }], 'other'],
    ['another namespace', [{ sourceNamespace: 'shop' }], 'cache'],
    ['one of several conditions', [{ port: 1 }, { port: 6379 }], 'other'],
    ['a server name', [{ serverNames: ['cache'] }], 'other'],
    ['server names below another', [{ serverNames: ['*.shop.svc.cluster.local'] }], 'cache'],
  ])('is routed by %s', async (_name, matches, expected) => {
    await world.apply(everything([tcpHost('cache', [route([['other', 100]], { matches }), route([['cache', 100]])])]))
    expect(await shares(2)).toEqual({ [expected]: 2 })
  })

  it('is ended by a policy that forbids it from now on, and so is none that may stay', async () => {
    await world.apply(everything([tcpHost('cache'), tcpHost('other')]))
    const open = await Promise.all(['cache:6379', 'other:6379'].map((authority) => tunnel(world.outbound('default/caller-1'), authority)))
    const [forbidden, kept] = open
    if (forbidden === undefined || kept === undefined || typeof forbidden === 'number' || typeof kept === 'number') throw new Error('not opened')
    const ended = new Promise((resolve) => forbidden.once('close', resolve))
    forbidden.resume().on('error', () => undefined)
    const changed = everything([tcpHost('cache'), tcpHost('other')])
    const workloads = new Map(changed.workloads).set('default/cache-1', workload('cache', { protocol: 'tcp', port: 6379, policy: NOBODY }))
    await world.apply({ ...changed, workloads })
    await ended
    const echo = new Promise<string>((resolve) => kept.on('data', (text: Buffer) => (text.includes('STILL') ? resolve('alive') : undefined)))
    kept.write('still')
    expect(await echo).toBe('alive')
    kept.destroy()
    await world.apply(everything([tcpHost('cache'), tcpHost('other')]))
  })

  it('is counted by both sides: how many were made and have ended, and what went over them', async () => {
    const shown = everything([tcpHost('other')])
    await world.apply(shown)
    const numbers = async () =>
      trafficOf(await world.admin('/stats/prometheus?filter=^traffic'), shown).filter(({ destination }) => destination.workload === 'other-1')
    const before = await numbers()
    expect(await talk('other:6379', 'hello', /HELLO/)).toBe('other\nHELLO')
    const grown = (reporter: string, name: 'opened' | 'closed' | 'sentBytes' | 'receivedBytes', now: Awaited<ReturnType<typeof numbers>>) => {
      const of = (all: typeof now) => all.reduce((sum, one) => sum + (one.reporter === reporter ? (one.connections?.[name] ?? 0) : 0), 0)
      return of(now) - of(before)
    }
    for (const reporter of ['source', 'destination']) {
      const after = await eventually(async () => {
        const now = await numbers()
        return grown(reporter, 'closed', now) === 1 ? now : undefined
      })
      expect((['opened', 'closed', 'sentBytes', 'receivedBytes'] as const).map((name) => grown(reporter, name, after))).toEqual([1, 1, 5, 11])
      const [one] = after.filter((each) => each.reporter === reporter)
      expect([one?.source.workload, one?.requests, one?.security]).toEqual(['caller-1', 0, reporter === 'source' ? 'unknown' : 'mutual_tls'])
    }
  })

  it('that goes nowhere is refused', async () => {
    const nowhere: MeshTcpRoute = { ...route([]), targets: [{ weight: 100, workload: undefined, missing: 'there is none' }] }
    await world.apply(everything([tcpHost('cache', [nowhere])]))
    expect(await talk('cache:6379', '', /x/)).toBe(503)
    await world.apply(everything([tcpHost('cache', [route([['web', 100]])])]))
    expect(await talk('cache:6379', '', /x/)).toBe(503)
    expect(world.plane.refused).toEqual([])
  })
})
