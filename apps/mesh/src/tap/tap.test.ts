import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import type { TapCall, TapEvent, TapRequest } from '@weft/mesh-model'
import { tapKey } from '../encode/tap.ts'
import { askAdmin } from '../envoy/admin.ts'
import { callOnce, eventually, startFixture, type Fixture } from '../testing/fixture.ts'
import { TapSwitches } from './switches.ts'

let fixture: Fixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

const request = (name: string, more: Partial<TapRequest> = {}): TapRequest => ({
  name: { namespace: 'default', name },
  filter: {},
  maxRps: 100,
  durationMs: 60_000,
  ...more,
})

/** A tap that is read all the time. */
async function reader({ mesh }: Fixture, wanted: TapRequest) {
  const tap = await mesh.tap(wanted)
  if (tap === undefined) throw new Error('there is no such workload')
  const events: TapEvent[] = []
  const stop = new AbortController()
  const read = (async () => {
    for await (const event of tap.events(stop.signal)) events.push(event)
  })()
  const calls = () => events.filter((event): event is TapCall => event.kind === 'call')
  return { events, calls, ended: read, stop: () => stop.abort() }
}

/** Keys of taps that are on, of all proxies. */
async function switchedOn({ directory }: Fixture, proxies: number): Promise<readonly string[]> {
  const all = Array.from({ length: proxies }, (_, index) => askAdmin(join(directory, `run${index + 1}`, 'admin'), '/runtime'))
  return (await Promise.all(all)).flatMap(({ body }) =>
    Object.keys((JSON.parse(body) as { entries?: object }).entries ?? {}).filter((key) => key.startsWith('weft.tap.')),
  )
}

const off = (of: Fixture, proxies: number) => eventually(async () => ((await switchedOn(of, proxies)).length === 0 ? true : undefined))

/** Two functions, the first with a replica that makes calls. */
async function two(proxies: number) {
  const started = (fixture = await startFixture({ proxies }))
  await started.deploy('a')
  await started.mesh.settled(await started.deploy('b'), 5_000)
  const own = await started.replica('a')
  await started.mesh.setReplicas({ namespace: 'default', name: 'a-v1' }, [own])
  const fromA = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    callOnce({ socketPath: own.outboundSocket ?? '' }, path, { method, headers: { host: 'b', ...headers } })
  await eventually(async () => ((await fromA('/')).status === 200 ? true : undefined))
  return { started, fromA, call: started.call }
}

describe.each([1, 2])('a tap, with %i Envoys', (proxies) => {
  it('shows who called a function and what came of it, both ways, and nothing of a secret', async () => {
    const { started, fromA, call } = await two(proxies)
    const b = await reader(started, request('b'))
    const a = await reader(started, request('a', { filter: { direction: 'outbound' } }))
    const secrets = { authorization: 'Bearer hidden-1', cookie: 'session=hidden-2', referer: 'http://x/?t=hidden-3' }
    await eventually(async () => {
      await fromA('/inner?token=hidden-4', secrets, 'POST')
      return b.calls().length > 0 && a.calls().length > 0 ? true : undefined
    })
    await call('/function/b/outer?token=hidden-5', { headers: secrets })
    const outer = await eventually(() => b.calls().find(({ path }) => path === '/outer'))
    expect(outer).toMatchObject({
      direction: 'inbound',
      source: { workload: 'ingress', namespace: 'weft-system' },
      destination: { workload: 'b-v1' },
      method: 'GET',
      status: 200,
      mtls: true,
    })
    expect(outer.callId).toMatch(/./)
    expect(outer.responseBytes).toBeGreaterThan(0)
    expect(Math.abs(Date.now() - Date.parse(outer.at))).toBeLessThan(60_000)
    const peer = { source: { workload: 'a-v1', principal: 'spiffe://cluster.local/ns/default/sa/a' }, destination: { workload: 'b-v1', version: 'v1' } }
    expect(b.calls().find(({ path }) => path === '/inner')).toMatchObject({
      direction: 'inbound',
      ...peer,
      method: 'POST',
      status: 200,
      mtls: true,
      flags: '-',
    })
    expect(a.calls()[0]).toMatchObject({ direction: 'outbound', ...peer, path: '/inner', mtls: true })
    expect(JSON.stringify([...a.events, ...b.events])).not.toContain('hidden')
    a.stop()
    b.stop()
    await Promise.all([a.ended, b.ended])
    await off(started, proxies)
  })

  it('shows calls that policy refuses, those that waited for a replica, and only what was asked for', async () => {
    const { started, fromA, call } = await two(proxies)
    const { mesh, store } = started
    await mesh.setReplicas({ namespace: 'default', name: 'b-v1' }, [])
    const all = await reader(started, request('b-v1'))
    await eventually(async () => {
      if (all.calls().length > 0) return true
      await mesh.setReplicas({ namespace: 'default', name: 'b-v1' }, [])
      await fromA('/woken')
      return undefined
    })
    expect(all.calls()[0]).toMatchObject({ held: true, status: 200 })
    const policy = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'only', namespace: 'default' },
      spec: { rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/a'] } }] }] },
    }
    await mesh.settled((await store.create(policy)).metadata.resourceVersion ?? '', 5_000)
    const refused = await reader(started, request('b', { filter: { status: { from: 400, to: 599 } } }))
    const ofA = await reader(
      started,
      request('b', { filter: { path: { kind: 'exact', value: '/yes' }, from: { kind: 'workload', name: { namespace: 'default', name: 'a' } } }, limit: 3 }),
    )
    await eventually(async () => {
      expect((await call('/function/b/no')).status).toBe(403)
      expect((await fromA('/yes')).status).toBe(200)
      return ofA.events.at(-1)?.kind === 'end' && refused.calls().length > 1 ? true : undefined
    })
    expect(refused.calls().every(({ status, path, source }) => status === 403 && path === '/no' && source.workload === 'ingress')).toBe(true)
    expect(refused.calls()[0]?.details).toContain('rbac_access_denied')
    expect(ofA.calls().map(({ path }) => path)).toEqual(['/yes', '/yes', '/yes'])
    expect(ofA.events.at(-1)).toEqual({ kind: 'end', reason: 'limit' })
  })

  it('is switched off when its time is over, its reader is gone, or the mesh restarts; and comes back with Envoy while it is read', async () => {
    const { started, fromA } = await two(proxies)
    const { mesh } = started
    const short = await reader(started, request('b', { durationMs: 600 }))
    await short.ended
    expect(short.events.at(-1)).toEqual({ kind: 'end', reason: 'duration' })
    await off(started, proxies)
    const kept = await reader(started, request('b'))
    expect((await switchedOn(started, proxies)).length).toBe(1)
    const pids = await Promise.all(
      Array.from({ length: proxies }, async (_, index) => {
        const { pid } = JSON.parse(await readFile(join(started.directory, `run${index + 1}`, 'envoy.pid'), 'utf8')) as { readonly pid: number }
        return pid
      }),
    )
    expect(pids).toContain(await mesh.envoyPid())
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      const before = kept.calls().length
      await fromA('/again').catch(() => undefined)
      return before > 0 ? true : undefined
    }, 30_000)
    kept.stop()
    await kept.ended
    await off(started, proxies)
  }, 60_000)
})

describe('taps', () => {
  it('end when the mesh does', async () => {
    const { started } = await two(1)
    const open = await reader(started, request('b'))
    await started.mesh.stop(0)
    await open.ended
    expect(open.events.at(-1)).toEqual({ kind: 'end', reason: 'closed' })
  })

  it('of names that there are not, and more than eight, are refused', async () => {
    const { started } = await two(1)
    const { mesh } = started
    expect(await mesh.tap(request('none'))).toBeUndefined()
    const open = await Promise.all(Array.from({ length: 8 }, () => reader(started, request('b'))))
    await expect(mesh.tap(request('b'))).rejects.toMatchObject({ code: 'TOO_MANY_TAPS', status: 429 })
    open[0]?.stop()
    await open[0]?.ended
    await eventually(async () => ((await mesh.tap(request('b')).catch(() => undefined)) === undefined ? undefined : true))
    for (const one of open) one.stop()
  })

  it('that an earlier control plane left on are switched off by the next', async () => {
    const { started } = await two(1)
    const admin = join(started.directory, 'run1', 'admin')
    await askAdmin(admin, `/runtime_modify?${tapKey('default/gone')}=100`, { method: 'POST' })
    expect((await switchedOn(started, 1)).length).toBe(1)
    const proxy = { node: 'node-1', adminSocket: admin, pid: await started.mesh.envoyPid() }
    expect(await new TapSwitches(askAdmin, silentLog()).bring(proxy, new Set())).toBe(true)
    expect(await switchedOn(started, 1)).toEqual([])
  })
})
